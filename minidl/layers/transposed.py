"""Transposed convolution."""

import math
from typing import TYPE_CHECKING

from minidl import functional as F
from minidl import initializers, shapes
from minidl.errors import ShapeError
from minidl.initializers import Initializer
from minidl.layers.affine import Affine
from minidl.module import Parameter
from minidl.typing import Array, Backward, Padding, Shape, Size

if TYPE_CHECKING:
    from numpy.random import Generator


class ConvTranspose2D(Affine):
    """Each pixel of images (n, c, h, w) spread over `kernel_size` pixels by `filters` filters, summed, plus a bias.

    The input gradient of a `Conv2D`, which it turns back in shape: y is (n, filters, oh, ow) with oh = (h - 1) stride
    - 2 padding + dilation (kernel - 1) + 1 + output_padding, which is less than the stride. `padding` is an int, a pair
    or "same": oh = h stride. `weight` is (c, filters / groups, kh, kw), as in PyTorch; `bias` is (filters,), or None
    with bias=False. `weight_init` is an initializer or the name of one. Source: Zeiler et al., "Deconvolutional
    networks", 2010.
    """

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
        self.filters = shapes.count(filters, "filters")
        self.kernel_size = kernel_size
        self.stride = stride
        self.padding = padding
        self.output_padding = output_padding
        self.dilation = dilation
        self.groups = shapes.count(groups, "groups")
        self.weight_init = weight_init
        self.weight = Parameter(memory=(2, 3, 1, 0))
        self.bias = Parameter() if bias else None
        self._taps = shapes.pair(kernel_size, "kernel_size")
        shapes.pair(dilation, "dilation")
        shapes.check_padding(padding)
        shapes.check_output_padding(output_padding, stride, padding)
        initializers.get(weight_init)
        if filters % groups:
            raise ValueError(f"filters: expected a multiple of the {groups} groups, got {filters}")

    def _weight_shape(self, input_shape: Shape) -> Shape:
        channels = shapes.image_shape(input_shape)[0]
        if channels % self.groups:
            raise ShapeError(f"expected channels in {self.groups} equal groups, got {shapes.show(input_shape)}")
        return (channels, self.filters // self.groups, *self._taps)

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

    def build(self, input_shape: Shape, rng: "Generator") -> None:
        self.weight.initialize(self._weight_shape(input_shape), initializers.get(self.weight_init), rng)
        if self.bias is not None:
            self.bias.initialize((self.filters,), initializers.zeros, rng)

    def macs(self, input_shape: Shape) -> int:
        self.output_shape(input_shape)
        return math.prod(input_shape) * math.prod(self._weight_shape(input_shape)[1:])

    def forward(self, x: Array, *, train: bool) -> tuple[Array, Backward]:
        y, pullback = F.conv_transpose2d(
            x,
            self.weight.value,
            None if self.bias is None else self.bias.value,
            stride=self.stride,
            padding=self.padding,
            output_padding=self.output_padding,
            dilation=self.dilation,
            groups=self.groups,
        )
        return y, self.adding(pullback)
