"""The networks that are measured, and the images that they are given."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

import minidl
from minidl import Module, Sequential
from minidl.model import SavedModel
from minidl.models import IMAGENET


@dataclass(frozen=True)
class Network:
    """A model of `minidl.models` with its arguments, and the batches that it's measured with."""

    model: str
    options: dict[str, Any] = field(default_factory=dict)
    inference: tuple[int, ...] = (1, 32, 128)
    training: tuple[int, ...] = (1, 32, 128)
    gradient_tolerance: float = 2e-2
    """How far a parameter's gradient may be from the oracle's, in parts of its norm."""


_DEEP = 0.2
"""For MobileNet: through its 27 normalizations rounding grows a hundred thousand times before a training. At 224 x 224
gradients in float32 are 1 to 9 % off those in float64, by the framework and the order of its sums."""
_WIDE = {"input_shape": IMAGENET, "classes": 1000, "width": 1, "stem_stride": 2}
NETWORKS = {
    **{name: Network(name) for name in ("tutorial", "lenet", "cnn", "vgg", "resnet20")},
    "mobilenet": Network("mobilenet", training=(32, 128), gradient_tolerance=_DEEP),
    "resnet18-64": Network("resnet18", {"input_shape": (3, 64, 64), "classes": 10}, (1, 8, 32), (16,)),
    "resnet18-224": Network("resnet18", {}, (1, 8), (8,)),
    "mobilenet-224": Network("mobilenet", _WIDE, (1, 8), (8,), gradient_tolerance=_DEEP),
    "unet": Network("unet", {"input_shape": (3, 64, 64)}, (1, 8), (16,)),
}
"""Those of the training and inference suites, by the names that `--networks` takes."""


def build(name: str, **options: Any) -> SavedModel:
    """A network by name: of NETWORKS, or "scaled", which takes `channels`, `side` and `depth`."""
    if name == "scaled":
        return scaled(**options)
    network = NETWORKS[name]
    model: SavedModel = getattr(minidl.models, network.model)(seed=0, **network.options, **options)
    return model


def scaled(*, channels: int, side: int, depth: int = 2) -> Sequential:
    """The shape of `cnn`, with this many filters at first and images of this many pixels a side.

    Of `depth` convolutions all but the first two keep the size.
    """
    layers: list[Module] = [
        *(minidl.Conv2D(channels, 3, padding=1), minidl.ReLU(), minidl.MaxPool2D(2)),
        *(minidl.Conv2D(2 * channels, 3, padding=1), minidl.ReLU(), minidl.MaxPool2D(2)),
    ]
    for _ in range(depth - 2):
        layers += [minidl.Conv2D(2 * channels, 3, padding=1), minidl.ReLU()]
    layers += [minidl.Flatten(), minidl.Dense(10)]
    return Sequential(layers, input_shape=(1, side, side), seed=0)


def without_softmax(model: SavedModel) -> SavedModel:
    """The same parameters less a Softmax at the end: cross-entropy is computed from the logits."""
    if not isinstance(model, Sequential) or not isinstance(model[-1], minidl.Softmax):
        return model
    return Sequential(list(model)[:-1], input_shape=model.input_shape)


def samples(model: Module, count: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """(images, labels) for a model: real images of 28 x 28 pixels, else noise; a label for each pixel of a map.

    Images are (n, c, h, w), channels last in memory.
    """
    input_shape: Any = model.input_shape  # type: ignore[attr-defined]
    classes, *pixels = model.output_shape(input_shape)
    if input_shape == (1, 28, 28):
        train, _ = minidl.datasets.fashion_mnist_10k()
        images, labels = train.images[:count], train.labels[:count]
    else:
        rng = np.random.default_rng(0)
        channels, height, width = input_shape
        images = rng.random((count, height, width, channels), dtype=np.float32).transpose(0, 3, 1, 2)
        labels = rng.integers(0, classes, (count, *pixels))
    return images, labels.astype(np.int64)
