"""The networks that a backend has prepared for the rows of a chain, with all their arrays in place."""

import operator
from collections.abc import Sequence
from typing import Any, Self

import numpy as np

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
from minidl.errors import NotBuiltError, ShapeError
from minidl.layers.activation import Formula, LogSoftmax, ReLU, Softmax
from minidl.layers.conv import Conv2D
from minidl.layers.dense import Dense
from minidl.layers.dropout import Dropout, Dropout2D
from minidl.layers.fusion import Row
from minidl.layers.norm import BatchNorm2D
from minidl.layers.pool import AdaptiveAveragePool2D, AveragePool2D, GlobalAveragePool2D, MaxPool2D
from minidl.layers.separable import DepthwiseConv2D
from minidl.module import Module, Parameter
from minidl.typing import Array, Backward, Shape

KEPT = 16
"""For how many rows and shapes of inputs a chain keeps networks: more than training with validation needs."""


class Networks:
    """What a chain has had prepared. A copy of the chain has its own."""

    def __init__(self) -> None:
        self._idle: dict[Any, list[_Prepared] | None] = {}

    def __deepcopy__(self, memo: Any) -> Self:
        return type(self)()

    def __reduce__(self) -> tuple[type[Self], tuple[()]]:
        return type(self), ()

    def infer(self, layers: Sequence[Module], row: Row, x: Array) -> Array | None:
        """What the layers of a row give for x; None where they can't be prepared for it."""
        taken = self._take(layers, row, x, False)
        if taken is None:
            return None
        prepared, idle = taken
        y: Array = prepared.network.forward(x)
        prepared.network.rest()
        idle.append(prepared)
        return y

    def forward(self, layers: Sequence[Module], row: Row, x: Array) -> tuple[Array, Backward] | None:
        """(y, backward) of a row, with which parameters can be trained; None where it can't be prepared for x."""
        taken = self._take(layers, row, x, True)
        if taken is None:
            return None
        lease = _Lease(*taken)
        y: Array = lease.prepared.network.forward(x)
        shape, dtype = y.shape, y.dtype

        def backward(dy: Array, *, need_dx: bool = True) -> Array | None:
            F.check_slope(dy, shape, dtype)
            dx: Array | None = lease.prepared.network.backward(dy, need_dx=need_dx)
            return dx

        return y, backward

    def _take(
        self, layers: Sequence[Module], row: Row, x: Array, keeps: bool
    ) -> "tuple[_Prepared, list[_Prepared]] | None":
        """(a network that nobody uses now, where it goes when that's so again)."""
        if not isinstance(x, np.ndarray):
            return None
        key = (row.start, row.stop, x.shape, x.dtype.char, keeps)
        if key not in self._idle:
            if len(self._idle) >= KEPT:
                self._idle.pop(next(iter(self._idle)), None)
            self._idle[key] = []
        idle = self._idle[key]
        part = layers[row.start : row.stop]
        while idle:
            prepared = idle.pop()
            if prepared.fits(part):
                return prepared, idle
        fresh = None if idle is None else _prepare(part, row, x.shape, x.dtype)
        if fresh is None or idle is None:
            self._idle[key] = None
            return None
        return fresh, idle


class _Prepared:
    """A network, and what it was prepared from."""

    def __init__(self, network: Any, layers: Sequence[Module], parameters: list[Parameter]) -> None:
        self.network = network
        self.parameters = parameters
        self.values = [parameter.value for parameter in parameters]
        self.layers = [dict(vars(layer)) for layer in layers]

    def fits(self, layers: Sequence[Module]) -> bool:
        """Whether these are the same layers still, with the same attributes and the same arrays."""
        same = all(map(operator.is_, [parameter.value for parameter in self.parameters], self.values))
        return same and [vars(layer) for layer in layers] == self.layers


class _Lease:
    """Holds a network as long as a backward pass may need it."""

    __slots__ = ("idle", "prepared")

    def __init__(self, prepared: _Prepared, idle: list[_Prepared]) -> None:
        self.prepared, self.idle = prepared, idle

    def __del__(self) -> None:
        self.prepared.network.rest()
        self.idle.append(self.prepared)


def _prepare(layers: Sequence[Module], row: Row, shape: Shape, dtype: np.dtype[Any]) -> _Prepared | None:
    parameters = [array for layer in layers for _, array in layer.named_state()]
    try:
        if dtype.char not in "fd" or any(parameter.value.dtype != dtype for parameter in parameters):
            return None
        operators, sample, start = [], shape[1:], 0
        for size in row.groups:
            group = layers[start : start + size]
            described = _describe(group, (shape[0], *sample))
            operators += [] if described is None else [described]
            for layer in group:
                sample = layer.output_shape(sample)
            start += size
        network = F.network(operators, shape, dtype)
    except (ShapeError, NotBuiltError):  # the layers, one by one, say where
        return None
    return None if network is None else _Prepared(network, layers, parameters)


def _describe(group: Sequence[Module], shape: Shape) -> Operator | None:
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
        return Elementwise(*first.formula())
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
    return Trained(parameter.value, parameter.grad)


def _perhaps(parameter: Parameter | None) -> Trained | None:
    return None if parameter is None else _trained(parameter)
