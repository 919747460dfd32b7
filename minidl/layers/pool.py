"""Pooling."""

from minidl import functional as F
from minidl import shapes
from minidl.description import operators as op
from minidl.description.graph import Describer, Value
from minidl.errors import ShapeError
from minidl.module import Module
from minidl.typing import Array, Backward, Padding, PaddingAlong, Pair, Shape, Size

__all__ = [
    "AdaptiveAveragePool2D",
    "AveragePool1D",
    "AveragePool2D",
    "GlobalAveragePool1D",
    "GlobalAveragePool2D",
    "GlobalMaxPool1D",
    "GlobalMaxPool2D",
    "MaxPool1D",
    "MaxPool2D",
]


class _Pool2D(Module):
    """What a layer needs to know of windows that slide over images (n, c, h, w)."""

    def __init__(self, pool_size: Size, *, stride: Size | None = None, padding: Padding = 0) -> None:
        self.pool_size = pool_size
        self.stride = stride
        self.padding = padding
        if stride is not None:
            shapes.pair(stride, "stride")
        shapes.check_pool_padding(shapes.pair(pool_size, "pool_size"), padding)

    def _windows(self, input_shape: Shape) -> tuple[Pair, shapes.Window]:
        """(the pool's size, its window)."""
        size = shapes.image_shape(input_shape)[1:]
        return shapes.pool(size, self.pool_size, stride=self.stride, padding=self.padding)

    def output_shape(self, input_shape: Shape) -> Shape:
        _, window = self._windows(input_shape)
        return (input_shape[0], *window.output)


class MaxPool2D(_Pool2D):
    """The maximum of each window of `pool_size` in images (n, c, h, w); `stride` is the pool's size unless given.

    y is (n, c, oh, ow) with oh = floor((h + 2 padding - pool) / stride) + 1. `padding` is an int, a pair
    or ((top, bottom), (left, right)), each at most half of the pool, or "same". The first maximum wins a tie, NaN wins
    over everything, padding never wins.
    """

    def describe(self, describer: Describer, x: Value) -> Value:
        pool_size, window = self._windows(x.shape)
        operator = op.MaxPool(pool_size, window.stride, window.padding)
        return describer.add(operator, x, shape=self.output_shape(x.shape))

    def forward(self, x: Array, *, train: bool) -> tuple[Array, Backward]:
        y, pullback = F.max_pool2d(x, self.pool_size, stride=self.stride, padding=self.padding)
        return y, _without_parameters(pullback)


class AveragePool2D(_Pool2D):
    """The mean of each window of `pool_size` in images (n, c, h, w); `stride` is the pool's size unless given.

    y is (n, c, oh, ow) with oh = floor((h + 2 padding - pool) / stride) + 1. `padding` is an int, a pair
    or ((top, bottom), (left, right)), each at most half of the pool, or "same". Padding counts as zeros, as in PyTorch,
    or with `count_include_pad` False not at all, as in Keras.
    """

    def __init__(
        self, pool_size: Size, *, stride: Size | None = None, padding: Padding = 0, count_include_pad: bool = True
    ) -> None:
        super().__init__(pool_size, stride=stride, padding=padding)
        self.count_include_pad = count_include_pad
        if not isinstance(count_include_pad, bool):
            raise ValueError(f"count_include_pad: expected True or False, got {count_include_pad!r}")

    def describe(self, describer: Describer, x: Value) -> Value:
        pool_size, window = self._windows(x.shape)
        operator = op.AveragePool(pool_size, window.stride, window.padding, self.count_include_pad)
        return describer.add(operator, x, shape=self.output_shape(x.shape))

    def forward(self, x: Array, *, train: bool) -> tuple[Array, Backward]:
        y, pullback = F.average_pool2d(
            x,
            self.pool_size,
            stride=self.stride,
            padding=self.padding,
            count_include_pad=self.count_include_pad,
        )
        return y, _without_parameters(pullback)


class AdaptiveAveragePool2D(Module):
    """The means of `output_size` windows that cover images (n, c, h, w) of any size: y is (n, c, *output_size).

    The i-th of `out` windows along an axis of h pixels is from floor(i h / out) to ceil((i + 1) h / out), as in
    PyTorch: they overlap where h isn't a multiple of `out`.
    """

    def __init__(self, output_size: Size) -> None:
        self.output_size = output_size
        shapes.pair(output_size, "output_size")

    def output_shape(self, input_shape: Shape) -> Shape:
        channels, height, width = shapes.image_shape(input_shape)
        shapes.check_pixels((height, width))
        return (channels, *shapes.pair(self.output_size, "output_size"))

    def describe(self, describer: Describer, x: Value) -> Value:
        shape = self.output_shape(x.shape)
        return describer.add(op.AdaptiveAveragePool((shape[1], shape[2])), x, shape=shape)

    def forward(self, x: Array, *, train: bool) -> tuple[Array, Backward]:
        y, pullback = F.adaptive_average_pool2d(x, self.output_size)
        return y, _without_parameters(pullback)


