"""Networks of convolutions that are separated into one by channel and one across channels."""

from minidl import shapes
from minidl.errors import keyword_hints
from minidl.layers import BatchNorm2D, Conv2D, Dense, DepthwiseConv2D, GlobalAveragePool2D, ReLU
from minidl.model import Sequential
from minidl.models.plain import CIFAR
from minidl.models.registry import input_shape_of, trained
from minidl.module import Module
from minidl.typing import Shape

# (filters, stride) of each block: table 1 of the paper.
_BLOCKS = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1)]


@keyword_hints
def mobilenet(
    *,
    input_shape: Shape | None = None,
    classes: int = 10,
    width: float = 0.25,
    stem_stride: int = 1,
    weights: str | None = None,
    seed: int | None = None,
) -> Sequential:
    """MobileNet with `width` times as many filters as the paper's.

    A 3 x 3 convolution, then thirteen blocks of a 3 x 3 convolution by channel and a 1 x 1 convolution across channels,
    each with batch normalization and ReLU; the mean of each channel goes into the dense layer; logits of the classes.
    `stem_stride` is the first convolution's: the paper has 2, for images of 224 x 224, and 1 suits small ones.
    `input_shape` is (3, 32, 32) unless it's given, or that of the `weights`. Source: Howard et al., "MobileNets:
    efficient convolutional neural networks for mobile vision applications", 2017.
    """
    if not 0 < width < float("inf"):
        raise ValueError(f"width: expected a number above 0, got {width!r}")
    shapes.count(stem_stride, "stem_stride")
    shape = input_shape_of("mobilenet", weights, CIFAR) if input_shape is None else input_shape
    stem = Conv2D(_times(32, width), 3, stride=stem_stride, padding=1, bias=False)
    layers: list[Module] = [stem, BatchNorm2D(), ReLU()]
    for filters, stride in _BLOCKS:
        layers += [DepthwiseConv2D(3, stride=stride, padding=1, bias=False), BatchNorm2D(), ReLU()]
        layers += [Conv2D(_times(filters, width), 1, bias=False), BatchNorm2D(), ReLU()]
    layers += [GlobalAveragePool2D(), Dense(shapes.count(classes, "classes"))]
    return trained(Sequential(layers, input_shape=shape, seed=seed), "mobilenet", weights)


def _times(filters: int, width: float) -> int:
    return max(1, round(filters * width))
