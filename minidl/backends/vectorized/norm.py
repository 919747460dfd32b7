"""Normalization."""

import numpy as np

from minidl.backends.vectorized.windows import quiet
from minidl.typing import Array

__all__ = [
    "batch_norm2d",
    "batch_norm2d_backward",
    "group_norm",
    "group_norm_backward",
    "scale_shift",
    "scale_shift_backward",
]


def _mean(pixels: Array) -> Array:
    """The mean over each row, then over rows, then over images: one running sum of all pixels rounds too much."""
    mean: Array = pixels.mean(axis=2).mean(axis=1).mean(axis=0)
    return mean


@quiet
def batch_norm2d(
    x: Array, gamma: Array, beta: Array, *, eps: float, running: tuple[Array, Array, float] | None = None
) -> tuple[Array, Array, Array]:
    """(y, mean, variance), over images and pixels; the variance is the biased one.

    `running` (mean, variance, momentum) move by momentum of the way towards the batch's, the variance unbiased.
    """
    pixels = np.ascontiguousarray(x.transpose(0, 2, 3, 1))
    mean = _mean(pixels)
    variance = _mean(np.square(pixels - mean))
    if running is not None:
        count, momentum = x.size // max(len(mean), 1), x.dtype.type(running[2])
        unbiased = variance * x.dtype.type(count / max(count - 1, 1))
        running[0][...] = running[0] * (1 - momentum) + mean * momentum
        running[1][...] = running[1] * (1 - momentum) + unbiased * momentum
    y = (pixels - mean) * (gamma / np.sqrt(variance + x.dtype.type(eps))) + beta
    return y.transpose(0, 3, 1, 2), mean, variance


@quiet
def batch_norm2d_backward(
    dy: Array, x: Array, gamma: Array, mean: Array, variance: Array, *, eps: float
) -> tuple[Array, Array, Array]:
    """(dx, dgamma, dbeta), through mean and variance too."""
    dy_nhwc, deviation = np.ascontiguousarray(dy.transpose(0, 2, 3, 1)), np.sqrt(variance + x.dtype.type(eps))
    normal = (x.transpose(0, 2, 3, 1) - mean) / deviation
    dgamma, dbeta = (dy_nhwc * normal).sum(axis=(0, 1, 2)), dy_nhwc.sum(axis=(0, 1, 2))
    count = x.dtype.type(max(dy_nhwc.size // len(mean), 1))
    dx = gamma / deviation * (dy_nhwc - dbeta / count - normal * (dgamma / count))
    return dx.transpose(0, 3, 1, 2), dgamma, dbeta


@quiet
def scale_shift(x: Array, scale: Array, shift: Array) -> Array:
    """y = x scale[c] + shift[c]."""
    y: Array = np.ascontiguousarray(x.transpose(0, 2, 3, 1)) * scale + shift
    return y.transpose(0, 3, 1, 2)


@quiet
def scale_shift_backward(dy: Array, x: Array, scale: Array) -> tuple[Array, Array, Array]:
    """(dx, dscale, dshift)."""
    dy_nhwc = np.ascontiguousarray(dy.transpose(0, 2, 3, 1))
    dscale, dshift = (dy_nhwc * x.transpose(0, 2, 3, 1)).sum(axis=(0, 1, 2)), dy_nhwc.sum(axis=(0, 1, 2))
    return (dy_nhwc * scale).transpose(0, 3, 1, 2), dscale, dshift


def _rows(x: Array, groups: int) -> Array:
    """Samples (n, c, length) as rows (n, groups, c / groups length)."""
    n, channels, length = x.shape
    return x.reshape(n, groups, channels // groups * length)


def _by_place(vector: Array) -> Array:
    """Scales or shifts (c,) or (c, length), so that they broadcast to (c, length)."""
    return vector if vector.ndim == 2 else vector[:, None]


def _channels_last(x: Array) -> Array:
    return np.ascontiguousarray(x.transpose(0, 2, 1)).transpose(0, 2, 1)


@quiet
def group_norm(x: Array, gamma: Array, beta: Array, *, groups: int, eps: float) -> tuple[Array, Array, Array]:
    """(y, mean, variance): a row for each group of each sample (n, c, length), normalized; the variance is biased."""
    rows = np.ascontiguousarray(_rows(x, groups))
    mean: Array = rows.mean(axis=2)
    differences = rows - mean[:, :, None]
    variance: Array = np.square(differences).mean(axis=2)
    normal = (differences / np.sqrt(variance + x.dtype.type(eps))[:, :, None]).reshape(x.shape)
    return _channels_last(normal * _by_place(gamma) + _by_place(beta)), mean, variance


@quiet
def group_norm_backward(
    dy: Array, x: Array, gamma: Array, mean: Array, variance: Array, *, groups: int, eps: float, each: int = 1
) -> tuple[Array, Array, Array]:
    """(dx, dgamma, dbeta), through mean and variance too."""
    del each
    dy, deviation = np.ascontiguousarray(dy), np.sqrt(variance + x.dtype.type(eps))[:, :, None]
    normal = np.ascontiguousarray((_rows(x, groups) - mean[:, :, None]) / deviation)
    products, scaled = dy * normal.reshape(x.shape), np.ascontiguousarray(_rows(dy * _by_place(gamma), groups))
    axes = 0 if gamma.ndim == 2 else (0, 2)
    average, product = scaled.mean(axis=2, keepdims=True), (scaled * normal).mean(axis=2, keepdims=True)
    dx = (scaled - average - normal * product) / deviation
    return _channels_last(dx.reshape(x.shape)), products.sum(axis=axes), dy.sum(axis=axes)
