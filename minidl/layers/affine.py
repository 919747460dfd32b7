"""What layers with weights and a bias have in common: how these begin, and where their gradients go."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from minidl import functional as F
from minidl import initializers, shapes
from minidl.description.operators import Param
from minidl.errors import ShapeError
from minidl.functional import AffinePullback
from minidl.initializers import Initializer
from minidl.module import Module, Parameter
from minidl.typing import Array, Backward, Shape

if TYPE_CHECKING:
    from numpy.random import Generator


class Affine(Module):
    """A layer with a `weight` and perhaps a `bias`."""

    weight: Parameter
    bias: Parameter | None
    weight_init: str | Initializer

    def _begin(self, weight_init: str | Initializer, *, bias: bool, memory: Sequence[int]) -> None:
        """Have parameters without values, the weights' axes in this order in memory. Raises for no initializer."""
        initializers.get(weight_init)
        F.check_switch("bias", bias)
        self.weight_init = weight_init
        self.weight = Parameter(memory=memory)
        self.bias = Parameter() if bias else None

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

    def _adding(self, pullback: AffinePullback) -> Backward:
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


class Grouped(Affine):
    """A convolution whose channels and filters are in groups that don't see each other."""

    filters: int
    groups: int

    def _begin_groups(self, filters: int, groups: int) -> None:
        self.filters, self.groups = shapes.count(filters, "filters"), shapes.count(groups, "groups")
        if filters % groups:
            raise ValueError(f"filters: expected a multiple of the {groups} groups, got {filters}")

    def _channels(self, input_shape: Shape) -> int:
        """The channels of samples (c, ...). Raises ShapeError unless they make equal groups."""
        if input_shape[0] % self.groups:
            raise ShapeError(f"expected channels in {self.groups} equal groups, got {shapes.show(input_shape)}")
        return input_shape[0]


def param_of(parameter: Parameter) -> Param:
    """A parameter as operators know it."""
    return Param(parameter.value, parameter.grad if parameter.trainable else None)
