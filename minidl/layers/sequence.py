"""Convolution along sequences (n, c, length), which are images that are 1 high."""

import math

from minidl import functional as F
from minidl import shapes
from minidl.initializers import Initializer
from minidl.layers.affine import Grouped
from minidl.typing import Array, Backward, PaddingAlong, Shape

__all__ = ["Conv1D"]


class Conv1D(Grouped):
    """Cross-correlation of sequences (n, c, length) with `filters` filters of `kernel_size` values, plus a bias.

    y is (n, filters, floor((length + 2 padding - dilation (kernel - 1) - 1) / stride) + 1). `padding` is an int,
    (left, right), "same": ceil(length / stride) values, the odd zero at the end, or "causal": as many, all zeros at the
    beginning, so that no output depends on what comes later. `groups` as in `Conv2D`. `weight` is
    (filters, c / groups, k); `bias` is (filters,), or None with bias=False. `weight_init` is an initializer or the name
    of one.
    """

    _settled = frozenset({"filters", "kernel_size"})

    def __init__(
        self,
        filters: int,
        kernel_size: int,
        *,
        stride: int = 1,
        padding: PaddingAlong = 0,
        dilation: int = 1,
        groups: int = 1,
        bias: bool = True,
        weight_init: str | Initializer = "he_normal",
    ) -> None:
        super().__init__(filters, groups, weight_init=weight_init, bias=bias, memory=(2, 1, 0))
        self.kernel_size = shapes.count(kernel_size, "kernel_size")
        self.stride = shapes.count(stride, "stride")
        self.padding = padding
        self.dilation = shapes.count(dilation, "dilation")
        shapes.check_padding_along(padding, causal=True)

    def _weight_shape(self, input_shape: Shape) -> Shape:
        channels = self._channels(shapes.sequence_shape(input_shape))
        return (self.filters, channels // self.groups, self.kernel_size)

    def output_shape(self, input_shape: Shape) -> Shape:
        weight_shape = self.weight.value.shape if self.weight.is_built else self._weight_shape(input_shape)
        sequence = shapes.sequence_shape(input_shape)
        shapes.conv1d_channels(sequence, weight_shape, self.groups)
        window = shapes.slide_along(
            sequence[1], self.kernel_size, stride=self.stride, padding=self.padding, dilation=self.dilation
        )
        return (self.filters, window.output[1])

    def macs(self, input_shape: Shape) -> int:
        return math.prod(self.output_shape(input_shape)) * math.prod(self._weight_shape(input_shape)[1:])

    def forward(self, x: Array, *, train: bool) -> tuple[Array, Backward]:
        y, pullback = F.conv1d(
            x,
            self.weight.value,
            self._bias_value(),
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
            groups=self.groups,
        )
        return y, self._accumulate(pullback)
