"""Base classes of the layers with a weight or a bias: their parameters, and the accumulation of their gradients."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from minidl import functional as F
from minidl import initializers, shapes
from minidl.description import operators as op
from minidl.description.graph import CannotDescribeError, Describer, Value
from minidl.description.operators import Param
from minidl.errors import ShapeError
from minidl.functional import AffinePullback, NormPullback
from minidl.initializers import Initializer
from minidl.module import Module, Parameter
from minidl.typing import Array, Backward, Shape

if TYPE_CHECKING:
    from numpy.random import Generator


class Affine(Module):
    """A layer with a `weight` and perhaps a `bias`."""

    def __init__(self, weight_init: str | Initializer, *, bias: bool, memory: Sequence[int]) -> None:
        """Parameters without values; `memory` is the order of the weight's axes in memory. Raises ValueError."""
        initializers.get(weight_init)
        F.check_switch("bias", bias)
        self.weight_init = weight_init
        self.weight = Parameter(memory=memory)
        self.bias: Parameter | None = Parameter() if bias else None

    def _weight_shape(self, input_shape: Shape) -> Shape:
        raise NotImplementedError(f"{type(self).__name__} doesn't define _weight_shape(input_shape)")

    def _outputs(self, weight_shape: Shape) -> int:
        """For how many outputs there is a bias."""
        return weight_shape[0]

    def build(self, input_shape: Shape, rng: "Generator") -> None:
        shape = self._weight_shape(input_shape)
        self.weight.initialize(shape, initializers.get(self.weight_init), rng)
        if self.bias is not None:
            self.bias.initialize((self._outputs(shape),), initializers.zeros, rng)

    def _params(self) -> tuple[Param, Param | None]:
        return param_of(self.weight), None if self.bias is None else param_of(self.bias)

    def _bias_value(self) -> Array | None:
        return None if self.bias is None else self.bias.value

    def _accumulate(self, pullback: AffinePullback) -> Backward:
        """The backward that adds a pullback's dw and db to the gradients, unless the layer is frozen."""

        def backward(dy: Array, *, need_dx: bool = True) -> Array | None:
            if not self.weight.trainable:
                return pullback(dy, need_dx=True, need_dw=False)[0] if need_dx else None
            dx, dw, db = pullback(dy, need_dx=need_dx)
            self.weight.grad += dw
            if self.bias is not None:
                self.bias.grad += db
            return dx

        return backward


class Separable(Module):
    """A convolution of each channel by itself, and then one of 1 value across channels; both are trained or neither."""

    def __init__(
        self, filters: int, depth_multiplier: int, *, weight_init: str | Initializer, bias: bool, memory: Sequence[int]
    ) -> None:
        """Parameters without values; `memory` is the order of the weights' axes in memory. Raises ValueError."""
        self.filters = shapes.count(filters, "filters")
        self.depth_multiplier = shapes.count(depth_multiplier, "depth_multiplier")
        F.check_switch("bias", bias)
        initializers.get(weight_init)
        self.weight_init = weight_init
        self.depthwise_weight = Parameter(memory=memory)
        self.pointwise_weight = Parameter(memory=memory)
        self.bias = Parameter() if bias else None

    def _depthwise_shape(self, input_shape: Shape) -> Shape:
        """(c depth_multiplier, 1, ...), the shape of the depthwise weights."""
        raise NotImplementedError(f"{type(self).__name__} doesn't define _depthwise_shape(input_shape)")

    def build(self, input_shape: Shape, rng: "Generator") -> None:
        initializer, shape = initializers.get(self.weight_init), self._depthwise_shape(input_shape)
        self.depthwise_weight.initialize(shape, initializer, rng)
        self.pointwise_weight.initialize((self.filters, shape[0], *(1 for _ in shape[2:])), initializer, rng)
        if self.bias is not None:
            self.bias.initialize((self.filters,), initializers.zeros, rng)

    def _bias_value(self) -> Array | None:
        return None if self.bias is None else self.bias.value

    def _accumulate(self, depthwise: AffinePullback, pointwise: AffinePullback) -> Backward:
        """The backward through both, which adds to the gradients unless the layer is frozen."""

        def backward(dy: Array, *, need_dx: bool = True) -> Array | None:
            trained = self.pointwise_weight.trainable
            if not trained and not need_dx:
                return None
            dbetween, dpointwise, dbias = pointwise(dy, need_dw=trained)
            assert dbetween is not None
            dx, ddepthwise, _ = depthwise(dbetween, need_dx=need_dx, need_dw=trained)
            if not trained:
                return dx
            self.depthwise_weight.grad += ddepthwise
            self.pointwise_weight.grad += dpointwise
            if self.bias is not None:
                self.bias.grad += dbias
            return dx

        return backward


