"""Arithmetic of several values, element by element, as layers."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from minidl import functional as F
from minidl.description import operators as op
from minidl.description.graph import Describer, Value
from minidl.errors import ShapeError
from minidl.functional.arithmetic import arithmetic
from minidl.layers.branches import Branches, Pullback
from minidl.shapes import arrange
from minidl.typing import Array, Shape

__all__ = ["Divide", "Maximum", "Minimum", "Pow", "Subtract", "Where"]


class _Joined(Branches):
    """Values of one shape, but that an axis may be 1 long, and then counts for the whole length of the others'."""

    count: int | None = None
    """How many there must be."""

    def joined_shape(self, parts: Sequence[Shape], *, of: str = "branches") -> Shape:
        if self.count not in (None, len(parts)):
            raise ShapeError(f"expected {self.count} {of}, got {len(parts)}")
        return arrange.broadcast(parts, of=of)

    def operator(self) -> op.Operator:
        """The record of what is computed."""
        raise NotImplementedError(f"{type(self).__name__} doesn't define operator()")

    def described(self, describer: Describer, *inputs: Value) -> Value:
        """What `describe` of each class says."""
        parts = self.described_parts(describer, *inputs)
        return describer.add(self.operator(), *parts, shape=self.joined_shape([part.shape for part in parts]))


class _Arithmetic(_Joined):
    """Values that are combined two at a time, from the first to the last."""

    kind = ""

    def operator(self) -> op.Operator:
        return op.Arithmetic(self.kind)

    def _steps(self, parts: Sequence[Array]) -> tuple[Array, list[Any]]:
        """(y, the pullback of each step)."""
        y, *others = parts
        pullbacks = []
        for other in others:
            y, pullback = arithmetic(self.kind, y, other)
            pullbacks.append(pullback)
        return y, pullbacks

    def join(self, parts: Sequence[Array]) -> Array:
        return self._steps(parts)[0]

    def pullback(self, parts: Sequence[Array]) -> Pullback:
        _, pullbacks = self._steps(parts)

        def pulled(dy: Array) -> list[Array]:
            gradients = []
            for pullback in reversed(pullbacks):
                dy, other = pullback(dy)
                gradients.append(other)
            return [dy, *reversed(gradients)]

        return pulled


class Subtract(_Arithmetic):
    """The first of two branches, or without branches of two inputs, less the second.

    Both are of one shape, but that an axis may be 1 long, and then counts for the whole length of the other's.
    """

    count = 2
    kind = "subtract"

    def describe(self, describer: Describer, *inputs: Value) -> Value:
        return self.described(describer, *inputs)


class Divide(_Arithmetic):
    """The first of two branches, or without branches of two inputs, over the second; shapes as in `Subtract`."""

    count = 2
    kind = "divide"

    def describe(self, describer: Describer, *inputs: Value) -> Value:
        return self.described(describer, *inputs)


class Pow(_Arithmetic):
    """The first of two branches, or without branches of two inputs, to the second; shapes as in `Subtract`.

    Of numbers below 0 it is NaN unless the exponent is an integer. Gradients at 0 are PyTorch's.
    """

    count = 2
    kind = "pow"

    def describe(self, describer: Describer, *inputs: Value) -> Value:
        return self.described(describer, *inputs)


class Minimum(_Arithmetic):
    """The smallest of several branches, or without branches of several inputs; shapes as in `Subtract`.

    NaN if one is. Of two that are equal each gets half of the gradient, as in PyTorch.
    """

    kind = "minimum"

    def describe(self, describer: Describer, *inputs: Value) -> Value:
        return self.described(describer, *inputs)


class Maximum(_Arithmetic):
    """The largest of several branches, or without branches of several inputs; shapes as in `Subtract`.

    NaN if one is. Of two that are equal each gets half of the gradient, as in PyTorch.
    """

    kind = "maximum"

    def describe(self, describer: Describer, *inputs: Value) -> Value:
        return self.described(describer, *inputs)


class Where(_Joined):
    """Of three branches, or without branches of three inputs, the second where the first isn't 0, else the third.

    Shapes are as in `Subtract`. The first has no gradient: it is 0.
    """

    count = 3

    def describe(self, describer: Describer, *inputs: Value) -> Value:
        return self.described(describer, *inputs)

    def operator(self) -> op.Operator:
        return op.Where()

    def join(self, parts: Sequence[Array]) -> Array:
        condition, x, y = parts
        return F.where(condition, x, y)[0]

    def pullback(self, parts: Sequence[Array]) -> Pullback:
        condition, x, y = parts
        pullback = F.where(condition, x, y)[1]
        return lambda dz: [np.zeros_like(condition), *pullback(dz)]
