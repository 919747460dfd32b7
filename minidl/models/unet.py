"""A network that gives a map for each image, from coarse and fine features alike."""

import math

from minidl import shapes
from minidl.errors import ShapeError, keyword_hints
from minidl.graph.node import Input, Node
from minidl.layers import BatchNorm2D, Concatenate, Conv2D, ConvTranspose2D, MaxPool2D, ReLU
from minidl.model import Graph
from minidl.models.plain import CIFAR
from minidl.typing import Shape

FILTERS = 64
"""The paper's, at full size; each level down has twice as many."""


@keyword_hints
def unet(
    *, input_shape: Shape = CIFAR, classes: int = 2, depth: int = 3, width: float = 0.25, seed: int | None = None
) -> Graph:
    """U-Net for small images: logits (classes, h, w), a class for each pixel.

    `depth` times the size is halved by pooling and brought back by a transposed convolution, whose output meets that of
    the same size on the way down; each level is two 3 x 3 convolutions with batch normalization and ReLU, of `width`
    times as many filters as the paper's. The paper has a depth of 4, no normalization, and convolutions without
    padding, which cut the borders off. Raises ShapeError for images whose sides aren't multiples of 2**depth. Source:
    Ronneberger, Fischer and Brox, "U-Net: convolutional networks for biomedical image segmentation", 2015.
    """
    shapes.count(classes, "classes")
    shapes.count(depth, "depth")
    if not 0 < width < math.inf:
        raise ValueError(f"width: expected a number above 0, got {width!r}")
    size, step = shapes.image_shape(tuple(input_shape))[1:], 2**depth
    if size[0] % step or size[1] % step:
        near = " x ".join(str(max(step, round(length / step) * step)) for length in size)
        raise ShapeError(
            f"unet: expected images whose sides are multiples of {step}, as they are halved {depth} times, got "
            f"{size[0]} x {size[1]}; {near} would do, or another depth"
        )
    image = Input(input_shape, name="image")
    filters = [max(1, round(FILTERS * width * 2**level)) for level in range(depth + 1)]
    y, skips = image, []
    for level in range(depth):
        y = _level(y, filters[level], f"down{level}")
        skips.append(y)
        y = MaxPool2D(2)(y, name=f"pool{level}")
    y = _level(y, filters[depth], "bottom")
    for level in reversed(range(depth)):
        up = ConvTranspose2D(filters[level], 2, stride=2)(y, name=f"up{level}")
        y = _level(Concatenate()(skips[level], up, name=f"skip{level}"), filters[level], f"merge{level}")
    return Graph(image, Conv2D(classes, 1)(y, name="logits"), seed=seed)


def _level(x: Node, filters: int, name: str) -> Node:
    for letter in ("a", "b"):
        x = Conv2D(filters, 3, padding=1, bias=False)(x, name=f"{name}_{letter}")
        x = ReLU()(BatchNorm2D()(x, name=f"{name}_{letter}_norm"), name=f"{name}_{letter}_relu")
    return x
