"""Pooling."""

from minidl import functional as F
from minidl import shapes
from minidl.module import Module
from minidl.typing import Array, Backward, Padding, Shape, Size


class MaxPool2D(Module):
    """The maximum of each window of images (n, c, h, w); `stride` is the pool's size unless given.

    y is (n, c, oh, ow) with oh = floor((h + 2 padding - pool) / stride) + 1. `padding` is an int, a pair (at most half
    of the pool) or "same". The first maximum wins a tie, NaN wins over everything, padding never wins.
    """

    def __init__(self, pool_size: Size, *, stride: Size | None = None, padding: Padding = 0) -> None:
        self.pool_size = pool_size
        self.stride = stride
        self.padding = padding
        if stride is not None:
            shapes.pair(stride, "stride")
        shapes.check_pool_padding(shapes.pair(pool_size, "pool_size"), padding)

    def output_shape(self, input_shape: Shape) -> Shape:
        channels, *size = shapes.image_shape(input_shape)
        _, window = shapes.pool((size[0], size[1]), self.pool_size, stride=self.stride, padding=self.padding)
        return (channels, *window.output)

    def forward(self, x: Array, *, train: bool) -> tuple[Array, Backward]:
        y, pullback = F.max_pool2d(x, self.pool_size, stride=self.stride, padding=self.padding)

        def backward(dy: Array, *, need_dx: bool = True) -> Array | None:
            return pullback(dy) if need_dx else None

        return y, backward
