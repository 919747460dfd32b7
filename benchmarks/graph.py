"""A network as plain data that any framework can be built from: its operators, and which reads what."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from minidl import Module
from minidl.description import operators as op
from minidl.description.graph import Describer, Node
from minidl.typing import Border, Pair

Layer = dict[str, Any]
"""Plain data: "kind", an operator's name; "inputs", the numbers of the layers that it reads, IMAGES for the images;
"input_shape" and "shape" of a sample, sizes as pairs, and parameters as arrays, in minidl's layout."""

IMAGES = -1
"""What stands for the network's input among a layer's inputs."""


def describe(model: Module) -> list[Layer]:
    """Each operator with its parameters, after those that it reads; the last one gives the network's output.

    Raises NotImplementedError for what no peer has a counterpart of.
    """
    shape: Any = model.input_shape  # type: ignore[attr-defined]
    describer = Describer("training", batch_size=2)
    image = describer.input(shape)
    output = describer.call(model, image)
    place: dict[int, int] = {image.node: IMAGES}
    layers: list[Layer] = []
    for number, node in enumerate(describer.nodes):
        if number in place:
            continue
        inputs = tuple(place[source] for source in node.inputs)
        if isinstance(node.operator, op.Identity):
            place[number] = inputs[0]
            continue
        place[number] = len(layers)
        input_shape = describer.nodes[node.inputs[0]].shape
        layers.append({**_details(node), "inputs": inputs, "input_shape": input_shape, "shape": node.shape})
    if place[output.node] != len(layers) - 1:
        raise NotImplementedError("the last layer isn't the network's output")
    return layers


def _details(node: Node) -> Layer:
    """The kind, sizes and parameters of an operator."""
    operator = node.operator
    make = _DETAILS.get(type(operator))
    is_known = {
        op.AdaptiveAveragePool: getattr(operator, "to_vectors", False),
        op.Reshape: len(node.shape) == 1,
    }.get(type(operator), make is not None)
    if not is_known:
        raise NotImplementedError(f"{node.name} ({node.layer}): its {type(operator).__name__} has no counterpart")
    kind = {op.AdaptiveAveragePool: "GlobalAveragePool", op.Reshape: "Flatten"}.get(type(operator))
    return {"kind": kind or type(operator).__name__, **(make(operator) if make else {})}


def _affine(operator: Any) -> Layer:
    bias = operator.bias
    return {"weight": operator.weight.value.copy(), "bias": None if bias is None else bias.value.copy()}


def _convolution(operator: Any) -> Layer:
    stride, padding, dilation, groups = operator.geometry
    return _affine(operator) | {
        "stride": stride,
        "padding": _sides(padding),
        "dilation": dilation,
        "groups": groups,
    }


def _transposed(operator: Any) -> Layer:
    layer = _convolution(operator)
    if layer["padding"] != (0, 0) or layer["dilation"] != (1, 1) or layer["groups"] != 1:
        raise NotImplementedError("a transposed convolution with padding, dilation or groups has no counterpart")
    return layer


def _pool(operator: Any) -> Layer:
    if operator.dilation != (1, 1):
        raise NotImplementedError("a dilated pooling has no counterpart")
    return {"pool_size": operator.pool_size, "stride": operator.stride, "padding": _sides(operator.padding)}


def _normalization(operator: Any) -> Layer:
    statistics = {"running_mean": operator.running_mean.copy(), "running_var": operator.running_variance.copy()}
    return _affine(operator) | statistics | {"eps": operator.eps, "momentum": operator.momentum}


def _nothing(operator: Any) -> Layer:
    del operator
    return {}


def _sides(border: Border) -> Pair:
    """The padding of an axis at both ends."""
    if any(before != after for before, after in border):
        raise NotImplementedError(f"padding {border} differs at the two ends of an axis")
    return (border[0][0], border[1][0])


_DETAILS: dict[type, Callable[[Any], Layer]] = {
    op.Conv: _convolution,
    op.ConvTranspose: _transposed,
    op.Dense: _affine,
    op.MaxPool: _pool,
    op.BatchNorm: _normalization,
    op.ReLU: _nothing,
    op.Softmax: _nothing,
    op.Add: _nothing,
    op.Concat: _nothing,
}


def gradients_of(layers: list[Layer]) -> list[tuple[int, str]]:
    """(layer, "weight" or "bias") of every trained parameter, in order: "gradient.i" belongs to the i-th."""
    return [(i, name) for i, layer in enumerate(layers) for name in ("weight", "bias") if layer.get(name) is not None]


def size_of(layers: list[Layer]) -> int:
    """The number of trained parameters."""
    return sum(layers[i][name].size for i, name in gradients_of(layers))


def flops(layers: list[Layer], *, training: bool) -> int:
    """Multiplications and additions for one sample, as direct convolutions and plain matrix products need them.

    Training takes them three times, for the output and for the gradients of weights and input; but the images' own
    gradient isn't needed.
    """
    total = 0
    for layer in layers:
        total += 2 * _macs(layer) * ((2 if IMAGES in layer["inputs"] else 3) if training else 1)
    return total


def _macs(layer: Layer) -> int:
    """Those of a layer that multiplies by a matrix of weights; 0 for others."""
    weight: np.ndarray[Any, Any] | None = layer.get("weight")
    if layer["kind"] == "Dense":
        return math.prod(weight.shape) if weight is not None else 0
    if weight is None or layer["kind"] not in ("Conv", "ConvTranspose"):
        return 0
    pixels = layer["input_shape" if layer["kind"] == "ConvTranspose" else "shape"]
    return math.prod(pixels) * math.prod(weight.shape[1:])
