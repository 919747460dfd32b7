"""Parameters, and the modules that own them."""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from minidl import initializers, representation
from minidl.errors import KeywordHints, NotBuiltError, ShapeError, StateError
from minidl.errors.hints import AttributeHints
from minidl.shapes import show
from minidl.typing import Array, Backward, Shape

if TYPE_CHECKING:
    from numpy.random import Generator


class Parameter(AttributeHints):
    """An array that training changes, and the sum of its gradients since `zero_grad`.

    It has neither until its module is built, unless it is made of a `value`; then both are views into the two flat
    buffers of their model. In memory its axes are in the order `memory`, outermost first, which is that in which
    kernels read it; by default their own.
    """

    __slots__ = ("_flat", "_grad", "_value", "memory")

    def __init__(self, value: Array | None = None, *, memory: Sequence[int] | None = None) -> None:
        self.memory = None if memory is None else tuple(memory)
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
            self._value[...] = value  # type: ignore[index]
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

    def move(self, values: Array, grads: Array) -> None:
        """Live in these vectors from now on, with the value and gradient of now."""
        value, grad = self.value, self.grad
        self._live_in(value.shape, values, grads)
        self.value, self.grad = value, grad

    def _live_in(self, shape: Shape, values: Array, grads: Array) -> None:
        self._flat = values, grads
        self._value, self._grad = self._shaped(values, shape), self._shaped(grads, shape)

    def __getstate__(self) -> Any:
        """What a copy or a pickle is made of: the vectors, of which value and gradient become views again."""
        return self.memory, None if self._flat is None else (self.value.shape, *self._flat)

    def __setstate__(self, state: Any) -> None:
        self.memory, built = state
        self.forget()
        if built is not None:
            self._live_in(*built)

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


class Module(KeywordHints):
    """Something with a forward pass, perhaps with parameters: a layer, a block or a whole model.

    A subclass defines `forward`; `output_shape`, unless it's the input's; and `build`, if it has parameters. Those, and
    inner modules, are found in its attributes (also in lists and tuples of modules), in the order of their assignment.
    """

    def forward(self, x: Array, *, train: bool) -> tuple[Array, Backward]:
        """(y, backward): backward(dy, need_dx=True) adds into each `Parameter.grad` and returns dx, or None."""
        raise NotImplementedError(f"{type(self).__name__} doesn't define forward(x, *, train)")

    def output_shape(self, input_shape: Shape) -> Shape:
        """The shape of one sample of y, for one of x. Raises ShapeError where x doesn't fit."""
        return input_shape

    def build(self, input_shape: Shape, rng: "Generator") -> None:
        """Size and initialize the parameters for samples of this shape; those that have a value keep it."""

    def ensure_built(self, x: Array) -> None:
        """Build for these samples, in modules that do so at their first call; others have been built before."""

    @property
    def takes_integers(self) -> bool:
        """Whether its samples are integers, such as the numbers of words, and not floats: as its first module's are."""
        first = next(self.children(), None)
        return first is not None and first[1].takes_integers

    def macs(self, input_shape: Shape) -> int:
        """The multiply-accumulate operations of one sample's forward pass."""
        del input_shape
        return 0

    def __call__(self, x: Array) -> Array:
        """Inference: y alone, with dropout off and nothing kept for backward. Raises ShapeError, DTypeError."""
        try:
            return self.forward(x, train=False)[0]
        except ShapeError as error:
            raise ShapeError(f"{type(self).__name__}: {error}") from None

    def children(self) -> Iterator[tuple[str, "Module"]]:
        """(name, module) of each inner module."""
        for name, value in vars(self).items():
            if isinstance(value, Module):
                yield name, value
            elif isinstance(value, list | tuple):
                yield from ((f"{name}.{i}", item) for i, item in enumerate(value) if isinstance(item, Module))

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """(dotted name, parameter) in definition order, each once: PyTorch's names for the same network."""
        return ((name, array) for name, array in self.named_state() if not isinstance(array, Buffer))

    def named_state(self) -> Iterator[tuple[str, Parameter]]:
        """(dotted name, parameter or buffer) in definition order, each once: what a `state_dict` holds."""
        seen: set[int] = set()
        for name, array in self._walk(""):
            if id(array) not in seen:
                seen.add(id(array))
                yield name, array

    def _walk(self, prefix: str) -> Iterator[tuple[str, Parameter]]:
        for name, value in vars(self).items():
            if isinstance(value, Parameter):
                yield prefix + name, value
        for name, child in self.children():
            yield from child._walk(f"{prefix}{name}.")

    def parameters(self) -> list[Parameter]:
        """The parameters, for an optimizer."""
        return [parameter for _, parameter in self.named_parameters()]

    def zero_grad(self) -> None:
        """Set every gradient to zero."""
        for parameter in self.parameters():
            parameter.grad[...] = 0

    def state_dict(self) -> dict[str, Array]:
        """A copy of every parameter's and buffer's value by its dotted name."""
        return {name: array.value.copy() for name, array in self.named_state()}

    def load_state_dict(self, state: Mapping[str, Array]) -> None:
        """Copy these values into the parameters and buffers.

        Raises StateError, which names every missing, unexpected and mis-shaped entry; then nothing has changed.
        """
        self.check_state(state)
        for name, parameter in self.named_state():
            parameter.value = np.asarray(state[name])

    def check_state(self, state: Mapping[str, Array]) -> None:
        """Raise StateError, which names every missing, unexpected and mis-shaped entry, unless this state fits."""
        parameters = dict(self.named_state())
        wrong = [f"missing {name}" for name in parameters if name not in state]
        wrong += [f"unexpected {name}" for name in state if name not in parameters]
        for name, parameter in parameters.items():
            if name in state:
                value = np.asarray(state[name])
                if value.shape != parameter.value.shape:
                    wrong.append(f"{name}: expected {show(parameter.value.shape)}, got {show(value.shape)}")
                elif not np.issubdtype(value.dtype, np.floating):
                    wrong.append(f"{name}: expected floats, got {value.dtype}")
                elif problem := parameter.problem(value):
                    wrong.append(f"{name}: {problem}")
        if wrong:
            raise StateError(f"the state doesn't fit this {type(self).__name__}: {'; '.join(wrong)}")

    def arguments(self) -> dict[str, Any]:
        """The constructor's arguments, read from attributes of their names; of `bias`, whether there is one."""
        return {name: self._argument(name, argument) for name, argument in representation.constructor(self).items()}

    def _argument(self, name: str, argument: inspect.Parameter) -> Any:
        value = getattr(self, name)
        is_switch = isinstance(argument.default, bool) and not isinstance(value, bool)
        return value is not None if is_switch else value

    def shown_arguments(self) -> dict[str, Any]:
        """The constructor's arguments, those that are known, as `repr` shows them."""
        known = {name: argument for name, argument in representation.constructor(self).items() if hasattr(self, name)}
        values = {name: self._argument(name, argument) for name, argument in known.items()}
        return {name: _named(value) if callable(value) else value for name, value in values.items()}

    def __repr__(self) -> str:
        """The call that makes an equal one: code to paste, on several lines where it's long."""
        return representation.call(self, self.shown_arguments())


