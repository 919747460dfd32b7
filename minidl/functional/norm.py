"""Normalization over batches, samples and groups of channels."""

import math
from typing import Any

from minidl import backends, shapes
from minidl.errors import ShapeError
from minidl.functional.checks import check_floats, check_gradient, check_number, check_share
from minidl.functional.pullbacks import NormPullback, Pullback
from minidl.functional.rows import as_rows, from_rows
from minidl.process import share
from minidl.typing import Array

__all__ = ["batch_norm2d", "group_norm", "instance_norm2d", "layer_norm", "local_response_norm", "scale_shift"]


def batch_norm2d(
    x: Array,
    gamma: Array,
    beta: Array,
    *,
    eps: float = 1e-5,
    running: tuple[Array, Array, float] | None = None,
) -> tuple[Array, NormPullback, Array, Array]:
    """(y, pullback, mean, variance): each channel of images x normalized over the batch, times gamma plus beta, (c,).

    The variance is the biased one. `running` (mean, variance, momentum), contiguous, are changed in place: momentum of
    the way towards the batch's mean and unbiased variance, for which a channel needs two values. Raises ShapeError,
    DTypeError and ValueError.
    """
    if running is not None and (not isinstance(running, tuple) or len(running) != 3):
        raise TypeError(f"running: expected (mean, variance, momentum), got {running!r}")
    _check_channels(x, gamma=gamma, beta=beta)
    check_number("eps", eps)
    values = sum(share.counts(len(x))) * math.prod(x.shape[2:])
    if values < (1 if running is None else 2) or not x.shape[1]:
        few = "one value" if running is None else "two values"
        raise ShapeError(f"expected images with at least {few} in each channel, got {shapes.show(x.shape)}")
    if running is not None:
        check_share("momentum", running[2])
    for name, vector in zip(("running_mean", "running_variance"), (running or ())[:2], strict=False):
        check_floats(x=x, **{name: vector})
        shapes.expect(f"{name} ", vector.shape, gamma.shape)
        if not vector.flags.carray:
            raise ValueError(f"expected {name} as a contiguous array that can be written to")
    backend = backends.current()
    y, mean, variance = backend.batch_norm2d(x, gamma, beta, eps=eps, running=running)

    def pullback(dy: Array) -> tuple[Array, Array, Array]:
        check_gradient(dy, x.shape, x.dtype)
        return backend.batch_norm2d_backward(dy, x, gamma, mean, variance, eps=eps)

    return y, pullback, mean, variance


def scale_shift(x: Array, scale: Array, shift: Array) -> tuple[Array, NormPullback]:
    """Images x times scale (c,) plus shift (c,), channel by channel. Raises ShapeError and DTypeError."""
    _check_channels(x, scale=scale, shift=shift)
    backend = backends.current()
    y = backend.scale_shift(x, scale, shift)

    def pullback(dy: Array) -> tuple[Array, Array, Array]:
        check_gradient(dy, x.shape, x.dtype)
        return backend.scale_shift_backward(dy, x, scale)

    return y, pullback


def _check_channels(x: Array, **vectors: Array) -> None:
    check_floats(x=x, **vectors)
    channels = shapes.image_shape(x.shape, batch=True)[0]
    for name, vector in vectors.items():
        if vector.shape != (channels,):
            shapes.expect("", x.shape, ("n", vector.size, "h", "w"))
            shapes.expect(f"{name} ", vector.shape, (channels,))


def layer_norm(
    x: Array, gamma: Array, beta: Array, *, eps: float = 1e-5, axis: int | None = None
) -> tuple[Array, NormPullback]:
    """Each sample of x (n, ...) less its mean, over its deviation, times gamma plus beta, both of a sample's shape.

    With `axis`, which isn't 0, the values along that axis are taken for a sample: gamma and beta are (length,). Raises
    ShapeError, DTypeError and ValueError.
    """
    check_floats(x=x, gamma=gamma, beta=beta)
    check_number("eps", eps)
    shapes.check_axis(axis)
    _check_sample(x)
    if axis is not None:
        return _along(x, gamma, beta, eps, shapes.axis_of(axis, x.shape[1:]) + 1)
    return _of_samples(x, gamma, beta, eps, 1)


