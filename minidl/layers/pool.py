"""Pooling of images."""

from typing import Any

from minidl import functional as F
from minidl import shapes
from minidl.description import operators as op
from minidl.description.graph import Describer, Value
from minidl.layers.operation import Operation
from minidl.typing import Array, Padding, Pair, Shape, Size

__all__ = [
    "AdaptiveAveragePool2D",
    "AveragePool2D",
    "GlobalAveragePool2D",
    "GlobalMaxPool2D",
    "MaxPool2D",
]


class _Pool2D(Operation):
    """What a layer needs to know of windows that slide over images (n, c, h, w)."""

    def __init__(
        self,
        pool_size: Size,
        *,
        stride: Size | None = None,
        padding: Padding = 0,
        dilation: Size = 1,
        ceil_mode: bool = False,
    ) -> None:
        self.pool_size = pool_size
        self.stride = stride
        self.padding = padding
        self.ceil_mode = ceil_mode
        F.check_switch("ceil_mode", ceil_mode)
        if stride is not None:
            shapes.pair(stride, "stride")
        shapes.check_pool_padding(shapes.pair(pool_size, "pool_size"), padding, dilation)

    def _how(self) -> dict[str, Any]:
        """The arguments of its operator."""
        return {"stride": self.stride, "padding": self.padding, "ceil_mode": self.ceil_mode}

    def windows(self, input_shape: Shape) -> tuple[Pair, shapes.Window]:
        """(the pool's size, its window) for images of this shape. Raises ShapeError."""
        size = shapes.image_shape(input_shape)[1:]
        return shapes.pool(size, self.pool_size, **self._how())

    def output_shape(self, input_shape: Shape) -> Shape:
        _, window = self.windows(input_shape)
        return (input_shape[0], *window.output)


class MaxPool2D(_Pool2D):
    """The maximum of each window of `pool_size` in images (n, c, h, w); `stride` is the pool's size unless given.

    y is (n, c, oh, ow) with oh = floor((h + 2 padding - dilation (pool - 1) - 1) / stride) + 1. `padding` is an int, a
    pair or ((top, bottom), (left, right)), each less than the window, or "same". `dilation` is the distance between the
    window's taps. `ceil_mode` rounds sizes up, as in PyTorch and ONNX: the last windows may extend beyond the border,
    but start in the image or its padding at the top and left. The first maximum wins a tie, NaN wins over everything,
    padding never wins.
    """

    def __init__(
        self,
        pool_size: Size,
        *,
        stride: Size | None = None,
        padding: Padding = 0,
        dilation: Size = 1,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__(pool_size, stride=stride, padding=padding, dilation=dilation, ceil_mode=ceil_mode)
        self.dilation = dilation

    def _how(self) -> dict[str, Any]:
        return super()._how() | {"dilation": self.dilation}

    def describe(self, describer: Describer, x: Value) -> Value:
        pool_size, window = self.windows(x.shape)
        operator = op.MaxPool(pool_size, window.stride, window.padding, window.dilation)
        return describer.add(operator, x, shape=self.output_shape(x.shape))

    def operator(self, x: Array) -> tuple[Array, F.Pullback]:
        return F.max_pool2d(x, self.pool_size, **self._how())


class AveragePool2D(_Pool2D):
    """The mean of each window of `pool_size` in images (n, c, h, w); `stride` is the pool's size unless given.

    y is (n, c, oh, ow) with oh = floor((h + 2 padding - pool) / stride) + 1, or rounded up with `ceil_mode`, as for
    `MaxPool2D`. `padding` is an int, a pair or ((top, bottom), (left, right)), each less than the pool, or "same".
    Padding counts as zeros, as in PyTorch, or with `count_include_pad` False not at all, as in Keras; what a window has
    beyond it, with `ceil_mode`, never counts.
    """

    def __init__(
        self,
        pool_size: Size,
        *,
        stride: Size | None = None,
        padding: Padding = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__(pool_size, stride=stride, padding=padding, ceil_mode=ceil_mode)
        self.count_include_pad = count_include_pad
        if not isinstance(count_include_pad, bool):
            raise ValueError(f"count_include_pad: expected True or False, got {count_include_pad!r}")

    def describe(self, describer: Describer, x: Value) -> Value:
        pool_size, window = self.windows(x.shape)
        operator = op.AveragePool(pool_size, window.stride, window.padding, self.count_include_pad, window.extra)
        return describer.add(operator, x, shape=self.output_shape(x.shape))

    def operator(self, x: Array) -> tuple[Array, F.Pullback]:
        return F.average_pool2d(x, self.pool_size, **self._how(), count_include_pad=self.count_include_pad)


class AdaptiveAveragePool2D(Operation):
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

    def operator(self, x: Array) -> tuple[Array, F.Pullback]:
        return F.adaptive_average_pool2d(x, self.output_size)


class _GlobalPool2D(Operation):
    """Images (n, c, h, w) of any size as vectors (n, c), or as images of one pixel."""

    def __init__(self, *, keepdims: bool = False) -> None:
        F.check_switch("keepdims", keepdims)
        self.keepdims = bool(keepdims)

    def output_shape(self, input_shape: Shape) -> Shape:
        channels, height, width = shapes.image_shape(input_shape)
        shapes.check_pixels((height, width))
        return (channels, 1, 1) if self.keepdims else (channels,)


class GlobalAveragePool2D(_GlobalPool2D):
    """The mean of each channel: images (n, c, h, w) of any size become vectors (n, c).

    With `keepdims` they become images of one pixel, (n, c, 1, 1), as in ONNX.
    """

    def __init__(self, *, keepdims: bool = False) -> None:
        super().__init__(keepdims=keepdims)

    def describe(self, describer: Describer, x: Value) -> Value:
        operator = op.AdaptiveAveragePool((1, 1), to_vectors=not self.keepdims)
        return describer.add(operator, x, shape=self.output_shape(x.shape))

    def operator(self, x: Array) -> tuple[Array, F.Pullback]:
        return F.global_average_pool2d(x, keepdims=self.keepdims)


class GlobalMaxPool2D(_GlobalPool2D):
    """The maximum of each channel: images (n, c, h, w) of any size become vectors (n, c).

    With `keepdims` they become images of one pixel, (n, c, 1, 1), as in ONNX. The first maximum, row by row, wins a
    tie, and NaN wins over everything.
    """

    def __init__(self, *, keepdims: bool = False) -> None:
        super().__init__(keepdims=keepdims)

    def describe(self, describer: Describer, x: Value) -> Value:
        shape, (channels, height, width) = self.output_shape(x.shape), x.shape
        # Along each row, then along what won there: winners are counted in floats.
        rows = describer.add(_whole(1, width), x, shape=(channels, height, 1))
        pixel = describer.add(_whole(height, 1), rows, shape=(channels, 1, 1))
        return pixel if self.keepdims else describer.add(op.Reshape(shape), pixel, shape=shape)

    def operator(self, x: Array) -> tuple[Array, F.Pullback]:
        return F.global_max_pool2d(x, keepdims=self.keepdims)


def _whole(height: int, width: int) -> op.MaxPool:
    """The one window over an image of this size."""
    return op.MaxPool((height, width), (height, width), ((0, 0), (0, 0)))
