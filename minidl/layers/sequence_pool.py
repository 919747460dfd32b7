"""Pooling of sequences, images that are 1 high."""

from typing import Any

from minidl import functional as F
from minidl import shapes
from minidl.errors import ShapeError
from minidl.layers.operation import Operation
from minidl.typing import Array, PaddingAlong, Shape

__all__ = ["AveragePool1D", "GlobalAveragePool1D", "GlobalMaxPool1D", "MaxPool1D"]


class _Pool1D(Operation):
    """What a layer needs to know of windows that slide along sequences (n, c, length), images that are 1 high.

    None describes itself: a prepared network would copy sequences, before and after, to the order of images in memory.
    """

    def __init__(
        self,
        pool_size: int,
        *,
        stride: int | None = None,
        padding: PaddingAlong = 0,
        dilation: int = 1,
        ceil_mode: bool = False,
    ) -> None:
        self.pool_size = shapes.count(pool_size, "pool_size")
        self.stride = None if stride is None else shapes.count(stride, "stride")
        self.padding = padding
        self.ceil_mode = ceil_mode
        F.check_switch("ceil_mode", ceil_mode)
        shapes.check_pool_padding_along(self.pool_size, padding, dilation)

    def _how(self) -> dict[str, Any]:
        """The arguments of its operator."""
        return {"stride": self.stride, "padding": self.padding, "ceil_mode": self.ceil_mode}

    def output_shape(self, input_shape: Shape) -> Shape:
        channels, length = shapes.sequence_shape(input_shape)
        window = shapes.pool_along(length, self.pool_size, **self._how())
        return (channels, window.output[1])


class MaxPool1D(_Pool1D):
    """The maximum of each window of `pool_size` values in sequences (n, c, length); `stride` is that too unless given.

    y is (n, c, floor((length + 2 padding - dilation (pool - 1) - 1) / stride) + 1), or rounded up with `ceil_mode`, as
    for `MaxPool2D`. `padding` is an int or (left, right), less than the window, or "same". The first maximum wins a
    tie, NaN wins over everything, padding never wins.
    """

    def __init__(
        self,
        pool_size: int,
        *,
        stride: int | None = None,
        padding: PaddingAlong = 0,
        dilation: int = 1,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__(pool_size, stride=stride, padding=padding, dilation=dilation, ceil_mode=ceil_mode)
        self.dilation = dilation

    def _how(self) -> dict[str, Any]:
        return super()._how() | {"dilation": self.dilation}

    def operator(self, x: Array) -> tuple[Array, F.Pullback]:
        return F.max_pool1d(x, self.pool_size, **self._how())


class AveragePool1D(_Pool1D):
    """The mean of each window of `pool_size` values in sequences (n, c, length); `stride` is that too unless given.

    y is (n, c, floor((length + 2 padding - pool) / stride) + 1), or rounded up with `ceil_mode`, as for `MaxPool2D`.
    `padding` is an int or (left, right), less than the pool, or "same". Padding counts as zeros, as in PyTorch, or with
    `count_include_pad` False not at all, as in Keras; what a window has beyond it, with `ceil_mode`, never counts.
    """

    def __init__(
        self,
        pool_size: int,
        *,
        stride: int | None = None,
        padding: PaddingAlong = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__(pool_size, stride=stride, padding=padding, ceil_mode=ceil_mode)
        self.count_include_pad = count_include_pad
        if not isinstance(count_include_pad, bool):
            raise ValueError(f"count_include_pad: expected True or False, got {count_include_pad!r}")

    def operator(self, x: Array) -> tuple[Array, F.Pullback]:
        return F.average_pool1d(x, self.pool_size, **self._how(), count_include_pad=self.count_include_pad)


class _GlobalPool1D(Operation):
    """Sequences (n, c, length) of any length as vectors (n, c)."""

    def output_shape(self, input_shape: Shape) -> Shape:
        channels, length = shapes.sequence_shape(input_shape)
        if length < 1:
            raise ShapeError(f"expected a sequence of at least 1 value, got {length}")
        return (channels,)


class GlobalAveragePool1D(_GlobalPool1D):
    """The mean of each channel: sequences (n, c, length) of any length become vectors (n, c)."""

    def operator(self, x: Array) -> tuple[Array, F.Pullback]:
        return F.global_average_pool1d(x)


class GlobalMaxPool1D(_GlobalPool1D):
    """The maximum of each channel: sequences (n, c, length) of any length become vectors (n, c).

    The first maximum wins a tie, and NaN wins over everything.
    """

    def operator(self, x: Array) -> tuple[Array, F.Pullback]:
        return F.global_max_pool1d(x)
