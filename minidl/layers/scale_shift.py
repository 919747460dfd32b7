"""Layers with a weight for each channel that normalize nothing."""

import math
from typing import TYPE_CHECKING

import numpy as np

from minidl import functional as F
from minidl import shapes
from minidl.description import operators as op
from minidl.description.graph import Describer, Value
from minidl.errors import ShapeError
from minidl.layers.affine import Scaled, of_images, param_of
from minidl.module import Module, Parameter
from minidl.typing import Array, Backward, Shape

if TYPE_CHECKING:
    from numpy.random import Generator

__all__ = ["PReLU", "ScaleShift"]


class ScaleShift(Scaled):
    """Each channel of x (n, c, ...) times `weight` plus `bias`, both (c,): they begin as ones and zeros.

    `scale` and `shift` say whether there is a weight and a bias, of which there must be one. A convolution before it
    takes it into its own weights at inference, as it does a batch normalization. As Caffe's layer `Scale`.
    """

    def __init__(self, *, scale: bool = True, shift: bool = True) -> None:
        super().__init__(0.0, scale=scale, center=shift)
        if not (scale or shift):
            raise ValueError("scale: expected a weight, a bias, or both, got scale=False and shift=False")

    @property
    def shift(self) -> bool:
        """Whether there is a bias."""
        return self.center

    def output_shape(self, input_shape: Shape) -> Shape:
        if not 1 <= len(input_shape) <= 3:
            raise ShapeError(f"expected samples (c,), (c, length) or (c, h, w), got {shapes.show(input_shape)}")
        built = self._built_shape()
        if built is not None and input_shape[:1] != built:
            shapes.expect("", input_shape, (*built, *input_shape[1:]))
        return input_shape

    def build(self, input_shape: Shape, rng: "Generator") -> None:
        self.output_shape(input_shape)
        self._initialize(tuple(input_shape[:1]), rng)

    def forward(self, x: Array, *, train: bool) -> tuple[Array, Backward]:
        self.output_shape(x.shape[1:])
        shape = x.shape
        images = x if x.ndim == 4 else x.reshape(*shape[:2], 1, math.prod(shape[2:]))
        y, pullback = F.scale_shift(images, *self._values(shape[1:2], x.dtype))
        image_backward = self._accumulate(pullback)

        def backward(dy: Array, *, need_dx: bool = True) -> Array | None:
            F.check_gradient(dy, shape, x.dtype)
            dx = image_backward(dy.reshape(images.shape), need_dx=need_dx)
            return None if dx is None else dx.reshape(shape)

        return y.reshape(shape), backward

    def describe(self, describer: Describer, x: Value) -> Value:
        self.output_shape(x.shape)
        weight, bias = self._params(x.shape[:1])
        mean, variance = np.zeros_like(weight.value), np.ones_like(weight.value)
        return of_images(describer, op.Normalize(weight, bias, mean, variance, 0.0), x)


class PReLU(Module):
    """x where it is above zero, else `weight` times x: a weight for each channel of x (n, c, ...), or one, if `shared`.

    Weights begin as `init`. Source: He et al., "Delving deep into rectifiers", 2015.
    """

    def __init__(self, *, shared: bool = True, init: float = 0.25) -> None:
        F.check_switch("shared", shared)
        F.check_finite("init", init)
        self.shared = bool(shared)
        self.init = init
        self.weight = Parameter()

    def output_shape(self, input_shape: Shape) -> Shape:
        if not self.shared:
            built = self.weight.value.shape[0] if self.weight.is_built else "channels"
            wanted = (built, *input_shape[1:])
            if not input_shape or (self.weight.is_built and input_shape[0] != built):
                shapes.expect("", input_shape, wanted)
        return input_shape

    def build(self, input_shape: Shape, rng: "Generator") -> None:
        self.output_shape(input_shape)
        shape = (1,) if self.shared else tuple(input_shape[:1])
        self.weight.initialize(shape, lambda shape, _: np.full(shape, self.init), rng)

    def forward(self, x: Array, *, train: bool) -> tuple[Array, Backward]:
        self.output_shape(x.shape[1:])
        y, pullback = F.prelu(x, self.weight.value)

        def backward(dy: Array, *, need_dx: bool = True) -> Array | None:
            if not (need_dx or self.weight.trainable):
                return None
            dx, dw = pullback(dy)
            if self.weight.trainable:
                self.weight.grad += dw
            return dx if need_dx else None

        return y, backward

    def describe(self, describer: Describer, x: Value) -> Value:
        self.output_shape(x.shape)
        return describer.add(op.PReLU(param_of(self.weight)), x, shape=x.shape)
