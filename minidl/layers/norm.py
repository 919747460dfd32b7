"""Normalization."""

import math
from typing import TYPE_CHECKING

import numpy as np

from minidl import functional as F
from minidl import initializers, shapes
from minidl.description import operators as op
from minidl.description.graph import CannotDescribeError, Describer, Value
from minidl.errors import ShapeError
from minidl.layers.affine import Scaled, of_images
from minidl.module import Buffer
from minidl.process import share
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


class _BatchNorm(Scaled):
    """Batch normalization of images, or of samples that are taken for images that are 1 high."""

    def __init__(self, *, momentum: float = 0.1, eps: float = 1e-5, scale: bool = True, center: bool = True) -> None:
        F.check_share("momentum", momentum)
        super().__init__(eps, scale=scale, center=center)
        self.momentum = momentum
        self.running_mean = Buffer()
        self.running_var = _Variance()

    def _check(self, shape: Shape, *, batch: bool = False) -> None:
        """Raise ShapeError unless samples of this shape, or a batch of them, can be normalized."""
        raise NotImplementedError

    def output_shape(self, input_shape: Shape) -> Shape:
        self._check(input_shape)
        if self.running_mean.is_built:
            shapes.expect("", input_shape, (self.running_mean.value.size, *_LETTERS[len(input_shape) - 1]))
        return input_shape

    def build(self, input_shape: Shape, rng: "Generator") -> None:
        self._check(input_shape)
        self._initialize(input_shape[:1], rng)
        self.running_mean.initialize(input_shape[:1], initializers.zeros, rng)
        self.running_var.initialize(input_shape[:1], initializers.ones, rng)

    def forward(self, x: Array, *, train: bool) -> tuple[Array, Backward]:
        self._check(x.shape, batch=True)
        shapes.expect("", x.shape, ("n", self.running_mean.value.size, *_LETTERS[x.ndim - 2]))
        images = sum(share.counts(len(x))) if train and self.trainable else 0
        by_batch = images > 0
        if by_batch:
            self.check_count((images, *x.shape[1:]))
        shape = x.shape
        pixels = x if x.ndim == 4 else x.reshape(*shape[:2], 1, math.prod(shape[2:]))
        y, pixels_backward = self._train(pixels) if by_batch else self._infer(pixels)

        def backward(dy: Array, *, need_dx: bool = True) -> Array | None:
            F.check_gradient(dy, shape, x.dtype)
            dx = pixels_backward(dy.reshape(pixels.shape), need_dx=need_dx)
            return None if dx is None else dx.reshape(shape)

        return y.reshape(shape), backward

    def check_count(self, shape: Shape) -> None:
        """Raise ShapeError for a batch (n, c, ...) that has no variance to train on."""
        if shape[0] * math.prod(shape[2:]) <= 1:
            raise ShapeError(f"expected more than one value in each channel to train on, got {shapes.show(shape)}")

    def _train(self, x: Array) -> tuple[Array, Backward]:
        running = (self.running_mean.value, self.running_var.value, self.momentum)
        y, pullback, _, _ = F.batch_norm2d(x, *self._values(x.shape[1:2], x.dtype), eps=self.eps, running=running)
        return y, self._accumulate(pullback)

    def scale_and_shift(self) -> tuple[Array, Array]:
        """What inference multiplies each channel by, and adds to it."""
        mean = self.running_mean.value
        weight, bias = self._values(mean.shape, mean.dtype)
        scale: Array = weight / self._deviation()
        return scale, bias - mean * scale

    def _deviation(self) -> Array:
        deviation: Array = np.sqrt(self.running_var.value + self.running_var.value.dtype.type(self.eps))
        return deviation

    def _infer(self, x: Array) -> tuple[Array, Backward]:
        scale, shift = self.scale_and_shift()
        y, pullback = F.scale_shift(x, scale, shift)

        def of_parameters(dy: Array) -> tuple[Array, Array, Array]:
            dx, dscale, dshift = pullback(dy)
            return dx, (dscale - dshift * self.running_mean.value) / self._deviation(), dshift

        return y, self._accumulate(of_parameters)

    def described(self, describer: Describer, x: Value) -> Value:
        """What `describe` of each class says."""
        self.output_shape(x.shape)
        F.check_number("eps", self.eps)
        mean, variance = self.running_mean.value, self.running_var.value
        weight, bias = self._params(mean.shape, mean.dtype)
        images = sum(share.counts(describer.batch_size)) if describer.purpose == "training" and self.trainable else 0
        if images:
            self.check_count((images, *x.shape))
            F.check_share("momentum", self.momentum)
            return of_images(describer, op.BatchNorm(weight, bias, mean, variance, self.momentum, self.eps), x)
        return of_images(describer, op.Normalize(weight, bias, mean, variance, self.eps), x)


class BatchNorm2D(_BatchNorm):
    """Each channel of images (n, c, h, w) normalized to mean 0 and deviation 1, times `weight` plus `bias`, both (c,).

    In training, mean and variance are those of the batch, over images and pixels, and `running_mean` and `running_var`
    move towards them by the fraction `momentum` (the variance unbiased, as in PyTorch). Inference uses these running
    values, and so does a frozen layer in training. Raises ShapeError for a training batch with a single value in each
    channel. `eps` is added to the variance, so that its root isn't 0; `scale` and `center` say whether there is a
    weight and a bias. Source: Ioffe and Szegedy, 2015.
    """

    def __init__(self, *, momentum: float = 0.1, eps: float = 1e-5, scale: bool = True, center: bool = True) -> None:
        super().__init__(momentum=momentum, eps=eps, scale=scale, center=center)

    def describe(self, describer: Describer, x: Value) -> Value:
        return self.described(describer, x)

    def _check(self, shape: Shape, *, batch: bool = False) -> None:
        shapes.image_shape(shape, batch=batch)


