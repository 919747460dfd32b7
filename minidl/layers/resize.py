"""Images made larger, by a border or by more pixels."""

from minidl import functional as F
from minidl import shapes
from minidl.description import operators as op
from minidl.description.graph import Describer, Value
from minidl.module import Module
from minidl.typing import Array, Backward, Shape, Sides, Size

__all__ = ["UpSample2D", "ZeroPad2D"]


class ZeroPad2D(Module):
    """Images (n, c, h, w) in a border of zeros.

    `padding` is its width on all sides, (vertical, horizontal), or ((top, bottom), (left, right)).
    """

    def __init__(self, padding: Sides) -> None:
        self.padding = padding
        shapes.sides(padding)

    def output_shape(self, input_shape: Shape) -> Shape:
        channels, height, width = shapes.image_shape(input_shape)
        down, across = shapes.sides(self.padding)
        return (channels, height + sum(down), width + sum(across))

    def describe(self, describer: Describer, x: Value) -> Value:
        return describer.add(op.ZeroPad(shapes.sides(self.padding)), x, shape=self.output_shape(x.shape))

    def forward(self, x: Array, *, train: bool) -> tuple[Array, Backward]:
        y, pullback = F.zero_pad2d(x, self.padding)

        def backward(dy: Array, *, need_dx: bool = True) -> Array | None:
            return pullback(dy) if need_dx else None

        return y, backward


class UpSample2D(Module):
    """Images (n, c, h, w) made `size` times as high and wide, by an int or (down, across).

    `interpolation` is "nearest", each pixel repeated, or "bilinear", from the centre of each pixel to that of the next,
    and constant beyond the outer ones: PyTorch's align_corners=False.
    """

    def __init__(self, size: Size = 2, *, interpolation: str = "nearest") -> None:
        self.size = size
        self.interpolation = interpolation
        shapes.pair(size, "size")
        shapes.check_interpolation(interpolation)

    def output_shape(self, input_shape: Shape) -> Shape:
        channels, height, width = shapes.image_shape(input_shape)
        shapes.check_pixels((height, width))
        down, across = shapes.pair(self.size, "size")
        return (channels, height * down, width * across)

    def describe(self, describer: Describer, x: Value) -> Value:
        operator = op.UpSample(shapes.pair(self.size, "size"), self.interpolation)
        return describer.add(operator, x, shape=self.output_shape(x.shape))

    def forward(self, x: Array, *, train: bool) -> tuple[Array, Backward]:
        y, pullback = F.upsample2d(x, self.size, interpolation=self.interpolation)

        def backward(dy: Array, *, need_dx: bool = True) -> Array | None:
            return pullback(dy) if need_dx else None

        return y, backward
