"""Modules beside one another, all fed with the same input."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from minidl.errors import DTypeError, ShapeError
from minidl.functional.origin import is_from_sigmoid, mark_sigmoid
from minidl.layers.container import Chain, listed
from minidl.module import Module
from minidl.shapes import arrange
from minidl.typing import Array, Backward, Shape

if TYPE_CHECKING:
    from numpy.random import Generator


class Branches(Module):
    """Modules or lists of layers, whose outputs a subclass joins to one, and whose slopes it hands back to each."""

    def __init__(self, branches: Sequence[Module | Sequence[Module]]) -> None:
        if isinstance(branches, Module | str) or not isinstance(branches, Sequence) or not branches:
            raise TypeError(f"branches: expected a list of modules or of lists of layers, got {branches!r}")
        for i, branch in enumerate(branches):
            if not isinstance(branch, Module | Sequence):
                hint = "; call it: add ()" if isinstance(branch, type) and issubclass(branch, Module) else ""
                raise TypeError(f"branches[{i}]: expected a Module or a list of layers, got {branch!r}{hint}")
        self.branches = [branch if isinstance(branch, Module) else Chain(branch) for branch in branches]

    def shown_arguments(self) -> dict[str, Any]:
        return super().shown_arguments() | {"branches": [listed(branch) for branch in self.branches]}

    def joined_shape(self, branches: Sequence[Shape]) -> Shape:
        """The shape of one sample of y, for those that the branches give. Raises ShapeError where they don't fit."""
        raise NotImplementedError(f"{type(self).__name__} doesn't define joined_shape(branches)")

    def join(self, outputs: Sequence[Array]) -> Array:
        """Y, from what the branches give."""
        raise NotImplementedError(f"{type(self).__name__} doesn't define join(outputs)")

    def part(self, dy: Array, channels: slice) -> Array:
        """The slope of one branch's output, whose channels lie here if all are stacked."""
        raise NotImplementedError(f"{type(self).__name__} doesn't define part(dy, channels)")

    def output_shape(self, input_shape: Shape) -> Shape:
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

    def __call__(self, x: Array) -> Array:
        outputs = []
        for i, branch in enumerate(self.branches):
            with _saying_which(i):
                outputs.append(branch(x))
        self.joined_shape([y.shape[1:] for y in outputs])
        return self.join(outputs)

    def forward(self, x: Array, *, train: bool) -> tuple[Array, Backward]:
        outputs, backwards = [], []
        for i, branch in enumerate(self.branches):
            with _saying_which(i):
                y, backward_of_branch = branch.forward(x, train=train)
            outputs.append(y)
            backwards.append(backward_of_branch)
        self.joined_shape([y.shape[1:] for y in outputs])
        sizes = [y.shape[1] for y in outputs]

        def backward(dy: Array, *, need_dx: bool = True) -> Array | None:
            total, start = None, 0
            for backward_of_branch, size in zip(backwards, sizes, strict=True):
                dx = backward_of_branch(self.part(dy, slice(start, start + size)), need_dx=need_dx)
                total, start = dx if total is None or dx is None else total + dx, start + size
            return total

        return self.join(outputs), backward


class Concatenate(Branches):
    """The outputs of branches, fed with the same input, stacked along the channels: (n, c1 + c2 + ..., ...).

    `branches` are modules or lists of layers; an empty list is the input itself. But for their channels, the outputs
    are of one shape. Source: Szegedy et al., "Going deeper with convolutions", 2014.
    """

    def joined_shape(self, branches: Sequence[Shape]) -> Shape:
        return arrange.stacked(branches)

    def join(self, outputs: Sequence[Array]) -> Array:
        stacked = np.concatenate(outputs, axis=1)
        return mark_sigmoid(stacked) if all(map(is_from_sigmoid, outputs)) else stacked

    def part(self, dy: Array, channels: slice) -> Array:
        return dy[:, channels]


class Add(Branches):
    """The sum of the outputs of branches, which are fed with the same input and give the same shape.

    `branches` are modules or lists of layers; an empty list is the input itself. They are added in their order.
    """

    def joined_shape(self, branches: Sequence[Shape]) -> Shape:
        return arrange.alike(branches)

    def join(self, outputs: Sequence[Array]) -> Array:
        total = outputs[0]
        for y in outputs[1:]:
            total = total + y
        return total

    def part(self, dy: Array, channels: slice) -> Array:
        return dy


@contextlib.contextmanager
def _saying_which(index: int) -> Iterator[None]:
    """Let an error say which branch it comes from."""
    try:
        yield
    except (ShapeError, DTypeError) as error:
        raise type(error)(f"branches[{index}]: {error}") from None
