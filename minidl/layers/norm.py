"""Normalization."""

import math
from typing import TYPE_CHECKING

import numpy as np

from minidl import functional as F
from minidl import initializers, shapes
from minidl.description import operators as op
from minidl.description.graph import Describer, Value
from minidl.errors import ShapeError
from minidl.layers.affine import param_of
from minidl.module import Buffer, Module, Parameter
from minidl.typing import Array, Backward, Shape

if TYPE_CHECKING:
    from numpy.random import Generator

__all__ = ["BatchNorm1D", "BatchNorm2D", "GroupNorm", "LayerNorm"]


_LETTERS = ((), ("length",), ("h", "w"))
"""The axes of a sample beyond its channels, by their number."""


class _Variance(Buffer):
    """Numbers that aren't below 0; NaN where training went wrong."""

    __slots__ = ()

    def problem(self, value: Array) -> str | None:
        return "expected variances of at least 0" if (value < 0).any() else None


class _BatchNorm(Module):
    """Batch normalization of images, or of samples that are taken for images that are 1 high."""

    def __init__(self, *, momentum: float = 0.1, eps: float = 1e-5) -> None:
        F.check_share("momentum", momentum)
        F.check_number("eps", eps)
        self.momentum = momentum
        self.eps = eps
        self.weight = Parameter()
        self.bias = Parameter()
        self.running_mean = Buffer()
        self.running_var = _Variance()

    def _check(self, shape: Shape, *, batch: bool = False) -> None:
        """Raise ShapeError unless samples of this shape, or a batch of them, can be normalized."""
        raise NotImplementedError

    def output_shape(self, input_shape: Shape) -> Shape:
        self._check(input_shape)
        if self.weight.is_built:
            shapes.expect("", input_shape, (self.weight.value.size, *_LETTERS[len(input_shape) - 1]))
        return input_shape

    def build(self, input_shape: Shape, rng: "Generator") -> None:
        self._check(input_shape)
        channels = input_shape[0]
        for parameter, initializer in (
            (self.weight, initializers.ones),
            (self.bias, initializers.zeros),
            (self.running_mean, initializers.zeros),
            (self.running_var, initializers.ones),
        ):
            parameter.initialize((channels,), initializer, rng)

    def forward(self, x: Array, *, train: bool) -> tuple[Array, Backward]:
        self._check(x.shape, batch=True)
        shapes.expect("", x.shape, ("n", self.weight.value.size, *_LETTERS[x.ndim - 2]))
        by_batch = train and len(x) > 0 and self.trainable
        if by_batch:
            self.check_count(x.shape)
        shape = x.shape
        images = x if x.ndim == 4 else x.reshape(*shape[:2], 1, math.prod(shape[2:]))
        y, image_backward = self._train(images) if by_batch else self._infer(images)

        def backward(dy: Array, *, need_dx: bool = True) -> Array | None:
            F.check_gradient(dy, shape, x.dtype)
            dx = image_backward(dy.reshape(images.shape), need_dx=need_dx)
            return None if dx is None else dx.reshape(shape)

        return y.reshape(shape), backward

    def check_count(self, shape: Shape) -> None:
        """Raise ShapeError for a batch (n, c, ...) that has no variance to train on."""
        if shape[0] * math.prod(shape[2:]) <= 1:
            raise ShapeError(f"expected more than one value in each channel to train on, got {shapes.show(shape)}")

    def _train(self, x: Array) -> tuple[Array, Backward]:
        running = (self.running_mean.value, self.running_var.value, self.momentum)
        y, pullback, _, _ = F.batch_norm2d(x, self.weight.value, self.bias.value, eps=self.eps, running=running)
        return y, _accumulate(self.weight, self.bias, pullback)

    def scale_and_shift(self) -> tuple[Array, Array]:
        """What inference multiplies each channel by, and adds to it."""
        deviation = np.sqrt(self.running_var.value + self.running_var.value.dtype.type(self.eps))
        scale: Array = self.weight.value / deviation
        return scale, self.bias.value - self.running_mean.value * scale

    def _infer(self, x: Array) -> tuple[Array, Backward]:
        scale, shift = self.scale_and_shift()
        y, pullback = F.scale_shift(x, scale, shift)

        def backward(dy: Array, *, need_dx: bool = True) -> Array | None:
            if not self.weight.trainable:
                return pullback(dy)[0] if need_dx else None
            dx, dscale, dshift = pullback(dy)
            deviation = np.sqrt(self.running_var.value + self.running_var.value.dtype.type(self.eps))
            self.weight.grad += (dscale - dshift * self.running_mean.value) / deviation
            self.bias.grad += dshift
            return dx if need_dx else None

        return y, backward

    def described(self, describer: Describer, x: Value) -> Value:
        """What `describe` of each class says."""
        self.output_shape(x.shape)
        F.check_number("eps", self.eps)
        mean, variance = self.running_mean.value, self.running_var.value
        weight, bias = param_of(self.weight), param_of(self.bias)
        if describer.purpose == "training" and self.trainable and describer.batch_size:
            self.check_count((describer.batch_size, *x.shape))
            F.check_share("momentum", self.momentum)
            return _of_images(describer, op.BatchNorm(weight, bias, mean, variance, self.momentum, self.eps), x)
        return _of_images(describer, op.Normalize(weight, bias, mean, variance, self.eps), x)


