"""Networks whose blocks add to what they are given."""

from minidl import shapes
from minidl.errors import keyword_hints
from minidl.layers import (
    AveragePool2D,
    BatchNorm2D,
    Conv2D,
    Dense,
    GlobalAveragePool2D,
    MaxPool2D,
    ReLU,
    Residual,
    ZeroPadAxis,
)
from minidl.model import Sequential
from minidl.models.plain import CIFAR, IMAGENET
from minidl.models.registry import input_shape_of, trained
from minidl.module import Module
from minidl.typing import Shape


@keyword_hints
def resnet20(
    *,
    input_shape: Shape | None = None,
    classes: int = 10,
    shortcut: str = "projection",
    weights: str | None = None,
    seed: int | None = None,
) -> Sequential:
    """The residual network of 20 layers for small images: three stages of three blocks, of 16, 32 and 64 filters.

    A block is two 3 x 3 convolutions with batch normalization, and ReLU after the first and after the sum. The second
    and third stage begin with a stride of 2, where the `shortcut` is a 1 x 1 convolution with batch normalization,
    "projection", the paper's option B; or "pad", option A, as its own networks for CIFAR-10 have it: every second
    pixel, between channels of zeros, without parameters. The mean of each channel goes into the dense layer; logits of
    the classes. `input_shape` is (3, 32, 32) unless it's given, or that of the `weights`. Raises ValueError for another
    shortcut. Source: He, Zhang, Ren and Sun, "Deep residual learning for image recognition", 2015, section 4.2.
    """
    if shortcut not in ("projection", "pad"):
        raise ValueError(f'shortcut: expected "projection" or "pad", got {shortcut!r}')
    shape = input_shape_of("resnet20", weights, CIFAR) if input_shape is None else input_shape
    layers = [*_normalized(16, 3), ReLU(), *_stages((16, 32, 64), blocks=3, channels=16, pads=shortcut == "pad")]
    layers += [GlobalAveragePool2D(), Dense(shapes.count(classes, "classes"))]
    return trained(Sequential(layers, input_shape=shape, seed=seed), "resnet20", weights)


@keyword_hints
def resnet18(*, input_shape: Shape = IMAGENET, classes: int = 1000, seed: int | None = None) -> Sequential:
    """The residual network of 18 layers for ImageNet: four stages of two blocks, of 64, 128, 256 and 512 filters.

    A 7 x 7 convolution and a 3 x 3 max-pooling, each with a stride of 2, come first; blocks, shortcuts (option B) and
    what follows them are those of `resnet20`. So the last stage sees 1/32 of the images' size: 7 x 7 pixels of 224 x
    224, and of 32 x 32 a single one. Logits of the classes. Source: He, Zhang, Ren and Sun, "Deep residual learning for
    image recognition", 2015, table 1.
    """
    layers = [*_normalized(64, 7, stride=2), ReLU(), MaxPool2D(3, stride=2, padding=1)]
    layers += _stages((64, 128, 256, 512), blocks=2, channels=64)
    layers += [GlobalAveragePool2D(), Dense(shapes.count(classes, "classes"))]
    return Sequential(layers, input_shape=input_shape, seed=seed)


def _stages(widths: tuple[int, ...], *, blocks: int, channels: int, pads: bool = False) -> list[Module]:
    """Stages of these numbers of filters, all but the first with a stride of 2; `channels` come in."""
    shortcut = _padded if pads else _projected
    layers: list[Module] = []
    for filters in widths:
        for i in range(blocks):
            stride = 2 if i == 0 and filters > widths[0] else 1
            body = [*_normalized(filters, 3, stride=stride), ReLU(), *_normalized(filters, 3)]
            projection = None if channels == filters else shortcut(channels, filters, stride)
            layers += [Residual(body, projection=projection), ReLU()]
            channels = filters
    return layers


def _projected(channels: int, filters: int, stride: int) -> list[Module]:
    """A shortcut with weights."""
    del channels
    return _normalized(filters, 1, stride=stride)


def _padded(channels: int, filters: int, stride: int) -> list[Module]:
    """A shortcut without: a pool of one pixel takes each `stride`-th."""
    before = (filters - channels) // 2
    return [AveragePool2D(1, stride=stride), ZeroPadAxis(1, before, filters - channels - before)]


def _normalized(filters: int, kernel_size: int, *, stride: int = 1) -> list[Module]:
    return [Conv2D(filters, kernel_size, stride=stride, padding=kernel_size // 2, bias=False), BatchNorm2D()]