def _of_samples(x: Array, gamma: Array, beta: Array, eps: float, each: int) -> tuple[Array, NormPullback]:
    """`layer_norm` of samples, of which an image has `each`."""
    for name, array in (("gamma", gamma), ("beta", beta)):
        shapes.expect(f"{name} ", array.shape, x.shape[1:])
    rows = (x.shape[1], math.prod(x.shape[2:]))
    y, pullback = _group_norm(x, gamma.reshape(rows), beta.reshape(rows), 1, eps, each)

    def shaped(dy: Array) -> tuple[Array, Array, Array]:
        dx, dgamma, dbeta = pullback(dy)
        return dx, dgamma.reshape(gamma.shape), dbeta.reshape(beta.shape)

    return y, shaped


def _along(x: Array, gamma: Array, beta: Array, eps: float, axis: int) -> tuple[Array, NormPullback]:
    """`layer_norm` of the values along an axis."""
    y, pullback = _of_samples(as_rows(x, axis), gamma, beta, eps, math.prod(x.shape[1:]) // x.shape[axis])

    def shaped(dy: Array) -> tuple[Array, Array, Array]:
        check_gradient(dy, x.shape, x.dtype)
        dx, dgamma, dbeta = pullback(as_rows(dy, axis))
        return from_rows(dx, x.shape, axis), dgamma, dbeta

    return from_rows(y, x.shape, axis), shaped


def group_norm(x: Array, gamma: Array, beta: Array, *, groups: int, eps: float = 1e-5) -> tuple[Array, NormPullback]:
    """Each of `groups` equal groups of a sample's channels, x (n, c, ...), less its mean, over its deviation.

    Then each channel is multiplied by gamma, and beta is added, both (c,). Raises ShapeError, DTypeError, ValueError.
    """
    check_floats(x=x, gamma=gamma, beta=beta)
    check_number("eps", eps)
    _check_sample(x)
    shapes.channel_groups(x.shape[1:], groups)
    for name, array in (("gamma", gamma), ("beta", beta)):
        shapes.expect(f"{name} ", array.shape, x.shape[1:2])
    return _group_norm(x, gamma, beta, groups, eps)


def instance_norm2d(x: Array, gamma: Array, beta: Array, *, eps: float = 1e-5) -> tuple[Array, NormPullback]:
    """Each channel of each image x (n, c, h, w) less its mean, over its deviation, times gamma plus beta, both (c,).

    Raises ShapeError, DTypeError and ValueError.
    """
    _check_channels(x, gamma=gamma, beta=beta)
    check_number("eps", eps)
    _check_sample(x)
    return _group_norm(x, gamma, beta, x.shape[1], eps)


def local_response_norm(
    x: Array, size: int, *, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> tuple[Array, Pullback]:
    """Images x over (k + alpha times the mean square of `size` channels around each) to the power beta.

    The window of a channel has (size - 1) // 2 channels before it, as in ONNX, and the rest behind; those beyond the
    image count as zeros. Raises ShapeError, DTypeError and ValueError.
    """
    check_floats(x=x)
    shapes.image_shape(x.shape, batch=True)
    check_response(size, alpha, beta, k)
    how: dict[str, Any] = {"size": int(size), "alpha": float(alpha), "beta": float(beta), "k": float(k)}
    backend = backends.current()
    y = backend.local_response_norm(x, **how)

    def pullback(dy: Array) -> Array:
        check_gradient(dy, x.shape, x.dtype)
        return backend.local_response_norm_backward(dy, x, **how)

    return y, pullback


def check_response(size: int, alpha: float, beta: float, k: float) -> None:
    """Raise ValueError unless these can be a local response normalization's."""
    shapes.count(size, "size")
    check_number("alpha", alpha)
    check_number("beta", beta)
    check_number("k", k, is_positive=True)


def _check_sample(x: Array) -> None:
    if x.ndim < 2 or not all(x.shape[1:]):
        raise ShapeError(f"expected samples (n, ...) of at least one value each, got {shapes.show(x.shape)}")


def _group_norm(
    x: Array, gamma: Array, beta: Array, groups: int, eps: float, each: int = 1
) -> tuple[Array, NormPullback]:
    backend, shape = backends.current(), x.shape
    samples = x.reshape(*shape[:2], math.prod(shape[2:]))
    y, mean, variance = backend.group_norm(samples, gamma, beta, groups=groups, eps=eps)

    def pullback(dy: Array) -> tuple[Array, Array, Array]:
        check_gradient(dy, shape, x.dtype)
        dx, dgamma, dbeta = backend.group_norm_backward(
            dy.reshape(samples.shape), samples, gamma, mean, variance, groups=groups, eps=eps, each=each
        )
        return dx.reshape(shape), dgamma, dbeta

    return y.reshape(shape), pullback
