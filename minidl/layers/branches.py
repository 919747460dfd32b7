"""Modules beside one another, all fed with the same input."""

import contextlib
import functools
import operator
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from minidl.description import operators as op
from minidl.description.graph import Describer, Value
from minidl.engine.composite import Composite
from minidl.errors import DTypeError, ShapeError
from minidl.functional.origin import is_from_sigmoid, mark_sigmoid
from minidl.layers.container import Chain, listed
from minidl.module import Module
from minidl.shapes import arrange
from minidl.typing import Array, Backward, Shape

if TYPE_CHECKING:
    from numpy.random import Generator

__all__ = ["Add", "Concatenate", "Multiply"]


Pullback: TypeAlias = Callable[[Array], list[Array]]
"""From dy to the gradient of each value that was joined."""


class Branches(Composite):
    """Modules or lists of layers, whose outputs a subclass joins to one, and whose gradients it hands back to each.

    Without branches it joins several inputs: as a tuple, or as the nodes that it's called on.
    """

    def __init__(self, branches: Sequence[Module | Sequence[Module]] | None = None) -> None:
        if branches is not None:
            _check_branches(branches)
        self.branches = [branch if isinstance(branch, Module) else Chain(branch) for branch in branches or ()]
        super().__init__()

    def arguments(self) -> dict[str, Any]:
        return super().arguments() | {"branches": self.branches or None}

    def shown_arguments(self) -> dict[str, Any]:
        branches = [listed(branch) for branch in self.branches]
        return super().shown_arguments() | {"branches": branches or None}

    def joined_shape(self, parts: Sequence[Shape], *, of: str = "branches") -> Shape:
        """The shape of one sample of y, for those that are joined. Raises ShapeError where they don't fit."""
        raise NotImplementedError(f"{type(self).__name__} doesn't define joined_shape(parts, of)")

    def join(self, parts: Sequence[Array]) -> Array:
        """Y, from what the branches give."""
        raise NotImplementedError(f"{type(self).__name__} doesn't define join(parts)")

    def pullback(self, parts: Sequence[Array]) -> Pullback:
        """What hands dy back to each part; it keeps no more of them than it needs."""
        raise NotImplementedError(f"{type(self).__name__} doesn't define pullback(parts)")

    def output_shape(self, input_shape: Shape) -> Shape:
        if not self.branches:
            return self.joined_shape(_several(input_shape, of_shapes=True), of="inputs")
        branches = []
        for i, branch in enumerate(self.branches):
            with _saying_which(i):
                branches.append(branch.output_shape(input_shape))
        return self.joined_shape(branches)

    def build(self, input_shape: Shape, rng: "Generator") -> None:
        for i, branch in enumerate(self.branches):
            with _saying_which(i):
                branch.build(input_shape, rng)

    def macs(self, input_shape: Shape) -> int:
        return sum(branch.macs(input_shape) for branch in self.branches)

    def described_parts(self, describer: Describer, *inputs: Value) -> list[Value]:
        """The values that are joined."""
        if not self.branches:
            _several([value.shape for value in inputs], of_shapes=True)
            return list(inputs)
        (x,) = map(describer.fork, inputs)
        parts = []
        for i, branch in enumerate(self.branches):
            part = describer.call(branch, x, name=f"branches.{i}")
            parts.append(describer.fork(part) if part == x else part)
        return parts

    def infer_by_parts(self, x: Array) -> Array:
        if not self.branches:
            return self._merge(x)[0]
        outputs = []
        for i, branch in enumerate(self.branches):
            with _saying_which(i):
                outputs.append(branch(x))
        self.joined_shape([y.shape[1:] for y in outputs])
        return self.join(outputs)

    def forward_by_parts(self, x: Array, *, train: bool) -> tuple[Array, Backward]:
        if not self.branches:
            y, parts = self._merge(x)
            of_inputs = self.pullback(parts)

            def merged(dy: Array, *, need_dx: bool = True) -> Any:
                return tuple(of_inputs(dy)) if need_dx else None

            return y, merged
        outputs, backwards = [], []
        for i, branch in enumerate(self.branches):
            with _saying_which(i):
                y, backward_of_branch = branch.forward(x, train=train)
            outputs.append(y)
            backwards.append(backward_of_branch)
        self.joined_shape([y.shape[1:] for y in outputs])
        of_branches = self.pullback(outputs)

        def backward(dy: Array, *, need_dx: bool = True) -> Array | None:
            total = None
            for backward_of_branch, part in zip(backwards, of_branches(dy), strict=True):
                dx = backward_of_branch(part, need_dx=need_dx)
                total = dx if total is None or dx is None else total + dx
            return total

        return self.join(outputs), backward

    def _merge(self, x: Any) -> tuple[Array, Sequence[Array]]:
        """(y, the inputs) of a layer without branches. Raises ShapeError unless they fit one another."""
        parts = _several(x)
        self.joined_shape([part.shape[1:] for part in parts], of="inputs")
        if len({len(part) for part in parts}) > 1:
            shown = ", ".join(str(len(part)) for part in parts)
            raise ShapeError(f"expected the same number of samples in each input, got {shown}")
        return self.join(parts), parts