class BatchNorm2D(_BatchNorm):
    """Each channel of images (n, c, h, w) less its mean, over its deviation, times `weight` plus `bias`, both (c,).

    In training mean and variance are the batch's, over images and pixels, and move `running_mean` and `running_var` by
    `momentum` of the way towards themselves (the variance unbiased, as in PyTorch); inference takes those, as does a
    frozen layer in training. Raises ShapeError for a training batch with a single value in each channel. `eps` is added
    to the variance, so that its root isn't 0. Source: Ioffe and Szegedy, 2015.
    """

    def __init__(self, *, momentum: float = 0.1, eps: float = 1e-5) -> None:
        super().__init__(momentum=momentum, eps=eps)

    def describe(self, describer: Describer, x: Value) -> Value:
        return self.described(describer, x)

    def _check(self, shape: Shape, *, batch: bool = False) -> None:
        shapes.image_shape(shape, batch=batch)


class BatchNorm1D(_BatchNorm):
    """`BatchNorm2D` of vectors (n, c), over the batch, or of sequences (n, c, length), over batch and length.

    `momentum` and `eps` as there.
    """

    def __init__(self, *, momentum: float = 0.1, eps: float = 1e-5) -> None:
        super().__init__(momentum=momentum, eps=eps)

    def describe(self, describer: Describer, x: Value) -> Value:
        return self.described(describer, x)

    def _check(self, shape: Shape, *, batch: bool = False) -> None:
        if len(shape) - batch not in (1, 2):
            wanted = "(n, c) or (n, c, length)" if batch else "(c,) or (c, length)"
            raise ShapeError(f"expected vectors or sequences {wanted}, got {shapes.show(shape)}")


