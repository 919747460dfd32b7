"""Transposed convolution."""

import math

from minidl import functional as F
from minidl import shapes
from minidl.description import operators as op
from minidl.description.graph import Describer, Value
from minidl.initializers import Initializer
from minidl.layers.affine import Grouped
from minidl.typing import Array, Backward, Padding, PaddingAlong, Shape, Size

__all__ = ["ConvTranspose1D", "ConvTranspose2D"]


class ConvTranspose2D(Grouped):
    """Each pixel of images (n, c, h, w) spread over `kernel_size` pixels by `filters` filters, summed, plus a bias.

    The input gradient of a `Conv2D`, which it turns back in shape: y is (n, filters, oh, ow) with oh = (h - 1) stride
    - 2 padding + dilation (kernel - 1) + 1 + output_padding, which is less than the stride. `padding` is an int, a pair
    or ((top, bottom), (left, right)), or "same": oh = h stride. `weight` is (c, filters / groups, kh, kw), as in
    PyTorch; `bias` is (filters,), or None with bias=False. `weight_init` is an initializer or the name of one. Source:
    Zeiler et al., "Deconvolutional networks", 2010.
    """

    _settled = frozenset({"filters", "kernel_size"})

    def __init__(
        self,
        filters: int,
        kernel_size: Size,
        *,
        stride: Size = 1,
        padding: Padding = 0,
        output_padding: Size = 0,
        dilation: Size = 1,
        groups: int = 1,
        bias: bool = True,
        weight_init: str | Initializer = "he_normal",
    ) -> None:
        super().__init__(filters, groups, weight_init=weight_init, bias=bias, memory=(2, 3, 1, 0))
        self.kernel_size = kernel_size
        self.stride = stride
        self.padding = padding
        self.output_padding = output_padding
        self.dilation = dilation
        self._taps = shapes.pair(kernel_size, "kernel_size")
        shapes.pair(dilation, "dilation")
        shapes.check_padding(padding)
        shapes.check_output_padding(output_padding, stride, padding)

    def _weight_shape(self, input_shape: Shape) -> Shape:
        channels = self._channels(shapes.image_shape(input_shape))
        return (channels, self.filters // self.groups, *self._taps)

    def _outputs(self, weight_shape: Shape) -> int:
        return self.filters

    def output_shape(self, input_shape: Shape) -> Shape:
        weight_shape = self.weight.value.shape if self.weight.is_built else self._weight_shape(input_shape)
        image = shapes.image_shape(input_shape)
        shapes.conv_transpose2d_channels(image, weight_shape, self.groups)
        window = shapes.spread(
            image[1:],
            self._taps,
            stride=self.stride,
            padding=self.padding,
            output_padding=self.output_padding,
            dilation=self.dilation,
        )
        return (self.filters, *window.size)

    def macs(self, input_shape: Shape) -> int:
        self.output_shape(input_shape)
        return math.prod(input_shape) * math.prod(self._weight_shape(input_shape)[1:])

    def describe(self, describer: Describer, x: Value) -> Value:
        window = shapes.spread(
            shapes.image_shape(x.shape)[1:],
            self._taps,
            stride=self.stride,
            padding=self.padding,
            output_padding=self.output_padding,
            dilation=self.dilation,
        )
        geometry = op.ConvGeometry(window.stride, window.padding, window.dilation, self.groups)
        return describer.add(
            op.ConvTranspose(*self._params(), geometry, window.size), x, shape=self.output_shape(x.shape)
        )

    def forward(self, x: Array, *, train: bool) -> tuple[Array, Backward]:
        y, pullback = F.conv_transpose2d(
            x,
            self.weight.value,
            self._bias_value(),
            stride=self.stride,
            padding=self.padding,
            output_padding=self.output_padding,
            dilation=self.dilation,
            groups=self.groups,
        )
        return y, self._accumulate(pullback)


class ConvTranspose1D(Grouped):
    """Each value of sequences (n, c, length) spread over `kernel_size` values by `filters` filters, plus a bias.

    `ConvTranspose2D` of images that are 1 high: y is (n, filters, (length - 1) stride - 2 padding + dilation
    (kernel - 1) + 1 + output_padding), where `padding` is an int, (left, right) or "same", which makes it length times
    stride. `weight` is (c, filters / groups, k), as in PyTorch; `bias` is (filters,), or None with bias=False.
    `weight_init` is an initializer or the name of one.
    """

    _settled = frozenset({"filters", "kernel_size"})

    def __init__(
        self,
        filters: int,
        kernel_size: int,
        *,
        stride: int = 1,
        padding: PaddingAlong = 0,
        output_padding: int = 0,
        dilation: int = 1,
        groups: int = 1,
        bias: bool = True,
        weight_init: str | Initializer = "he_normal",
    ) -> None:
        super().__init__(filters, groups, weight_init=weight_init, bias=bias, memory=(2, 1, 0))
        self.kernel_size = shapes.count(kernel_size, "kernel_size")
        self.stride = shapes.count(stride, "stride")
        self.padding = padding
        self.output_padding = output_padding
        self.dilation = shapes.count(dilation, "dilation")
        shapes.check_padding_along(padding)
        shapes.check_output_padding_along(output_padding, self.stride, padding)

    def _weight_shape(self, input_shape: Shape) -> Shape:
        channels = self._channels(shapes.sequence_shape(input_shape))
        return (channels, self.filters // self.groups, self.kernel_size)

    def _outputs(self, weight_shape: Shape) -> int:
        return self.filters

    def output_shape(self, input_shape: Shape) -> Shape:
        weight_shape = self.weight.value.shape if self.weight.is_built else self._weight_shape(input_shape)
        sequence = shapes.sequence_shape(input_shape)
        shapes.conv_transpose1d_channels(sequence, weight_shape, self.groups)
        window = shapes.spread_along(
            sequence[1],
            self.kernel_size,
            stride=self.stride,
            padding=self.padding,
            output_padding=self.output_padding,
            dilation=self.dilation,
        )
        return (self.filters, window.size[1])

    def macs(self, input_shape: Shape) -> int:
        self.output_shape(input_shape)
        return math.prod(input_shape) * math.prod(self._weight_shape(input_shape)[1:])

    def forward(self, x: Array, *, train: bool) -> tuple[Array, Backward]:
        y, pullback = F.conv_transpose1d(
            x,
            self.weight.value,
            self._bias_value(),
            stride=self.stride,
            padding=self.padding,
            output_padding=self.output_padding,
            dilation=self.dilation,
            groups=self.groups,
        )
        return y, self._accumulate(pullback)
