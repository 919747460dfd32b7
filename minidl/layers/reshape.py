"""Layers that move values about and compute nothing."""

import math
from collections.abc import Sequence

import numpy as np

from minidl import functional as F
from minidl.description import operators as op
from minidl.description.graph import Describer, Value
from minidl.functional import Pullback
from minidl.layers.operation import Operation
from minidl.module import Module
from minidl.shapes import arrange
from minidl.typing import Array, Backward, Shape

__all__ = ["Flatten", "Permute", "Reshape", "Squeeze", "Transpose", "Unsqueeze"]


class Flatten(Module):
    """Each sample as one vector: (n, c, h, w) -> (n, c h w), channel by channel as in PyTorch and ONNX."""

    def output_shape(self, input_shape: Shape) -> Shape:
        return (math.prod(input_shape),)

    def describe(self, describer: Describer, x: Value) -> Value:
        shape = self.output_shape(x.shape)
        return describer.add(op.Reshape(shape), x, shape=shape)

    def forward(self, x: Array, *, train: bool) -> tuple[Array, Backward]:
        shape = x.shape

        def backward(dy: Array, *, need_dx: bool = True) -> Array | None:
            return dy.reshape(shape) if need_dx else None

        return x.reshape(shape[0], math.prod(shape[1:])), backward


class Reshape(Module):
    """Each sample in another shape, (n, ...) -> (n, *shape), its values in their order, the last axis first.

    0 keeps the length of the same axis, and one size may be -1, which is what is left for it: so samples of any size
    can be reshaped. To images, (c, h, w), values go channel by channel, as `Flatten` takes them.
    """

    def __init__(self, shape: Sequence[int]) -> None:
        self.shape = arrange.check_target(shape)

    def output_shape(self, input_shape: Shape) -> Shape:
        return arrange.reshaped(input_shape, self.shape)

    def describe(self, describer: Describer, x: Value) -> Value:
        shape = self.output_shape(x.shape)
        return describer.add(op.Reshape(shape), x, shape=shape)

    def forward(self, x: Array, *, train: bool) -> tuple[Array, Backward]:
        shape = x.shape

        def backward(dy: Array, *, need_dx: bool = True) -> Array | None:
            return dy.reshape(shape) if need_dx else None

        return x.reshape(len(x), *self.output_shape(shape[1:])), backward


class Squeeze(Operation):
    """Samples without an axis that is 1 long, or without several; the batch is axis 0, the last one -1."""

    def __init__(self, axis: int | Sequence[int]) -> None:
        arrange.check_sample_axes(axis)
        self.axis = axis

    def output_shape(self, input_shape: Shape) -> Shape:
        return arrange.squeezed(input_shape, arrange.check_sample_axes(self.axis))

    def describe(self, describer: Describer, x: Value) -> Value:
        shape = self.output_shape(x.shape)
        return describer.add(op.Reshape(shape), x, shape=shape)

    def operator(self, x: Array) -> tuple[Array, Pullback]:
        return F.squeeze(x, self.axis)


class Unsqueeze(Operation):
    """Samples with one axis that is 1 long more, or several, which have these numbers then; the batch is axis 0."""

    def __init__(self, axis: int | Sequence[int]) -> None:
        arrange.check_sample_axes(axis)
        self.axis = axis

    def output_shape(self, input_shape: Shape) -> Shape:
        return arrange.unsqueezed(input_shape, arrange.check_sample_axes(self.axis))

    def describe(self, describer: Describer, x: Value) -> Value:
        shape = self.output_shape(x.shape)
        return describer.add(op.Reshape(shape), x, shape=shape)

    def operator(self, x: Array) -> tuple[Array, Pullback]:
        return F.unsqueeze(x, self.axis)


class Permute(Module):
    """The axes of each sample, counted from 1, in another order: (2, 1) turns (n, length, features) to sequences.

    As in Keras, `axes` says for each axis of y which one of x it is.
    """

    def __init__(self, axes: Sequence[int]) -> None:
        self.axes = arrange.check_order(axes)

    def output_shape(self, input_shape: Shape) -> Shape:
        return arrange.permuted(input_shape, self.axes)

    def describe(self, describer: Describer, x: Value) -> Value:
        return describer.add(op.Transpose((0, *self.axes)), x, shape=self.output_shape(x.shape))

    def forward(self, x: Array, *, train: bool) -> tuple[Array, Backward]:
        self.output_shape(x.shape[1:])
        order = (0, *self.axes)

        def backward(dy: Array, *, need_dx: bool = True) -> Array | None:
            return dy.transpose(np.argsort(order)) if need_dx else None

        return x.transpose(order), backward


class Transpose(Operation):
    """The axes of a batch in another order, the batch's, 0, first: (0, 2, 3, 1) has the channels of images last."""

    def __init__(self, axes: Sequence[int]) -> None:
        self.axes = arrange.check_axes(axes)

    def output_shape(self, input_shape: Shape) -> Shape:
        return arrange.transposed(input_shape, self.axes)

    def describe(self, describer: Describer, x: Value) -> Value:
        return describer.add(op.Transpose(self.axes), x, shape=self.output_shape(x.shape))

    def operator(self, x: Array) -> tuple[Array, Pullback]:
        return F.transpose(x, self.axes)
