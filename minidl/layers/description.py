"""Layers that are computed together, described as the one operator that they are."""

from collections.abc import Sequence

from minidl import functional as F
from minidl import shapes
from minidl.backends.operators import (
    AdaptiveAverage,
    Affine,
    Average,
    BatchNormalization,
    Convolution,
    Elementwise,
    Exponentials,
    Flattening,
    LogExponentials,
    Normalization,
    Operator,
    Pool,
    Rectification,
    Trained,
)
from minidl.layers.activation import Formula, LogSoftmax, ReLU, Softmax
from minidl.layers.conv import Conv2D
from minidl.layers.dense import Dense
from minidl.layers.dropout import Dropout, Dropout2D
from minidl.layers.norm import BatchNorm2D
from minidl.layers.pool import AdaptiveAveragePool2D, AveragePool2D, GlobalAveragePool2D, MaxPool2D
from minidl.layers.separable import DepthwiseConv2D
from minidl.module import Module, Parameter
from minidl.typing import Shape


def describe(group: Sequence[Module], shape: Shape) -> Operator | None:
    """The operator that a group is, for inputs of this shape; None for one that does nothing."""
    first, sample = group[0], shape[1:]
    if isinstance(first, Conv2D):
        return _describe_convolution(first, group[1:], sample)
    if isinstance(first, BatchNorm2D):
        return _describe_normalization(first, group[1:], shape)
    if isinstance(first, Dense):
        return Affine(_trained(first.weight), _perhaps(first.bias), relu=len(group) > 1)
    if isinstance(first, MaxPool2D):
        return _describe_pool(first, sample)
    if isinstance(first, AveragePool2D | AdaptiveAveragePool2D | GlobalAveragePool2D):
        return _describe_average(first, sample)
    if isinstance(first, DepthwiseConv2D):
        return _describe_depthwise(first, sample)
    if isinstance(first, ReLU):
        return Rectification()
    if isinstance(first, Softmax):
        return Exponentials()
    if isinstance(first, LogSoftmax):
        return LogExponentials()
    if isinstance(first, Formula):
        name, settings = first.formula()
        for setting in settings:
            F.check_number(name, setting)
        return Elementwise(name, settings)
    return None if isinstance(first, Dropout | Dropout2D) else Flattening()


def _describe_convolution(first: Conv2D, rest: Sequence[Module], sample: Shape) -> Operator:
    size = shapes.image_shape(sample)[1:]
    kernel = shapes.pair(first.kernel_size, "kernel_size")
    window = shapes.slide(size, kernel, stride=first.stride, padding=first.padding, dilation=first.dilation)
    normalization, relu, pool = None, False, None
    for layer in rest:
        if isinstance(layer, BatchNorm2D):
            normalization = Normalization(
                layer.weight.value, layer.bias.value, layer.running_mean.value, layer.running_var.value, layer.eps
            )
        elif isinstance(layer, MaxPool2D):
            pool = _describe_pool(layer, (first.filters, *window.output))
        else:
            relu = True
    return Convolution(
        _trained(first.weight),
        _perhaps(first.bias),
        window.stride,
        window.padding,
        window.dilation,
        first.groups,
        normalization,
        relu,
        pool,
    )


def _describe_normalization(first: BatchNorm2D, rest: Sequence[Module], shape: Shape) -> Operator:
    first.output_shape(shape[1:])
    first.check_count(shape)
    F.check_share("momentum", first.momentum)
    F.check_number("eps", first.eps)
    return BatchNormalization(
        _trained(first.weight),
        _trained(first.bias),
        first.running_mean.value,
        first.running_var.value,
        first.momentum,
        first.eps,
        relu=len(rest) > 0,
        pool=next((_describe_pool(layer, shape[1:]) for layer in rest if isinstance(layer, MaxPool2D)), None),
    )


def _describe_pool(layer: MaxPool2D, sample: Shape) -> Pool:
    size = shapes.image_shape(sample)[1:]
    pool_size, window = shapes.pool(size, layer.pool_size, stride=layer.stride, padding=layer.padding)
    return Pool(pool_size, window.stride, window.padding)


def _describe_average(layer: AveragePool2D | AdaptiveAveragePool2D | GlobalAveragePool2D, sample: Shape) -> Operator:
    layer.output_shape(sample)
    if isinstance(layer, GlobalAveragePool2D):
        return AdaptiveAverage((1, 1), to_vectors=True)
    if isinstance(layer, AdaptiveAveragePool2D):
        return AdaptiveAverage(shapes.pair(layer.output_size, "output_size"))
    size = shapes.image_shape(sample)[1:]
    pool_size, window = shapes.pool(size, layer.pool_size, stride=layer.stride, padding=layer.padding)
    return Average(pool_size, window.stride, window.padding, layer.count_include_pad)


def _describe_depthwise(layer: DepthwiseConv2D, sample: Shape) -> Operator:
    layer.output_shape(sample)
    kernel, size = shapes.pair(layer.kernel_size, "kernel_size"), shapes.image_shape(sample)[1:]
    window = shapes.slide(size, kernel, stride=layer.stride, padding=layer.padding, dilation=layer.dilation)
    how = window.stride, window.padding, window.dilation, sample[0]
    return Convolution(_trained(layer.weight), _perhaps(layer.bias), *how, None, False, None)


def _trained(parameter: Parameter) -> Trained:
    return Trained(parameter.value, parameter.grad if parameter.trainable else None)


def _perhaps(parameter: Parameter | None) -> Trained | None:
    return None if parameter is None else _trained(parameter)