def _named(value: Any) -> Any:
    """The name of an initializer of ours in its place."""
    names = (name for name, initializer in initializers.INITIALIZERS.items() if initializer is value)
    return initializers.name_of(value) or next(names, value)


def flatten_parameters(module: Module, dtype: Any) -> None:
    """Move all parameters into one flat buffer of values and another of gradients, each a view of its part.

    Buffers become arrays of this dtype, each for itself: an optimizer doesn't see them.
    """
    for _, array in module.named_state():
        if isinstance(array, Buffer):
            array.move(*np.empty((2, array.value.size), dtype))
    parameters = module.parameters()
    size = sum(parameter.value.size for parameter in parameters)
    values, grads = np.empty(size, dtype), np.zeros(size, dtype)
    start = 0
    for parameter in parameters:
        stop = start + parameter.value.size
        parameter.move(values[start:stop], grads[start:stop])
        start = stop


def flat_views(parameters: list[Parameter]) -> list[tuple[Array, Array]]:
    """(values, gradients) vectors that cover the parameters in order, one for each run that is adjacent in memory.

    For all the parameters of one model that's a single pair, its flat buffers.
    """
    runs: list[tuple[list[Array], list[Array]]] = []
    for parameter in parameters:
        value, grad = parameter.flat
        if runs and _follows(value, runs[-1][0][-1]) and _follows(grad, runs[-1][1][-1]):
            runs[-1][0].append(value)
            runs[-1][1].append(grad)
        else:
            runs.append(([value], [grad]))
    return [(_span(values), _span(grads)) for values, grads in runs]


def _address(array: Array) -> int:
    return int(array.__array_interface__["data"][0])


def _follows(later: Array, earlier: Array) -> bool:
    return (
        earlier.base is not None
        and later.base is earlier.base
        and _address(later) == _address(earlier) + earlier.nbytes
    )


def _span(adjacent: list[Array]) -> Array:
    """One vector over vectors that lie one behind the other."""
    if len(adjacent) == 1:
        return adjacent[0]
    base = adjacent[0].base
    start = (_address(adjacent[0]) - _address(base)) // base.itemsize  # type: ignore[arg-type, union-attr]
    return base[start : start + sum(array.size for array in adjacent)]  # type: ignore[index]
