"""Convolution of sequences channel by channel, and its pair with one across channels."""

import math
from typing import Any

from minidl import functional as F
from minidl import shapes
from minidl.initializers import Initializer
from minidl.layers.affine import Affine, Separable
from minidl.module import Parameter
from minidl.typing import Array, Backward, PaddingAlong, Shape

__all__ = ["DepthwiseConv1D", "SeparableConv1D"]


class DepthwiseConv1D(Affine):
    """`DepthwiseConv2D` of sequences (n, c, length): each channel by `depth_multiplier` filters of its own.

    y is (n, c depth_multiplier, values), with as many values as `Conv1D` gives; `kernel_size`, `stride`, `padding`,
    `dilation` and `weight_init` as there. `weight` is (c depth_multiplier, 1, k), `bias` (c depth_multiplier,), or None
    with bias=False.
    """

    _settled = frozenset({"depth_multiplier", "kernel_size"})

    def __init__(
        self,
        kernel_size: int,
        *,
        depth_multiplier: int = 1,
        stride: int = 1,
        padding: PaddingAlong = 0,
        dilation: int = 1,
        bias: bool = True,
        weight_init: str | Initializer = "he_normal",
    ) -> None:
        super().__init__(weight_init, bias=bias, memory=(2, 1, 0))
        self.kernel_size = shapes.count(kernel_size, "kernel_size")
        self.depth_multiplier = shapes.count(depth_multiplier, "depth_multiplier")
        self.stride = shapes.count(stride, "stride")
        self.padding = padding
        self.dilation = shapes.count(dilation, "dilation")
        shapes.check_padding_along(padding, causal=True)

    def _weight_shape(self, input_shape: Shape) -> Shape:
        return _weights_along(self, input_shape)

    def output_shape(self, input_shape: Shape) -> Shape:
        return _shape_along(self, self.weight, input_shape)

    def macs(self, input_shape: Shape) -> int:
        return math.prod(self.output_shape(input_shape)) * self.kernel_size

    def forward(self, x: Array, *, train: bool) -> tuple[Array, Backward]:
        y, pullback = F.conv1d(x, self.weight.value, self._bias_value(), **_how_along(self, self.weight))
        return y, self._accumulate(pullback)


class SeparableConv1D(Separable):
    """A `DepthwiseConv1D` without bias, then `filters` filters of 1 value across its channels, plus a bias for each.

    `kernel_size`, `stride`, `padding` and `dilation` are the former's, `weight_init` is for both. `depthwise_weight` is
    (c depth_multiplier, 1, k), `pointwise_weight` (filters, c depth_multiplier, 1), `bias` (filters,), or None with
    bias=False.
    """

    _settled = frozenset({"depth_multiplier", "filters", "kernel_size"})

    def __init__(
        self,
        filters: int,
        kernel_size: int,
        *,
        depth_multiplier: int = 1,
        stride: int = 1,
        padding: PaddingAlong = 0,
        dilation: int = 1,
        bias: bool = True,
        weight_init: str | Initializer = "he_normal",
    ) -> None:
        super().__init__(filters, depth_multiplier, weight_init=weight_init, bias=bias, memory=(2, 1, 0))
        self.kernel_size = shapes.count(kernel_size, "kernel_size")
        self.stride = shapes.count(stride, "stride")
        self.padding = padding
        self.dilation = shapes.count(dilation, "dilation")
        shapes.check_padding_along(padding, causal=True)

    def _depthwise_shape(self, input_shape: Shape) -> Shape:
        return _weights_along(self, input_shape)

    def output_shape(self, input_shape: Shape) -> Shape:
        return (self.filters, *_shape_along(self, self.depthwise_weight, input_shape)[1:])

    def macs(self, input_shape: Shape) -> int:
        channels = _weights_along(self, input_shape)[0]
        return self.output_shape(input_shape)[1] * channels * (self.kernel_size + self.filters)

    def forward(self, x: Array, *, train: bool) -> tuple[Array, Backward]:
        how = _how_along(self, self.depthwise_weight)
        between, depthwise = F.conv1d(x, self.depthwise_weight.value, **how)
        y, pointwise = F.conv1d(between, self.pointwise_weight.value, self._bias_value())
        return y, self._accumulate(depthwise, pointwise)


_Along = DepthwiseConv1D | SeparableConv1D


def _weights_along(layer: _Along, input_shape: Shape) -> Shape:
    return (shapes.sequence_shape(input_shape)[0] * layer.depth_multiplier, 1, layer.kernel_size)


def _shape_along(layer: _Along, weight: Parameter, input_shape: Shape) -> Shape:
    sequence = shapes.sequence_shape(input_shape)
    wanted = weight.value.shape if weight.is_built else _weights_along(layer, input_shape)
    shapes.expect("", sequence, (wanted[0] // layer.depth_multiplier, "length"))
    window = shapes.slide_along(
        sequence[1], layer.kernel_size, stride=layer.stride, padding=layer.padding, dilation=layer.dilation
    )
    return (wanted[0], window.output[1])


def _how_along(layer: _Along, weight: Parameter) -> dict[str, Any]:
    """The keywords of `conv1d`."""
    groups = weight.value.shape[0] // layer.depth_multiplier
    return {"stride": layer.stride, "padding": layer.padding, "dilation": layer.dilation, "groups": groups}