class GlobalAveragePool2D(Module):
    """The mean of each channel: images (n, c, h, w) of any size become vectors (n, c)."""

    def output_shape(self, input_shape: Shape) -> Shape:
        channels, height, width = shapes.image_shape(input_shape)
        shapes.check_pixels((height, width))
        return (channels,)

    def describe(self, describer: Describer, x: Value) -> Value:
        operator = op.AdaptiveAveragePool((1, 1), to_vectors=True)
        return describer.add(operator, x, shape=self.output_shape(x.shape))

    def forward(self, x: Array, *, train: bool) -> tuple[Array, Backward]:
        y, pullback = F.global_average_pool2d(x)
        return y, _without_parameters(pullback)


class GlobalMaxPool2D(Module):
    """The maximum of each channel: images (n, c, h, w) of any size become vectors (n, c).

    The first maximum, row by row, wins a tie, and NaN wins over everything.
    """

    def output_shape(self, input_shape: Shape) -> Shape:
        channels, height, width = shapes.image_shape(input_shape)
        shapes.check_pixels((height, width))
        return (channels,)

    def forward(self, x: Array, *, train: bool) -> tuple[Array, Backward]:
        y, pullback = F.global_max_pool2d(x)
        return y, _without_parameters(pullback)


class _Pool1D(Module):
    """What a layer needs to know of windows that slide along sequences (n, c, length), images that are 1 high.

    None describes itself: a prepared network would copy sequences, before and after, to the order of images in memory.
    """

    def __init__(self, pool_size: int, *, stride: int | None = None, padding: PaddingAlong = 0) -> None:
        self.pool_size = shapes.count(pool_size, "pool_size")
        self.stride = None if stride is None else shapes.count(stride, "stride")
        self.padding = padding
        shapes.check_pool_padding_along(self.pool_size, padding)

    def output_shape(self, input_shape: Shape) -> Shape:
        channels, length = shapes.sequence_shape(input_shape)
        window = shapes.pool_along(length, self.pool_size, stride=self.stride, padding=self.padding)
        return (channels, window.output[1])


class MaxPool1D(_Pool1D):
    """The maximum of each window of `pool_size` values in sequences (n, c, length); `stride` is that too unless given.

    y is (n, c, floor((length + 2 padding - pool) / stride) + 1). `padding` is an int or (left, right), at most half of
    the pool, or "same". The first maximum wins a tie, NaN wins over everything, padding never wins.
    """

    def forward(self, x: Array, *, train: bool) -> tuple[Array, Backward]:
        y, pullback = F.max_pool1d(x, self.pool_size, stride=self.stride, padding=self.padding)
        return y, _without_parameters(pullback)


class AveragePool1D(_Pool1D):
    """The mean of each window of `pool_size` values in sequences (n, c, length); `stride` is that too unless given.

    y is (n, c, floor((length + 2 padding - pool) / stride) + 1). `padding` is an int or (left, right), at most half of
    the pool, or "same". Padding counts as zeros, as in PyTorch, or with `count_include_pad` False not at all, as in
    Keras.
    """

    def __init__(
        self, pool_size: int, *, stride: int | None = None, padding: PaddingAlong = 0, count_include_pad: bool = True
    ) -> None:
        super().__init__(pool_size, stride=stride, padding=padding)
        self.count_include_pad = count_include_pad
        if not isinstance(count_include_pad, bool):
            raise ValueError(f"count_include_pad: expected True or False, got {count_include_pad!r}")

    def forward(self, x: Array, *, train: bool) -> tuple[Array, Backward]:
        y, pullback = F.average_pool1d(
            x,
            self.pool_size,
            stride=self.stride,
            padding=self.padding,
            count_include_pad=self.count_include_pad,
        )
        return y, _without_parameters(pullback)


class _GlobalPool1D(Module):
    """Sequences (n, c, length) of any length as vectors (n, c)."""

    def output_shape(self, input_shape: Shape) -> Shape:
        channels, length = shapes.sequence_shape(input_shape)
        if length < 1:
            raise ShapeError(f"expected a sequence of at least 1 value, got {length}")
        return (channels,)


class GlobalAveragePool1D(_GlobalPool1D):
    """The mean of each channel: sequences (n, c, length) of any length become vectors (n, c)."""

    def forward(self, x: Array, *, train: bool) -> tuple[Array, Backward]:
        y, pullback = F.global_average_pool1d(x)
        return y, _without_parameters(pullback)


class GlobalMaxPool1D(_GlobalPool1D):
    """The maximum of each channel: sequences (n, c, length) of any length become vectors (n, c).

    The first maximum wins a tie, and NaN wins over everything.
    """

    def forward(self, x: Array, *, train: bool) -> tuple[Array, Backward]:
        y, pullback = F.global_max_pool1d(x)
        return y, _without_parameters(pullback)


def _without_parameters(pullback: F.Pullback) -> Backward:
    """The backward of a layer that has nothing but its input to find a gradient for."""

    def backward(dy: Array, *, need_dx: bool = True) -> Array | None:
        return pullback(dy) if need_dx else None

    return backward
