"""Convolution channel by channel, and its pair with one across channels."""

import math
from typing import Any

from minidl import functional as F
from minidl import shapes
from minidl.description import operators as op
from minidl.description.graph import Describer, Value
from minidl.initializers import Initializer
from minidl.layers.affine import Affine, Separable, param_of
from minidl.module import Parameter
from minidl.typing import Array, Backward, Padding, Shape, Size

__all__ = ["DepthwiseConv2D", "SeparableConv2D"]


class DepthwiseConv2D(Affine):
    """Each channel of images (n, c, h, w) convolved by `depth_multiplier` filters of its own, plus a bias for each.

    It is a `Conv2D` with as many groups as channels: y is (n, c depth_multiplier, oh, ow), the filters of a channel
    side by side; `kernel_size`, `stride`, `padding`, `dilation` and `weight_init` as there. `weight` is
    (c depth_multiplier, 1, kh, kw); `bias` is (c depth_multiplier,), or None with bias=False.
    """

    _settled = frozenset({"depth_multiplier", "kernel_size"})

    def __init__(
        self,
        kernel_size: Size,
        *,
        depth_multiplier: int = 1,
        stride: Size = 1,
        padding: Padding = 0,
        dilation: Size = 1,
        bias: bool = True,
        weight_init: str | Initializer = "he_normal",
    ) -> None:
        super().__init__(weight_init, bias=bias, memory=(2, 3, 1, 0))
        self.kernel_size = kernel_size
        self.depth_multiplier = shapes.count(depth_multiplier, "depth_multiplier")
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        _check_window(kernel_size, stride, padding, dilation)

    def _weight_shape(self, input_shape: Shape) -> Shape:
        return _depthwise_weights(self, input_shape)

    def output_shape(self, input_shape: Shape) -> Shape:
        return _depthwise_shape(self, self.weight, input_shape)

    def macs(self, input_shape: Shape) -> int:
        return math.prod(self.output_shape(input_shape)) * math.prod(shapes.pair(self.kernel_size, "kernel_size"))

    def describe(self, describer: Describer, x: Value) -> Value:
        geometry = _depthwise_geometry(self, x.shape)
        return describer.add(op.Conv(*self._params(), geometry, folds=False), x, shape=self.output_shape(x.shape))

    def forward(self, x: Array, *, train: bool) -> tuple[Array, Backward]:
        y, pullback = F.conv2d(x, self.weight.value, self._bias_value(), **_depthwise_how(self, x))
        return y, self._accumulate(pullback)


class SeparableConv2D(Separable):
    """A `DepthwiseConv2D` without bias, then `filters` filters of 1 x 1 across its channels, plus a bias for each.

    `kernel_size`, `stride`, `padding` and `dilation` are the former's, `weight_init` is for both. y is
    (n, filters, oh, ow). `depthwise_weight` is (c depth_multiplier, 1, kh, kw), `pointwise_weight`
    (filters, c depth_multiplier, 1, 1), `bias` (filters,), or None with bias=False. Source: Chollet, "Xception", 2017.
    """

    _settled = frozenset({"depth_multiplier", "filters", "kernel_size"})

    def __init__(
        self,
        filters: int,
        kernel_size: Size,
        *,
        depth_multiplier: int = 1,
        stride: Size = 1,
        padding: Padding = 0,
        dilation: Size = 1,
        bias: bool = True,
        weight_init: str | Initializer = "he_normal",
    ) -> None:
        super().__init__(filters, depth_multiplier, weight_init=weight_init, bias=bias, memory=(2, 3, 1, 0))
        self.kernel_size = kernel_size
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        _check_window(kernel_size, stride, padding, dilation)

    def _depthwise_shape(self, input_shape: Shape) -> Shape:
        return _depthwise_weights(self, input_shape)

    def output_shape(self, input_shape: Shape) -> Shape:
        return (self.filters, *_depthwise_shape(self, self.depthwise_weight, input_shape)[1:])

    def macs(self, input_shape: Shape) -> int:
        filters, *taps = _depthwise_weights(self, input_shape)
        return math.prod(self.output_shape(input_shape)[1:]) * filters * (math.prod(taps) + self.filters)

    def describe(self, describer: Describer, x: Value) -> Value:
        depthwise, pointwise = param_of(self.depthwise_weight), param_of(self.pointwise_weight)
        y_shape, channels = self.output_shape(x.shape), depthwise.value.shape[0]
        geometry = _depthwise_geometry(self, x.shape)
        between = describer.add(op.Conv(depthwise, None, geometry, folds=False), x, shape=(channels, *y_shape[1:]))
        bias = None if self.bias is None else param_of(self.bias)
        alone = op.ConvGeometry((1, 1), ((0, 0), (0, 0)), (1, 1), 1)
        return describer.add(op.Conv(pointwise, bias, alone), between, shape=y_shape)

    def forward(self, x: Array, *, train: bool) -> tuple[Array, Backward]:
        between, depthwise = F.conv2d(x, self.depthwise_weight.value, **_depthwise_how(self, x))
        y, pointwise = F.conv2d(between, self.pointwise_weight.value, self._bias_value())
        return y, self._accumulate(depthwise, pointwise)


_Depthwise = DepthwiseConv2D | SeparableConv2D


def _check_window(kernel_size: Size, stride: Size, padding: Padding, dilation: Size) -> None:
    shapes.pair(kernel_size, "kernel_size")
    shapes.pair(stride, "stride")
    shapes.pair(dilation, "dilation")
    shapes.check_padding(padding)


def _depthwise_weights(layer: _Depthwise, input_shape: Shape) -> Shape:
    channels = shapes.image_shape(input_shape)[0]
    return (channels * layer.depth_multiplier, 1, *shapes.pair(layer.kernel_size, "kernel_size"))


def _depthwise_shape(layer: _Depthwise, weight: Parameter, input_shape: Shape) -> Shape:
    image = shapes.image_shape(input_shape)
    wanted = weight.value.shape if weight.is_built else _depthwise_weights(layer, input_shape)
    shapes.expect("", image, (wanted[0] // layer.depth_multiplier, "h", "w"))
    window = shapes.slide(
        image[1:], (wanted[2], wanted[3]), stride=layer.stride, padding=layer.padding, dilation=layer.dilation
    )
    return (wanted[0], *window.output)


def _depthwise_how(layer: _Depthwise, x: Array) -> dict[str, Any]:
    """The keywords of `conv2d`. Raises ShapeError unless the images x have the channels that the weights have."""
    weight = layer.weight if isinstance(layer, DepthwiseConv2D) else layer.depthwise_weight
    groups = weight.value.shape[0] // layer.depth_multiplier
    shapes.expect("images ", x.shape, ("n", groups, "h", "w"))
    return {"stride": layer.stride, "padding": layer.padding, "dilation": layer.dilation, "groups": groups}


def _depthwise_geometry(layer: _Depthwise, input_shape: Shape) -> op.ConvGeometry:
    kernel, size = shapes.pair(layer.kernel_size, "kernel_size"), shapes.image_shape(input_shape)[1:]
    window = shapes.slide(size, kernel, stride=layer.stride, padding=layer.padding, dilation=layer.dilation)
    return op.ConvGeometry(window.stride, window.padding, window.dilation, input_shape[0])
