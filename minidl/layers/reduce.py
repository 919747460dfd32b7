"""Values combined along axes."""

from collections.abc import Sequence

from minidl import functional as F
from minidl import shapes
from minidl.description import operators as op
from minidl.description.graph import Describer, Value
from minidl.functional import Pullback
from minidl.layers.operation import Operation
from minidl.shapes import arrange
from minidl.typing import Array, Shape

__all__ = ["ArgMax", "Expand", "ReduceL2", "ReduceMax", "ReduceMean", "ReduceSum"]


class _Reduce(Operation):
    """Values combined along one or several axes of samples; the batch is axis 0, the last one -1."""

    kind = ""

    def __init__(self, axes: int | Sequence[int], *, keepdims: bool = True) -> None:
        arrange.check_sample_axes(axes, "axes")
        F.check_switch("keepdims", keepdims)
        self.axes = axes
        self.keepdims = bool(keepdims)

    def output_shape(self, input_shape: Shape) -> Shape:
        asked = arrange.check_sample_axes(self.axes, "axes")
        return arrange.reduced(input_shape, asked, keepdims=self.keepdims)[1]

    def describe(self, describer: Describer, x: Value) -> Value:
        asked = arrange.check_sample_axes(self.axes, "axes")
        axes, kept = arrange.reduced(x.shape, asked, keepdims=True)
        y = describer.add(op.Reduce(self.kind, axes), x, shape=kept)
        shape = self.output_shape(x.shape)
        return y if self.keepdims else describer.add(op.Reshape(shape), y, shape=shape)

    def operator(self, x: Array) -> tuple[Array, Pullback]:
        functions = {"sum": F.reduce_sum, "mean": F.reduce_mean, "max": F.reduce_max, "l2": F.reduce_l2}
        return functions[self.kind](x, self.axes, keepdims=self.keepdims)


class ReduceSum(_Reduce):
    """The sum along one or several axes of samples, which stay, 1 long, with `keepdims`; the batch is axis 0."""

    kind = "sum"


class ReduceMean(_Reduce):
    """The mean along one or several axes of samples, which stay, 1 long, with `keepdims`; the batch is axis 0."""

    kind = "mean"


class ReduceMax(_Reduce):
    """The maximum along one or several axes of samples, which stay, 1 long, with `keepdims`; the batch is axis 0.

    The gradient goes to the first of several maxima, and NaN wins over everything.
    """

    kind = "max"


class ReduceL2(_Reduce):
    """The root of the sum of squares along axes of samples, which stay, 1 long, with `keepdims`; the batch is axis 0.

    Where it is 0, so is its gradient.
    """

    kind = "l2"


class ArgMax(Operation):
    """The place of the largest value along an axis of samples, as a float of the model's dtype; the batch is axis 0.

    The first of several wins, and NaN over everything. `keepdims` leaves the axis there, 1 long. Its gradient is zero.
    """

    def __init__(self, axis: int, *, keepdims: bool = True) -> None:
        shapes.check_axis(axis)
        arrange.check_sample_axes(axis)
        F.check_switch("keepdims", keepdims)
        self.axis = axis
        self.keepdims = bool(keepdims)

    def output_shape(self, input_shape: Shape) -> Shape:
        return arrange.reduced(input_shape, arrange.check_sample_axes(self.axis), keepdims=self.keepdims)[1]

    def describe(self, describer: Describer, x: Value) -> Value:
        (axis,), kept = arrange.reduced(x.shape, arrange.check_sample_axes(self.axis), keepdims=True)
        y, shape = describer.add(op.ArgMax(axis), x, shape=kept), self.output_shape(x.shape)
        return y if self.keepdims else describer.add(op.Reshape(shape), y, shape=shape)

    def operator(self, x: Array) -> tuple[Array, Pullback]:
        return F.argmax(x, self.axis, keepdims=self.keepdims)


class Expand(Operation):
    """Samples repeated to a shape along their axes that are 1 long; -1 keeps the length of an axis."""

    def __init__(self, shape: Sequence[int]) -> None:
        self.shape = arrange.check_expanded(shape)

    def output_shape(self, input_shape: Shape) -> Shape:
        return arrange.expanded(input_shape, self.shape)

    def describe(self, describer: Describer, x: Value) -> Value:
        shape = self.output_shape(x.shape)
        return describer.add(op.Expand(shape), x, shape=shape)

    def operator(self, x: Array) -> tuple[Array, Pullback]:
        return F.expand(x, self.shape)