class Concatenate(Branches):
    """The outputs of branches, fed with the same input, stacked along the channels: (n, c1 + c2 + ..., ...).

    `branches` are modules or lists of layers; an empty list is the input itself. Without branches, several inputs are
    stacked. But for their channels, all are of one shape. Source: Szegedy et al., "Going deeper with convolutions",
    2014.
    """

    def joined_shape(self, parts: Sequence[Shape], *, of: str = "branches") -> Shape:
        return arrange.stacked(parts, of=of)

    def describe(self, describer: Describer, *inputs: Value) -> Value:
        parts = self.described_parts(describer, *inputs)
        shape = self.joined_shape([part.shape for part in parts])
        return describer.add(op.Concat(), *parts, shape=shape)

    def join(self, parts: Sequence[Array]) -> Array:
        stacked = np.concatenate(parts, axis=1)
        return mark_sigmoid(stacked) if all(map(is_from_sigmoid, parts)) else stacked

    def pullback(self, parts: Sequence[Array]) -> Pullback:
        ends = np.cumsum([part.shape[1] for part in parts])[:-1]
        return lambda dy: np.split(dy, ends, axis=1)


class Add(Branches):
    """The sum of the outputs of branches, which are fed with the same input, or without branches of several inputs.

    `branches` are modules or lists of layers; an empty list is the input itself. They are added in their order. All are
    of one shape, but that an axis may be 1 long, and then counts for the whole length of the others'.
    """

    def joined_shape(self, parts: Sequence[Shape], *, of: str = "branches") -> Shape:
        return arrange.broadcast(parts, of=of)

    def describe(self, describer: Describer, *inputs: Value) -> Value:
        parts = self.described_parts(describer, *inputs)
        shapes = [part.shape for part in parts]
        kind = op.Add() if len(set(shapes)) == 1 else op.Arithmetic("add")
        return describer.add(kind, *parts, shape=self.joined_shape(shapes))

    def join(self, parts: Sequence[Array]) -> Array:
        return functools.reduce(operator.add, parts)

    def pullback(self, parts: Sequence[Array]) -> Pullback:
        shapes = [part.shape for part in parts]
        return lambda dy: pulled_through_sums(dy, shapes)


class Multiply(Branches):
    """The product, element by element, of the outputs of branches, or without branches of several inputs.

    All are of one shape, but that an axis may be 1 long, and then counts for the whole length of the others': so gates
    (n, c, 1, 1) weigh the channels of images (n, c, h, w). Source: Hu et al., "Squeeze-and-excitation networks", 2017.
    """

    def joined_shape(self, parts: Sequence[Shape], *, of: str = "branches") -> Shape:
        return arrange.broadcast(parts, of=of)

    def describe(self, describer: Describer, *inputs: Value) -> Value:
        parts = self.described_parts(describer, *inputs)
        return describer.add(op.Multiply(), *parts, shape=self.joined_shape([part.shape for part in parts]))

    def join(self, parts: Sequence[Array]) -> Array:
        return functools.reduce(operator.mul, parts)

    def pullback(self, parts: Sequence[Array]) -> Pullback:
        parts = list(parts)

        def pulled(dy: Array) -> list[Array]:
            others = [parts[:i] + parts[i + 1 :] for i in range(len(parts))]
            gradients = [functools.reduce(operator.mul, each, dy) for each in others]
            return [_summed(gradient, part.shape) for gradient, part in zip(gradients, parts, strict=True)]

        return pulled


def pulled_through_sums(dy: Array, shapes: Sequence[Shape]) -> list[Array]:
    """The gradient of each term: dy, summed step by step where it was repeated, as a backend adds two at a time."""
    gradients = []
    for i in range(len(shapes) - 1, 0, -1):
        gradients.append(_summed(dy, shapes[i]))
        dy = _summed(dy, np.broadcast_shapes(*shapes[:i]))
    return [dy, *reversed(gradients)]


def _summed(gradient: Array, shape: Shape) -> Array:
    """The gradient of what was repeated along its axes of length 1: sums in order, along the last axis first."""
    for axis in reversed(range(len(shape))):
        if gradient.shape[axis] != shape[axis]:
            count = gradient.shape[axis]
            none = np.zeros((*gradient.shape[:axis], 1, *gradient.shape[axis + 1 :]), gradient.dtype)
            gradient = np.add.accumulate(gradient, axis=axis).take([-1], axis=axis) if count else none
    return gradient


def _check_branches(branches: object) -> None:
    if isinstance(branches, Module | str) or not isinstance(branches, Sequence) or not branches:
        raise TypeError(f"branches: expected a list of modules or of lists of layers, got {branches!r}")
    for i, branch in enumerate(branches):
        if not isinstance(branch, Module | Sequence):
            hint = "; call it: add ()" if isinstance(branch, type) and issubclass(branch, Module) else ""
            raise TypeError(f"branches[{i}]: expected a Module or a list of layers, got {branch!r}{hint}")


def _several(x: Any, *, of_shapes: bool = False) -> Sequence[Any]:
    """The inputs of a layer without branches. Raises ShapeError for a single one."""
    kind = tuple if of_shapes else np.ndarray
    if isinstance(x, tuple | list) and len(x) > 1 and all(isinstance(each, kind) for each in x):
        return x
    got = "one" if isinstance(x, np.ndarray) or of_shapes else f"a {type(x).__name__}"
    raise ShapeError(f"expected a tuple of several inputs, got {got}; branches feed one input to several modules")


@contextlib.contextmanager
def _saying_which(index: int) -> Iterator[None]:
    """Let an error say which branch it comes from."""
    try:
        yield
    except (ShapeError, DTypeError) as error:
        raise type(error)(f"branches[{index}]: {error}") from None
