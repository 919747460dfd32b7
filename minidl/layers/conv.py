"""Convolution."""

import math

from minidl import functional as F
from minidl import shapes
from minidl.description import operators as op
from minidl.description.graph import Describer, Value
from minidl.initializers import Initializer
from minidl.layers.affine import Grouped
from minidl.typing import Array, Backward, Padding, Shape, Size

__all__ = ["Conv2D"]


class Conv2D(Grouped):
    """Cross-correlation of images (n, c, h, w) with `filters` filters of `kernel_size`, plus a bias for each.

    y is (n, filters, oh, ow) with oh = floor((h + 2 padding - dilation (kernel - 1) - 1) / stride) + 1. `padding` is an
    int, a pair, ((top, bottom), (left, right)) or "same": oh = ceil(h / stride), the odd pixel at the bottom and right.
    `groups` splits channels and filters into groups that are convolved separately. `weight` is
    (filters, c / groups, kh, kw); `bias` is (filters,), or None with bias=False. `weight_init` is an initializer or
    the name of one.
    """

    _settled = frozenset({"filters", "kernel_size"})

    def __init__(
        self,
        filters: int,
        kernel_size: Size,
        *,
        stride: Size = 1,
        padding: Padding = 0,
        dilation: Size = 1,
        groups: int = 1,
        bias: bool = True,
        weight_init: str | Initializer = "he_normal",
    ) -> None:
        super().__init__(filters, groups, weight_init=weight_init, bias=bias, memory=(2, 3, 1, 0))
        self.kernel_size = kernel_size
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self._taps = shapes.pair(kernel_size, "kernel_size")
        shapes.pair(stride, "stride")
        shapes.pair(dilation, "dilation")
        shapes.check_padding(padding)

    def _weight_shape(self, input_shape: Shape) -> Shape:
        channels = self._channels(shapes.image_shape(input_shape))
        return (self.filters, channels // self.groups, *self._taps)

    def output_shape(self, input_shape: Shape) -> Shape:
        weight_shape = self.weight.value.shape if self.weight.is_built else self._weight_shape(input_shape)
        image = shapes.image_shape(input_shape)
        shapes.conv2d_channels(image, weight_shape, self.groups)
        window = shapes.slide(image[1:], self._taps, stride=self.stride, padding=self.padding, dilation=self.dilation)
        return (self.filters, *window.output)

    def macs(self, input_shape: Shape) -> int:
        return math.prod(self.output_shape(input_shape)) * math.prod(self._weight_shape(input_shape)[1:])

    def describe(self, describer: Describer, x: Value) -> Value:
        kernel, size = shapes.pair(self.kernel_size, "kernel_size"), shapes.image_shape(x.shape)[1:]
        window = shapes.slide(size, kernel, stride=self.stride, padding=self.padding, dilation=self.dilation)
        geometry = op.ConvGeometry(window.stride, window.padding, window.dilation, self.groups)
        return describer.add(op.Conv(*self._params(), geometry), x, shape=self.output_shape(x.shape))

    def forward(self, x: Array, *, train: bool) -> tuple[Array, Backward]:
        y, pullback = F.conv2d(
            x,
            self.weight.value,
            self._bias_value(),
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
            groups=self.groups,
        )
        return y, self._accumulate(pullback)
