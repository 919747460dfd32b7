"""Parameters and gradients between minidl's layout and that of the frameworks whose images are (n, h, w, c)."""

from typing import Any

import numpy as np

from benchmarks.graph import IMAGES, Layer, gradients_of

Array = np.ndarray[Any, Any]
_FILTERS = ("Conv", "ConvTranspose")


def convert(layers: list[Layer]) -> list[Layer]:
    """With parameters in the frameworks' layout.

    Filters are (kh, kw, in, out), transposed ones (kh, kw, out, in); dense weights (in, out), with rows in the order
    of flattened (h, w, c).
    """
    converted = []
    for layer, flattened in zip(layers, _flattened(layers), strict=True):
        layer = dict(layer)
        if layer["kind"] in _FILTERS:
            layer["weight"] = np.ascontiguousarray(layer["weight"].transpose(2, 3, 1, 0))
        elif layer["kind"] == "Dense":
            weight: Array = layer["weight"]
            if flattened is not None:
                weight = weight.reshape(-1, *flattened).transpose(0, 2, 3, 1).reshape(weight.shape)
            layer["weight"] = np.ascontiguousarray(weight.T)
        converted.append(layer)
    return converted


def gradients_back(layers: list[Layer], gradients: list[Array]) -> dict[str, Array]:
    """Gradients of converted parameters as the outcome of a job: "gradient.i" in minidl's layout."""
    flattened, outcome = _flattened(layers), {}
    for i, ((place, name), gradient) in enumerate(zip(gradients_of(layers), gradients, strict=True)):
        gradient = np.asarray(gradient)
        if name == "weight" and layers[place]["kind"] in _FILTERS:
            # Those by channel may have come as (kh, kw, c, 1), which is the same but for the axes' order.
            gradient = gradient.transpose(3, 2, 0, 1).reshape(layers[place]["weight"].shape)
        elif name == "weight" and layers[place]["kind"] == "Dense":
            gradient, shape = gradient.T, flattened[place]
            if shape is not None:
                channels, height, width = shape
                gradient = gradient.reshape(-1, height, width, channels).transpose(0, 3, 1, 2)
                gradient = gradient.reshape(len(gradient), -1)
        outcome[f"gradient.{i}"] = gradient
    return outcome


def _flattened(layers: list[Layer]) -> list[tuple[int, int, int] | None]:
    """For each layer the (c, h, w) that a Flatten right before it has flattened, or None."""
    shapes: list[tuple[int, int, int] | None] = []
    for layer in layers:
        source = layer["inputs"][0]
        before = None if source == IMAGES else layers[source]
        images = before is not None and before["kind"] == "Flatten" and len(before["input_shape"]) == 3
        shapes.append(tuple(before["input_shape"]) if images and before is not None else None)
    return shapes
