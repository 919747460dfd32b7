"""Modules: what owns parameters and has a forward pass."""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from minidl import initializers
from minidl.display import code
from minidl.errors import KeywordHints, ShapeError
from minidl.graph.symbolic import S, first_symbolic
from minidl.parameter import Buffer, Parameter
from minidl.saving.matching import By, matched
from minidl.typing import Array, Backward, Shape

if TYPE_CHECKING:
    from numpy.random import Generator


__all__ = ["Buffer", "Module", "Parameter", "flat_views", "flatten_parameters", "move_together"]


class Module(KeywordHints):
    """Something with a forward pass, perhaps with parameters: a layer, a block or a whole model.

    A subclass defines `forward`; `output_shape`, unless it's the input's; and `build`, if it has parameters. Parameters
    and inner modules are found in its attributes (also in lists and tuples of modules), in order of assignment.
    """

    input_names: tuple[str, ...] = ()
    """The names of several inputs, in whose order `forward` takes a tuple of arrays; empty for one without a name."""
    output_names: tuple[str, ...] = ()
    """The names of several outputs, in whose order `forward` gives a tuple of arrays, and `backward` takes one."""
    integer_inputs: tuple[str, ...] | None = None
    """Which of several inputs are integers; None where `takes_integers` tells it of all."""
    _trainable = True

    @property
    def trainable(self) -> bool:
        """Whether training changes it, or a module inside of it; setting it holds for all of them.

        A frozen module, `trainable = False`, is skipped by every optimizer, even one made before, and its parameters
        have no gradient; a batch normalization uses its running statistics in training too, and doesn't update them.
        Raises TypeError unless it's set to True or False.
        """
        return self._trainable or any(child.trainable for _, child in self.children())

    @trainable.setter
    def trainable(self, trainable: bool) -> None:
        if not isinstance(trainable, bool | np.bool):
            raise TypeError(f"trainable: expected True or False, got {trainable!r}")
        self.mark_trainable(bool(trainable))
        for _, child in self.children():
            child.trainable = trainable

    def mark_trainable(self, trainable: bool) -> None:
        """Set `trainable` for this module alone, and not for those inside."""
        vars(self)["_trainable"] = trainable
        for value in vars(self).values():
            if isinstance(value, Parameter):
                value.mark_trainable(trainable)

    @property
    def needs_gradient(self) -> bool:
        """Whether there is a parameter, here or inside, that training changes.

        A custom module with neither parameters nor modules inside does unless it is frozen.
        """
        own = [value for value in vars(self).values() if isinstance(value, Parameter) and not isinstance(value, Buffer)]
        if any(value.trainable for value in own):
            return True
        children = [child for _, child in self.children()]
        if not own and not children and not self._is_minidl_s:
            return self._trainable
        return any(child.needs_gradient for child in children)

    if not TYPE_CHECKING:

        def __setattr__(self, name: str, value: Any) -> None:
            """Freeze a parameter that a frozen module gets. Raises TypeError for what isn't one in its place."""
            if isinstance(vars(self).get(name), Parameter) and not isinstance(value, Parameter | None):
                kind = type(value).__name__
                raise TypeError(f"{name}: expected a Parameter, got {kind}; assign to {name}.value, which copies it")
            super().__setattr__(name, value)
            if not self._trainable and isinstance(value, Parameter):
                value.mark_trainable(False)

    def forward(self, x: Array, *, train: bool) -> tuple[Array, Backward]:
        """(y, backward): backward(dy, need_dx=True) adds into each `Parameter.grad` and returns dx, or None.

        A module of several inputs is given a tuple of arrays, and its backward returns a tuple of gradients.
        """
        raise NotImplementedError(f"{type(self).__name__} doesn't define forward(x, *, train)")

    def output_shape(self, input_shape: Shape) -> Shape:
        """The shape of one sample of y, given that of x. Omit it if the shape does not change.

        Raises ShapeError if x doesn't fit.
        """
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

    @property
    def takes_bytes(self) -> bool:
        """Whether its samples may be bytes (uint8), which count as the floats 0 to 255: as its first module's may."""
        first = next(self.children(), None)
        return first is not None and first[1].takes_bytes

    def macs(self, input_shape: Shape) -> int:
        """The multiply-accumulate operations of one sample's forward pass."""
        del input_shape
        return 0

    if TYPE_CHECKING:

        @overload
        def __call__(self, x: S, *more: S, name: str | None = None) -> S: ...
        @overload
        def __call__(self, x: Any, *more: Any) -> Any: ...

    def __call__(self, x: Any, *more: Any, name: str | None = None) -> Any:
        """Inference: y alone, with dropout off and nothing kept for backward. Raises ShapeError, DTypeError.

        Called on nodes of a graph, it gives the node of what it gives for their arrays, which may have a `name`. A
        module that takes several values is called on all of them, or on a tuple.
        """
        if type(x) is not np.ndarray or more or name is not None:
            values = (x, *more) if more or not isinstance(x, tuple | list) else tuple(x)
            symbolic = first_symbolic(values)
            if symbolic is not None:
                return symbolic.called(self, values, name)
            if name is not None:
                raise TypeError(f"{type(self).__name__}: name: only what is called on nodes has one")
            x = values if more else x
        return self.infer(x)

    def infer(self, x: Array) -> Array:
        """What the module gives at inference for an array, or for a tuple of them: what calling it on arrays does."""
        try:
            return self.forward(x, train=False)[0]
        except ShapeError as error:
            raise ShapeError(f"{type(self).__name__}: {error}") from None

    def without_last(self, kinds: tuple[type["Module"], ...]) -> "Module | None":
        """The same less the layer that gives its output, if it is of these kinds; None where that can't be done."""
        del kinds
        return None

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

    def load_state_dict(self, state: Mapping[str, Array], *, by: By = "name", prefix: str = "") -> None:
        """Copy these values into the parameters and buffers.

        Of the names only those that begin with `prefix` are taken, without it: "module." or "_orig_mod." in weights
        from PyTorch, whose counters `num_batches_tracked` are left out. With `by="order"` names count for nothing but
        their last part, weight for weight, and the order decides, which must be that of this model's layers.

        Raises StateError, which names every missing, unexpected and mis-shaped entry; then nothing has changed.
        """
        values = matched(self, dict(self.named_state()), state, by=by, prefix=prefix)
        for name, parameter in self.named_state():
            parameter.value = np.asarray(values[name])

    def check_state(self, state: Mapping[str, Array]) -> None:
        """Raise StateError, which names every missing, unexpected and mis-shaped entry, unless this state fits."""
        matched(self, dict(self.named_state()), state)

    def arguments(self) -> dict[str, Any]:
        """The constructor's arguments, read from attributes of their names; of `bias`, whether there is one."""
        return {name: self._argument(name, argument) for name, argument in code.constructor(self).items()}

    def _argument(self, name: str, argument: inspect.Parameter) -> Any:
        value = getattr(self, name)
        is_switch = isinstance(argument.default, bool) and not isinstance(value, bool)
        return value is not None if is_switch else value

    def shown_arguments(self) -> dict[str, Any]:
        """The constructor's arguments, those that are known, as `repr` shows them."""
        known = {name: argument for name, argument in code.constructor(self).items() if hasattr(self, name)}
        values = {name: self._argument(name, argument) for name, argument in known.items()}
        return {name: _named(value) if callable(value) else value for name, value in values.items()}

    def __repr__(self) -> str:
        """The call that makes an equal one: code to paste, on several lines where it's long."""
        return code.call(self, self.shown_arguments())


def _named(value: Any) -> Any:
    """The name of an initializer of ours in its place."""
    names = (name for name, initializer in initializers.INITIALIZERS.items() if initializer is value)
    return initializers.name_of(value) or next(names, value)


def flatten_parameters(module: Module, dtype: Any) -> None:
    """Move all parameters into one flat buffer of values and another of gradients, each a view of its part.

    Buffers become arrays of this dtype, each for itself: an optimizer doesn't see them.
    """
    move_together([array for _, array in module.named_state()], dtype)


def move_together(arrays: Sequence[Parameter], dtype: Any) -> None:
    """`flatten_parameters` for these parameters and buffers alone."""
    for array in arrays:
        if isinstance(array, Buffer):
            array.move(*np.empty((2, array.value.size), dtype))
    parameters = [array for array in arrays if not isinstance(array, Buffer)]
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
    assert base is not None
    start = (_address(adjacent[0]) - _address(base)) // base.itemsize
    return base[start : start + sum(array.size for array in adjacent)]
