"""Parts of samples, and pixels that become channels or come from them."""

from minidl import functional as F
from minidl import shapes
from minidl.description import operators as op
from minidl.description.graph import Describer, Value
from minidl.functional import Pullback
from minidl.layers.operation import Operation
from minidl.shapes import arrange
from minidl.typing import Array, Shape

__all__ = ["PixelShuffle", "PixelUnshuffle", "Slice", "ZeroPadAxis"]


class Slice(Operation):
    """x[start:stop:step] along an axis of samples, as Python understands it; the batch is axis 0, the last one -1."""

    def __init__(self, axis: int, start: int | None = 0, stop: int | None = None, step: int = 1) -> None:
        shapes.check_axis(axis)
        arrange.check_slice(start, stop, step)
        self.axis = axis
        self.start = start
        self.stop = stop
        self.step = step

    def output_shape(self, input_shape: Shape) -> Shape:
        place = shapes.axis_of(self.axis, input_shape)
        _, count, _ = arrange.sliced(input_shape[place], self.start, self.stop, self.step)
        return (*input_shape[:place], count, *input_shape[place + 1 :])

    def describe(self, describer: Describer, x: Value) -> Value:
        shape, place = self.output_shape(x.shape), shapes.axis_of(self.axis, x.shape)
        part = arrange.sliced(x.shape[place], self.start, self.stop, self.step)
        return describer.add(op.Slice(place + 1, *part), x, shape=shape)

    def operator(self, x: Array) -> tuple[Array, Pullback]:
        return F.slice(x, self.axis, self.start, self.stop, self.step)


class ZeroPadAxis(Operation):
    """Samples with `before` and `after` zeros around them along an axis: 1 for channels; the batch is axis 0."""

    def __init__(self, axis: int, before: int = 0, after: int = 0) -> None:
        shapes.check_axis(axis)
        arrange.check_zeros(before, after)
        self.axis = axis
        self.before = before
        self.after = after

    def output_shape(self, input_shape: Shape) -> Shape:
        place = shapes.axis_of(self.axis, input_shape)
        size = self.before + input_shape[place] + self.after
        return (*input_shape[:place], size, *input_shape[place + 1 :])

    def describe(self, describer: Describer, x: Value) -> Value:
        operator = op.PadAxis(shapes.axis_of(self.axis, x.shape) + 1, self.before, self.after)
        return describer.add(operator, x, shape=self.output_shape(x.shape))

    def operator(self, x: Array) -> tuple[Array, Pullback]:
        return F.zero_pad_axis(x, self.axis, self.before, self.after)


class PixelShuffle(Operation):
    """Images (n, c factor factor, h, w) as (n, c, factor h, factor w): their channels become pixels.

    Channels are (c, down, across) by the `order` "crd", PyTorch's, and (down, across, c) by "dcr". Source: Shi et al.,
    "Real-time single image and video super-resolution using an efficient sub-pixel CNN", 2016.
    """

    def __init__(self, factor: int, *, order: str = "crd") -> None:
        self.factor = shapes.count(factor, "factor")
        arrange.check_order_of_channels(order)
        self.order = order

    def output_shape(self, input_shape: Shape) -> Shape:
        return arrange.shuffled(shapes.image_shape(input_shape), self.factor, self.order)[-1]

    def describe(self, describer: Describer, x: Value) -> Value:
        return _described(describer, x, *arrange.shuffled(x.shape, self.factor, self.order))

    def operator(self, x: Array) -> tuple[Array, Pullback]:
        return F.pixel_shuffle(x, self.factor, order=self.order)


class PixelUnshuffle(Operation):
    """Images (n, c, factor h, factor w) as (n, c factor factor, h, w): what undoes `PixelShuffle` of this order."""

    def __init__(self, factor: int, *, order: str = "crd") -> None:
        self.factor = shapes.count(factor, "factor")
        arrange.check_order_of_channels(order)
        self.order = order

    def output_shape(self, input_shape: Shape) -> Shape:
        return arrange.unshuffled(shapes.image_shape(input_shape), self.factor, self.order)[-1]

    def describe(self, describer: Describer, x: Value) -> Value:
        return _described(describer, x, *arrange.unshuffled(x.shape, self.factor, self.order))

    def operator(self, x: Array) -> tuple[Array, Pullback]:
        return F.pixel_unshuffle(x, self.factor, order=self.order)


def _described(describer: Describer, x: Value, split: Shape, axes: Shape, shape: Shape) -> Value:
    """Axes that are taken apart, put in another order and joined."""
    apart = describer.add(op.Reshape(split), x, shape=split)
    ordered = tuple((0, *split)[axis] for axis in axes[1:])
    return describer.add(op.Reshape(shape), describer.add(op.Transpose(axes), apart, shape=ordered), shape=shape)
