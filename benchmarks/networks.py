"""The networks that are measured, and a description of each that any framework can be built from."""

from typing import Any

import numpy as np

import minidl
from minidl import Module, Sequential

Layer = dict[str, Any]
"""Plain data: "kind", "input_shape", sizes as pairs, and parameters as arrays, in minidl's layout."""

NAMES = ("tutorial", "lenet", "cnn", "vgg")
"""The networks of the training and inference suites."""


def build(name: str, **options: Any) -> Sequential:
    """A network by name: of `minidl.models`, or "scaled", which takes `channels` and `side`."""
    if name == "scaled":
        return scaled(**options)
    model: Sequential = getattr(minidl.models, name)(seed=0, **options)
    return model


def scaled(*, channels: int, side: int) -> Sequential:
    """The shape of `cnn`, with this many filters at first and images of this many pixels a side."""
    layers: list[Module] = [
        *(minidl.Conv2D(channels, 3, padding=1), minidl.ReLU(), minidl.MaxPool2D(2)),
        *(minidl.Conv2D(2 * channels, 3, padding=1), minidl.ReLU(), minidl.MaxPool2D(2)),
        *(minidl.Flatten(), minidl.Dense(10)),
    ]
    return Sequential(layers, input_shape=(1, side, side), seed=0)


def without_softmax(model: Sequential) -> Sequential:
    """The same parameters less a Softmax at the end: cross-entropy is computed from the logits."""
    layers = list(model)
    if not isinstance(layers[-1], minidl.Softmax):
        return model
    return Sequential(layers[:-1], input_shape=model.input_shape)


def describe(model: Sequential) -> list[Layer]:
    """Each layer with its parameters."""
    assert model.input_shape is not None
    return list(_describe(list(model), model.input_shape))


def _describe(modules: list[Any], shape: tuple[int, ...]) -> list[Layer]:
    layers: list[Layer] = []
    for module in modules:
        kind = type(module).__name__
        if hasattr(module, "layers"):
            layers += _describe(list(module.layers), shape)
        else:
            layers.append({"kind": kind, "input_shape": shape, **_DETAILS.get(kind, _nothing)(module)})
        shape = tuple(module.output_shape(shape))
    return layers


def _nothing(module: Any) -> Layer:
    del module
    return {}


def _pair(size: Any) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else (int(size[0]), int(size[1]))


def _affine(module: Any) -> Layer:
    return {"weight": module.weight.value.copy(), "bias": None if module.bias is None else module.bias.value.copy()}


def _convolution(module: Any) -> Layer:
    return _affine(module) | {
        "stride": _pair(module.stride),
        "padding": _pair(module.padding),
        "dilation": _pair(module.dilation),
        "groups": module.groups,
    }


def _pool(module: Any) -> Layer:
    size = _pair(module.pool_size)
    stride = size if module.stride is None else _pair(module.stride)
    return {"pool_size": size, "stride": stride, "padding": _pair(module.padding)}


def _normalization(module: Any) -> Layer:
    state = {name: np.asarray(value) for name, value in module.state_dict().items()}
    return {name: state[name] for name in ("weight", "bias", "running_mean", "running_var")} | {
        "eps": module.eps,
        "momentum": module.momentum,
    }


_DETAILS = {"Conv2D": _convolution, "Dense": _affine, "MaxPool2D": _pool, "BatchNorm2D": _normalization}


def gradients_of(layers: list[Layer]) -> list[tuple[int, str]]:
    """(layer, "weight" or "bias") of every trained parameter, in order: "gradient.i" belongs to the i-th."""
    return [(i, name) for i, layer in enumerate(layers) for name in ("weight", "bias") if layer.get(name) is not None]


def samples(input_shape: tuple[int, ...], count: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """(images, labels): real ones of 28 x 28 pixels, else noise; images (n, c, h, w), channels last in memory."""
    if input_shape == (1, 28, 28):
        train, _ = minidl.datasets.fashion_mnist_10k()
        images, labels = train.images[:count], train.labels[:count]
    else:
        rng = np.random.default_rng(0)
        channels, height, width = input_shape
        images = rng.random((count, height, width, channels), dtype=np.float32).transpose(0, 3, 1, 2)
        labels = rng.integers(0, 10, count)
    return images, labels.astype(np.int64)
