"""Normalization."""

from typing import TYPE_CHECKING

import numpy as np

from minidl import functional as F
from minidl import initializers, shapes
from minidl.errors import ShapeError
from minidl.module import Buffer, Module, Parameter
from minidl.typing import Array, Backward, Shape

if TYPE_CHECKING:
    from numpy.random import Generator


class BatchNorm2D(Module):
    """Each channel of images (n, c, h, w) less its mean, over its deviation, times `weight` plus `bias`, both (c,).

    In training mean and variance are the batch's, over images and pixels, and move `running_mean` and `running_var` by
    `momentum` of the way towards themselves (the variance unbiased, as in PyTorch); inference takes those. Raises
    ShapeError for a training batch with a single value in each channel. Source: Ioffe and Szegedy, 2015.
    """

    def __init__(self, *, momentum: float = 0.1, eps: float = 1e-5) -> None:
        if not 0 <= momentum <= 1:
            raise ValueError(f"momentum: expected a number from 0 to 1, got {momentum!r}")
        if not eps >= 0:
            raise ValueError(f"eps: expected a number of at least 0, got {eps!r}")
        self.momentum = momentum
        self.eps = eps
        self.weight = Parameter()
        self.bias = Parameter()
        self.running_mean = Buffer()
        self.running_var = Buffer()

    def output_shape(self, input_shape: Shape) -> Shape:
        shapes.image_shape(input_shape)
        if self.weight.is_built:
            shapes.expect("", input_shape, (self.weight.value.size, "h", "w"))
        return input_shape

    def build(self, input_shape: Shape, rng: "Generator") -> None:
        channels = shapes.image_shape(input_shape)[0]
        for parameter, initializer in (
            (self.weight, initializers.ones),
            (self.bias, initializers.zeros),
            (self.running_mean, initializers.zeros),
            (self.running_var, initializers.ones),
        ):
            parameter.initialize((channels,), initializer, rng)

    def forward(self, x: Array, *, train: bool) -> tuple[Array, Backward]:
        return self._train(x) if train and len(x) else self._infer(x)

    def check_count(self, shape: Shape) -> None:
        """Raise ShapeError for a batch (n, c, h, w) that has no variance to train on."""
        if shape[0] * shape[2] * shape[3] <= 1:
            raise ShapeError(f"expected more than one value in each channel to train on, got {shapes.show(shape)}")

    def _train(self, x: Array) -> tuple[Array, Backward]:
        shapes.image_shape(x.shape, batch=True)
        self.check_count(x.shape)
        running = (self.running_mean.value, self.running_var.value, self.momentum)
        y, pullback, _, _ = F.batch_norm2d(x, self.weight.value, self.bias.value, eps=self.eps, running=running)

        def backward(dy: Array, *, need_dx: bool = True) -> Array | None:
            dx, dweight, dbias = pullback(dy)
            self.weight.grad += dweight
            self.bias.grad += dbias
            return dx if need_dx else None

        return y, backward

    def scale_and_shift(self) -> tuple[Array, Array]:
        """What inference multiplies each channel by, and adds to it."""
        deviation = np.sqrt(self.running_var.value + self.running_var.value.dtype.type(self.eps))
        scale: Array = self.weight.value / deviation
        return scale, self.bias.value - self.running_mean.value * scale

    def _infer(self, x: Array) -> tuple[Array, Backward]:
        scale, shift = self.scale_and_shift()
        y, pullback = F.scale_shift(x, scale, shift)

        def backward(dy: Array, *, need_dx: bool = True) -> Array | None:
            dx, dscale, dshift = pullback(dy)
            deviation = np.sqrt(self.running_var.value + self.running_var.value.dtype.type(self.eps))
            self.weight.grad += (dscale - dshift * self.running_mean.value) / deviation
            self.bias.grad += dshift
            return dx if need_dx else None

        return y, backward
