"""Parameters: arrays that training changes, and buffers, which it doesn't."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from minidl import initializers
from minidl.errors import NotBuiltError, ShapeError
from minidl.errors.hints import AttributeHints
from minidl.shapes import show
from minidl.typing import Array, Shape

if TYPE_CHECKING:
    from numpy.random import Generator


class Parameter(AttributeHints):
    """An array that training changes, and the sum of its gradients since `zero_grad`.

    It has neither until its module is built, unless it is created from a `value`; afterwards, both are views into the
    two flat buffers of the model. `memory` is the order of its axes in memory, outermost first, chosen to suit the
    kernels; by default the axes' own order.
    """

    __slots__ = ("_flat", "_grad", "_trainable", "_value", "memory")

    def __init__(self, value: Array | None = None, *, memory: Sequence[int] | None = None) -> None:
        self.memory = None if memory is None else tuple(memory)
        self._trainable = True
        self.forget()
        if value is not None:
            self.value = value

    @property
    def value(self) -> Array:
        """The array; assigning copies into it, so that views of it and optimizers keep seeing it."""
        if self._value is None:
            raise NotBuiltError(
                "the parameters have no values yet: give the model input_shape=(c, h, w), or call it on one batch first"
            )
        return self._value

    @value.setter
    def value(self, value: Array) -> None:
        if self._value is None:
            self._live_in(value.shape, *np.zeros((2, value.size), value.dtype))
            self.value[...] = value
        elif value.shape != self._value.shape:
            raise ShapeError(f"expected a parameter of shape {show(self._value.shape)}, got {show(value.shape)}")
        else:
            self._value[...] = value

    @property
    def grad(self) -> Array:
        """The gradient, of the value's shape: backward adds to it."""
        if self._grad is None:
            raise NotBuiltError("the parameters have no gradients yet: build the model first")
        return self._grad

    @grad.setter
    def grad(self, grad: Array) -> None:
        if grad is not self.grad:  # `parameter.grad += d` assigns the same array back
            self.grad[...] = grad

    @property
    def trainable(self) -> bool:
        """Whether training changes it: as its module's `trainable` says. If not, optimizers and clipping pass it by."""
        return self._trainable

    def mark_trainable(self, trainable: bool) -> None:
        """Let training change it, or no longer; then it has no gradient either."""
        self._trainable = trainable
        if self._grad is not None and not trainable:
            self._grad[...] = 0

    @property
    def flat(self) -> tuple[Array, Array]:
        """Value and gradient as vectors, in the order in which they lie in memory."""
        if self._flat is None:
            raise NotBuiltError("the parameters have no values yet: build the model first")
        return self._flat

    def shaped(self, vector: Array) -> Array:
        """A view, in the shape of the value, of a vector whose elements are in the order of those of `flat`."""
        return self._shaped(vector, self.value.shape)

    @property
    def is_built(self) -> bool:
        """Whether it has a value."""
        return self._value is not None

    def initialize(self, shape: Shape, initializer: initializers.Initializer, rng: "Generator") -> None:
        """Take a first value, or check that the one it has, loaded or built before, has this shape."""
        if self._value is None:
            self.value = np.asarray(initializer(shape, rng), np.float32)
        elif self._value.shape != shape:
            raise ShapeError(
                f"expected weights {show(shape)} for this input, got {show(self._value.shape)} from before"
            )

    def problem(self, value: Array) -> str | None:
        """What is wrong with the numbers of a value from a file, or None; its shape and dtype are checked apart."""
        del value
        return None

    def forget(self) -> None:
        """Have no value again."""
        self._value: Array | None = None
        self._grad: Array | None = None
        self._flat: tuple[Array, Array] | None = None

    def begin(self, value: Array, values: Array, grads: Array) -> None:
        """Take a first value, copied into the first of these vectors; the other one is zeros, for the gradient."""
        self._live_in(value.shape, values, grads)
        self.value[...] = value

    def move(self, values: Array, grads: Array) -> None:
        """Live in these vectors from now on, with the value and gradient of now."""
        value, grad = self.value, self.grad
        self._live_in(value.shape, values, grads)
        self.value, self.grad = value, grad

    def snapshot(self) -> Self:
        """A copy with the value, and without a gradient: zeros that take no memory and can't be written."""
        copied = type(self).__new__(type(self))
        values = self.flat[0].copy()
        copied.__setstate__((self.memory, self._trainable, (self.value.shape, values, None)))
        return copied

    def _live_in(self, shape: Shape, values: Array, grads: Array) -> None:
        self._flat = values, grads
        self._value, self._grad = self._shaped(values, shape), self._shaped(grads, shape)

    def __getstate__(self) -> Any:
        """What a copy or a pickle is made of: the vectors, of which value and gradient become views again."""
        if self._flat is None:
            return self.memory, self._trainable, None
        values, grads = self._flat
        return self.memory, self._trainable, (self.value.shape, values, grads if grads.flags.writeable else None)

    def __setstate__(self, state: Any) -> None:
        self.memory, self._trainable, built = state
        self.forget()
        if built is not None:
            shape, values, grads = built
            nothing = np.broadcast_to(values.dtype.type(0), values.shape)
            self._live_in(shape, values, nothing if grads is None else grads)

    def _shaped(self, vector: Array, shape: Shape) -> Array:
        order = self.memory if self.memory is not None and len(self.memory) == len(shape) else range(len(shape))
        return vector.reshape([shape[axis] for axis in order]).transpose(np.argsort(order))

    def __repr__(self) -> str:
        return (
            f"Parameter({show(self._value.shape)}, {self._value.dtype})" if self._value is not None else "Parameter()"
        )


class Buffer(Parameter):
    """An array that belongs to a module's state and isn't trained, such as a running mean."""

    __slots__ = ()