class Scaled(Module):
    """A normalization, whose result is multiplied by a `weight`, if it has `scale`, and given a `bias`, if `center`."""

    _settled = frozenset({"center", "scale"})

    def __init__(self, eps: float, *, scale: bool, center: bool) -> None:
        """Parameters without values. Raises ValueError."""
        F.check_number("eps", eps)
        F.check_switch("scale", scale)
        F.check_switch("center", center)
        self.eps = eps
        self.scale = bool(scale)
        self.center = bool(center)
        self.weight: Parameter | None = Parameter() if scale else None
        self.bias: Parameter | None = Parameter() if center else None

    def _built_shape(self) -> Shape | None:
        """That of weight and bias, or None without any or before they have values."""
        for parameter in (self.weight, self.bias):
            if parameter is not None and parameter.is_built:
                shape: Shape = parameter.value.shape
                return shape
        return None

    def _initialize(self, shape: Shape, rng: "Generator") -> None:
        if self.weight is not None:
            self.weight.initialize(shape, initializers.ones, rng)
        if self.bias is not None:
            self.bias.initialize(shape, initializers.zeros, rng)

    def _values(self, shape: Shape, dtype: "np.dtype[Any]") -> tuple[Array, Array]:
        """What is multiplied by and what is added: ones and zeros where there is no parameter."""
        weight = np.ones(shape, dtype) if self.weight is None else self.weight.value
        return weight, np.zeros(shape, dtype) if self.bias is None else self.bias.value

    def _params(self, shape: Shape, dtype: "np.dtype[Any] | None" = None) -> tuple[Param, Param]:
        """Both for a description. Raises CannotDescribeError where neither there is nor a dtype is given."""
        own = [parameter for parameter in (self.weight, self.bias) if parameter is not None]
        if dtype is None and not own:
            raise CannotDescribeError(f"{type(self).__name__} has no array that tells its dtype")
        weight, bias = self._values(shape, dtype or own[0].value.dtype)
        return (
            Param(weight, None) if self.weight is None else param_of(self.weight),
            Param(bias, None) if self.bias is None else param_of(self.bias),
        )

    def _accumulate(self, pullback: NormPullback) -> Backward:
        """The backward that adds a pullback's gradients of scale and shift to the parameters' own, unless frozen."""

        def backward(dy: Array, *, need_dx: bool = True) -> Array | None:
            trained = [
                (parameter, place)
                for place, parameter in enumerate((self.weight, self.bias), start=1)
                if parameter is not None and parameter.trainable
            ]
            if not (trained or need_dx):
                return None
            gradients = pullback(dy)
            for parameter, place in trained:
                parameter.grad += gradients[place]
            return gradients[0] if need_dx else None

        return backward


class Grouped(Affine):
    """A convolution whose channels and filters are in groups that don't see each other."""

    def __init__(
        self, filters: int, groups: int, *, weight_init: str | Initializer, bias: bool, memory: Sequence[int]
    ) -> None:
        self.filters, self.groups = shapes.count(filters, "filters"), shapes.count(groups, "groups")
        if filters % groups:
            raise ValueError(f"filters: expected a multiple of the {groups} groups, got {filters}")
        super().__init__(weight_init, bias=bias, memory=memory)

    def _channels(self, input_shape: Shape) -> int:
        """The channels of samples (c, ...). Raises ShapeError unless they make equal groups."""
        if input_shape[0] % self.groups:
            raise ShapeError(f"expected channels in {self.groups} equal groups, got {shapes.show(input_shape)}")
        return input_shape[0]


def param_of(parameter: Parameter) -> Param:
    """A parameter as operators know it."""
    return Param(parameter.value, parameter.grad if parameter.trainable else None)


def of_images(describer: Describer, operator: op.Operator, x: Value) -> Value:
    """What it gives for samples that are taken for images that are 1 high; groups of vectors are normalized as such."""
    if len(x.shape) == 3 or (len(x.shape) == 1 and isinstance(operator, op.GroupNorm)):
        return describer.add(operator, x, shape=x.shape)
    shape = x.shape[0], 1, math.prod(x.shape[1:])
    images = describer.add(op.Reshape(shape), x, shape=shape)
    return describer.add(op.Reshape(x.shape), describer.add(operator, images, shape=shape), shape=x.shape)