class LayerNorm(Module):
    """Each sample less the mean of all its values, over their deviation, times `weight` plus `bias`.

    Both are of a sample's shape, all of whose axes are normalized together: PyTorch's LayerNorm with that shape as its
    normalized_shape. (Keras's LayerNormalization takes the last axis alone.) `eps` is added to the variance. A batch's
    samples know nothing of each other, so training and inference are the same. Source: Ba, Kiros and Hinton, "Layer
    Normalization", 2016.
    """

    def __init__(self, *, eps: float = 1e-5) -> None:
        F.check_number("eps", eps)
        self.eps = eps
        self.weight = Parameter()
        self.bias = Parameter()

    def output_shape(self, input_shape: Shape) -> Shape:
        if self.weight.is_built:
            shapes.expect("", input_shape, self.weight.value.shape)
        return input_shape

    def build(self, input_shape: Shape, rng: "Generator") -> None:
        axes = len(input_shape)
        for parameter, initializer in ((self.weight, initializers.ones), (self.bias, initializers.zeros)):
            if not parameter.is_built:
                parameter.memory = (*range(1, axes), 0)  # channels last, as samples lie
            parameter.initialize(tuple(input_shape), initializer, rng)

    def describe(self, describer: Describer, x: Value) -> Value:
        self.output_shape(x.shape)
        operator = op.GroupNorm(param_of(self.weight), param_of(self.bias), 1, self.eps, by_value=True)
        return _of_images(describer, operator, x)

    def forward(self, x: Array, *, train: bool) -> tuple[Array, Backward]:
        if x.shape[1:] != self.weight.value.shape:
            shapes.expect("", x.shape, ("n", *self.weight.value.shape))
        y, pullback = F.layer_norm(x, self.weight.value, self.bias.value, eps=self.eps)
        return y, _accumulate(self.weight, self.bias, pullback)


class GroupNorm(Module):
    """Each of `groups` groups of a sample's channels less its mean, over its deviation; `weight` and `bias` are (c,).

    A sample is (c,), (c, length) or (c, h, w), its channels a multiple of the groups; as many groups as channels
    normalize each image's channels by themselves. `eps` is added to the variance. Training and inference are the same.
    Source: Wu and He, "Group Normalization", 2018.
    """

    def __init__(self, groups: int, *, eps: float = 1e-5) -> None:
        self.groups = shapes.count(groups, "groups")
        F.check_number("eps", eps)
        self.eps = eps
        self.weight = Parameter()
        self.bias = Parameter()

    def output_shape(self, input_shape: Shape) -> Shape:
        shapes.channel_groups(input_shape, self.groups)
        if self.weight.is_built and input_shape[0] != self.weight.value.size:
            shapes.expect("", input_shape, (self.weight.value.size, *input_shape[1:]))
        return input_shape

    def build(self, input_shape: Shape, rng: "Generator") -> None:
        shapes.channel_groups(input_shape, self.groups)
        self.weight.initialize(input_shape[:1], initializers.ones, rng)
        self.bias.initialize(input_shape[:1], initializers.zeros, rng)

    def describe(self, describer: Describer, x: Value) -> Value:
        self.output_shape(x.shape)
        operator = op.GroupNorm(param_of(self.weight), param_of(self.bias), self.groups, self.eps)
        return _of_images(describer, operator, x)

    def forward(self, x: Array, *, train: bool) -> tuple[Array, Backward]:
        self.output_shape(x.shape[1:])
        y, pullback = F.group_norm(x, self.weight.value, self.bias.value, groups=self.groups, eps=self.eps)
        return y, _accumulate(self.weight, self.bias, pullback)


def _of_images(describer: Describer, operator: op.Operator, x: Value) -> Value:
    """What it gives for samples that are taken for images that are 1 high; groups of vectors are normalized as such."""
    if len(x.shape) == 3 or (len(x.shape) == 1 and isinstance(operator, op.GroupNorm)):
        return describer.add(operator, x, shape=x.shape)
    shape = x.shape[0], 1, math.prod(x.shape[1:])
    images = describer.add(op.Reshape(shape), x, shape=shape)
    return describer.add(op.Reshape(x.shape), describer.add(operator, images, shape=shape), shape=x.shape)


def _accumulate(weight: Parameter, bias: Parameter, pullback: F.NormPullback) -> Backward:
    """The backward that adds a pullback's gradients of scale and shift to those of weight and bias, unless frozen."""

    def backward(dy: Array, *, need_dx: bool = True) -> Array | None:
        if not weight.trainable:
            return pullback(dy)[0] if need_dx else None
        dx, dweight, dbias = pullback(dy)
        weight.grad += dweight
        bias.grad += dbias
        return dx if need_dx else None

    return backward