class BatchNorm1D(_BatchNorm):
    """`BatchNorm2D` of vectors (n, c), over the batch, or of sequences (n, c, length), over batch and length.

    `momentum`, `eps`, `scale` and `center` as there.
    """

    def __init__(self, *, momentum: float = 0.1, eps: float = 1e-5, scale: bool = True, center: bool = True) -> None:
        super().__init__(momentum=momentum, eps=eps, scale=scale, center=center)

    def describe(self, describer: Describer, x: Value) -> Value:
        return self.described(describer, x)

    def _check(self, shape: Shape, *, batch: bool = False) -> None:
        if len(shape) - batch not in (1, 2):
            wanted = "(n, c) or (n, c, length)" if batch else "(c,) or (c, length)"
            raise ShapeError(f"expected vectors or sequences {wanted}, got {shapes.show(shape)}")


class LayerNorm(Scaled):
    """Each sample less the mean of all its values, over their deviation, times `weight` plus `bias`.

    All axes of a sample are normalized together, and weight and bias are of its shape: PyTorch's LayerNorm with that
    shape as its normalized_shape. Or those along `axis` alone, with weight and bias (length,): -1 is the last axis, the
    features of (n, t, features), as in Keras's LayerNormalization and most transformers; 1 the channels of images, at
    each pixel, as in ConvNeXt. `eps` is added to the variance; `scale` and `center` say whether there is a weight and a
    bias. A batch's samples know nothing of each other, so training and inference are the same. Source: Ba, Kiros and
    Hinton, "Layer Normalization", 2016.
    """

    def __init__(self, *, axis: int | None = None, eps: float = 1e-5, scale: bool = True, center: bool = True) -> None:
        shapes.check_axis(axis)
        super().__init__(eps, scale=scale, center=center)
        self.axis = axis

    def _shape(self, input_shape: Shape) -> Shape:
        """That of weight and bias."""
        return input_shape if self.axis is None else (input_shape[shapes.axis_of(self.axis, input_shape)],)

    def output_shape(self, input_shape: Shape) -> Shape:
        built, wanted = self._built_shape(), self._shape(tuple(input_shape))
        if built is not None and wanted != built:
            if self.axis is None:
                shapes.expect("", input_shape, built)
            raise ShapeError(f"expected {built[0]} values along axis {self.axis}, got {shapes.show(input_shape)}")
        return input_shape

    def build(self, input_shape: Shape, rng: "Generator") -> None:
        shape = self._shape(tuple(input_shape))
        for parameter in (self.weight, self.bias):
            if parameter is not None and not parameter.is_built:
                parameter.memory = (*range(1, len(shape)), 0)  # channels last, as samples lie
        self._initialize(shape, rng)

    def describe(self, describer: Describer, x: Value) -> Value:
        self.output_shape(x.shape)
        if self.axis is not None and len(x.shape) > 1:
            raise CannotDescribeError("LayerNorm: no operator normalizes along an axis")
        return of_images(describer, op.GroupNorm(*self._params(x.shape), 1, self.eps, by_value=True), x)

    def forward(self, x: Array, *, train: bool) -> tuple[Array, Backward]:
        built = self._built_shape()
        if self.axis is not None:
            self.output_shape(x.shape[1:])
        elif built is not None and x.shape[1:] != built:
            shapes.expect("", x.shape, ("n", *built))
        values = self._values(self._shape(x.shape[1:]), x.dtype)
        y, pullback = F.layer_norm(x, *values, eps=self.eps, axis=self.axis)
        return y, self._accumulate(pullback)


class GroupNorm(Scaled):
    """Each of `groups` groups of a sample's channels less its mean, over its deviation; `weight` and `bias` are (c,).

    A sample is (c,), (c, length) or (c, h, w), its channels a multiple of the groups; as many groups as channels
    normalize each image's channels by themselves. `eps` is added to the variance; `scale` and `center` say whether
    there is a weight and a bias. Training and inference are the same. Source: Wu and He, "Group Normalization", 2018.
    """

    def __init__(self, groups: int, *, eps: float = 1e-5, scale: bool = True, center: bool = True) -> None:
        self.groups = shapes.count(groups, "groups")
        super().__init__(eps, scale=scale, center=center)

    def output_shape(self, input_shape: Shape) -> Shape:
        shapes.channel_groups(input_shape, self.groups)
        built = self._built_shape()
        if built is not None and input_shape[0] != built[0]:
            shapes.expect("", input_shape, (*built, *input_shape[1:]))
        return input_shape

    def build(self, input_shape: Shape, rng: "Generator") -> None:
        shapes.channel_groups(input_shape, self.groups)
        self._initialize(input_shape[:1], rng)

    def describe(self, describer: Describer, x: Value) -> Value:
        self.output_shape(x.shape)
        return of_images(describer, op.GroupNorm(*self._params(x.shape[:1]), self.groups, self.eps), x)

    def forward(self, x: Array, *, train: bool) -> tuple[Array, Backward]:
        self.output_shape(x.shape[1:])
        y, pullback = F.group_norm(x, *self._values(x.shape[1:2], x.dtype), groups=self.groups, eps=self.eps)
        return y, self._accumulate(pullback)
