"""Layers that move values about and compute nothing."""

import math
from collections.abc import Sequence

import numpy as np

from minidl.description import operators as op
from minidl.description.graph import Describer, Value
from minidl.module import Module
from minidl.shapes import arrange
from minidl.typing import Array, Backward, Shape

__all__ = ["Flatten", "Permute", "Reshape"]


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

    One size may be -1, and is what is left for it. To images, (c, h, w), values go channel by channel, as `Flatten`
    takes them.
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


class Permute(Module):
    """The axes of each sample, counted from 1, in another order: (2, 1) turns (n, length, features) to sequences.

    As in Keras, `axes` says for each axis of y which one of x it is.
    """

    def __init__(self, axes: Sequence[int]) -> None:
        self.axes = arrange.check_order(axes)

    def output_shape(self, input_shape: Shape) -> Shape:
        return arrange.permuted(input_shape, self.axes)

    def forward(self, x: Array, *, train: bool) -> tuple[Array, Backward]:
        self.output_shape(x.shape[1:])
        order = (0, *self.axes)

        def backward(dy: Array, *, need_dx: bool = True) -> Array | None:
            return dy.transpose(np.argsort(order)) if need_dx else None

        return x.transpose(order), backward
