"""A parameter as the value of a graph."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from minidl import functional as F
from minidl import initializers, shapes
from minidl.description import operators as op
from minidl.description.graph import Describer, Value
from minidl.layers.affine import param_of
from minidl.module import Buffer, Module, Parameter
from minidl.typing import Array, Backward, Shape

if TYPE_CHECKING:
    from numpy.random import Generator

__all__ = ["Constant"]

SHOWN = 8
"""A representation shows values of at most so many numbers."""


class Constant(Module):
    """A value that is the same for each sample, whatever it's called on: its `weight`, of a sample's shape.

    Called on a node of a graph, it gives (n, *shape) for the n samples of that. It begins as `value`, or as zeros of
    `shape`, and is trained unless `trainable` is False; then it is a buffer. Raises ValueError unless there is either.
    """

    def __init__(self, value: Any = None, *, shape: Sequence[int] | None = None, trainable: bool = True) -> None:
        F.check_switch("trainable", trainable)
        if (value is None) == (shape is None):
            raise ValueError("Constant: expected a value, or the shape of one that is loaded")
        array = None if value is None else np.array(value, np.float64)
        self.shape = tuple(shapes.count(size, "shape") for size in shape or ()) if array is None else array.shape
        memory = (1, 2, 0) if len(self.shape) == 3 else None  # channels last, as samples lie
        self.weight = Parameter(memory=memory) if trainable else Buffer(memory=memory)
        self._first = array  # until it's built, so that it can take the model's dtype

    def arguments(self) -> dict[str, Any]:
        return {"shape": self.shape, "trainable": not isinstance(self.weight, Buffer)}

    def shown_arguments(self) -> dict[str, Any]:
        value = self.weight.value if self.weight.is_built else self._first
        is_shown = value is not None and value.size <= SHOWN
        known = (
            {"value": value.tolist(), "shape": None}
            if value is not None and is_shown
            else {"value": None, "shape": self.shape}
        )
        return known | {"trainable": not isinstance(self.weight, Buffer)}

    @property
    def takes_integers(self) -> bool:
        """True: of what it's called on it counts the samples alone."""
        return True

    @property
    def takes_bytes(self) -> bool:
        """True, as well."""
        return True

    def output_shape(self, input_shape: Shape) -> Shape:
        return self.shape

    def build(self, input_shape: Shape, rng: "Generator") -> None:
        if self.weight.is_built or self._first is None:
            self.weight.initialize(self.shape, initializers.zeros, rng)
        else:
            self.weight.value, self._first = self._first, None

    def forward(self, x: Array, *, train: bool) -> tuple[Array, Backward]:
        value, shape, dtype = self.weight.value, x.shape, x.dtype
        y = np.repeat(value[None], len(x), axis=0)

        def backward(dy: Array, *, need_dx: bool = True) -> Array | None:
            F.check_gradient(dy, y.shape, y.dtype)
            if self._is_trained and len(dy):  # its sum over samples is that of what is added to each of them
                _, pullback = F.add(value.reshape(1, value.size), np.zeros((len(dy), 1), dy.dtype))
                self.weight.grad += pullback(dy.reshape(len(dy), value.size))[0].reshape(value.shape)
            return np.zeros(shape, dtype) if need_dx else None

        return y, backward

    @property
    def _is_trained(self) -> bool:
        return self.weight.trainable and not isinstance(self.weight, Buffer)

    def describe(self, describer: Describer, x: Value) -> Value:
        param = param_of(self.weight) if self._is_trained else op.Param(self.weight.value, None)
        return describer.add(op.Constant(param), x, shape=self.shape)
