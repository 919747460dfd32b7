"""Normalization."""

import numpy as np

from minidl.backends.reference.numbers import quiet

__all__ = [
    "batch_norm2d",
    "batch_norm2d_backward",
    "group_norm",
    "group_norm_backward",
    "scale_shift",
    "scale_shift_backward",
]


@quiet
def batch_norm2d(x, gamma, beta, *, eps, running=None):
    """(y, mean, variance): each channel less its mean over images and pixels, over its deviation, scaled, shifted.

    The variance is the biased one: the mean of the squared differences. `running` (mean, variance, momentum) move by
    momentum of the way towards the batch's, the variance unbiased: over one less.
    """
    n_images, n_channels, height, width = x.shape
    y, mean, variance = np.zeros(x.shape, x.dtype), np.zeros(n_channels, x.dtype), np.zeros(n_channels, x.dtype)
    count = n_images * height * width
    for c in range(n_channels):
        total = 0.0
        for n in range(n_images):
            for i in range(height):
                for j in range(width):
                    total += float(x[n, c, i, j])
        center = total / count
        squares = 0.0
        for n in range(n_images):
            for i in range(height):
                for j in range(width):
                    squares += (float(x[n, c, i, j]) - center) ** 2
        spread = squares / count
        deviation = np.sqrt(np.float64(spread + eps))
        for n in range(n_images):
            for i in range(height):
                for j in range(width):
                    normal = (float(x[n, c, i, j]) - center) / deviation
                    y[n, c, i, j] = normal * float(gamma[c]) + float(beta[c])
        mean[c], variance[c] = center, spread
        if running is not None:
            momentum = running[2]
            running[0][c] = (1 - momentum) * float(running[0][c]) + momentum * center
            running[1][c] = (1 - momentum) * float(running[1][c]) + momentum * squares / max(count - 1, 1)
    return y, mean, variance


@quiet
def batch_norm2d_backward(dy, x, gamma, mean, variance, *, eps):
    """(dx, dgamma, dbeta) of `batch_norm2d`, through mean and variance too."""
    n_images, n_channels, height, width = x.shape
    dx, dgamma, dbeta = np.zeros(x.shape, x.dtype), np.zeros(n_channels, x.dtype), np.zeros(n_channels, x.dtype)
    count = n_images * height * width
    for c in range(n_channels):
        deviation = np.sqrt(np.float64(variance[c]) + eps)
        grad_total, product_total = 0.0, 0.0
        for n in range(n_images):
            for i in range(height):
                for j in range(width):
                    normal = (float(x[n, c, i, j]) - float(mean[c])) / deviation
                    grad_total += float(dy[n, c, i, j])
                    product_total += float(dy[n, c, i, j]) * normal
        for n in range(n_images):
            for i in range(height):
                for j in range(width):
                    normal = (float(x[n, c, i, j]) - float(mean[c])) / deviation
                    rest = float(dy[n, c, i, j]) - grad_total / count - normal * product_total / count
                    dx[n, c, i, j] = float(gamma[c]) / deviation * rest
        dgamma[c], dbeta[c] = product_total, grad_total
    return dx, dgamma, dbeta


def scale_shift(x, scale, shift):
    """y = x scale[c] + shift[c]: what `batch_norm2d` is with the mean and variance of training."""
    y = np.zeros(x.shape, x.dtype)
    for n, c, i, j in np.ndindex(x.shape):
        y[n, c, i, j] = float(x[n, c, i, j]) * float(scale[c]) + float(shift[c])
    return y


def scale_shift_backward(dy, x, scale):
    """(dx, dscale, dshift) of `scale_shift`."""
    dx, dscale, dshift = np.zeros(x.shape, x.dtype), np.zeros(scale.shape), np.zeros(scale.shape)
    for n, c, i, j in np.ndindex(x.shape):
        dx[n, c, i, j] = float(dy[n, c, i, j]) * float(scale[c])
        dscale[c] += float(dy[n, c, i, j]) * float(x[n, c, i, j])
        dshift[c] += float(dy[n, c, i, j])
    return dx, dscale.astype(x.dtype), dshift.astype(x.dtype)


def _group(g, n_channels, groups):
    return range(g * (n_channels // groups), (g + 1) * (n_channels // groups))


@quiet
def group_norm(x, gamma, beta, *, groups, eps):
    """(y, mean, variance): each sample's groups of channels less their mean, over their deviation, scaled, shifted.

    x is (n, c, length), mean and the biased variance (n, groups); gamma and beta are (c,) or (c, length).
    """
    n_samples, n_channels, length = x.shape
    y, mean, variance = np.zeros(x.shape, x.dtype), np.zeros((n_samples, groups)), np.zeros((n_samples, groups))
    count = n_channels // groups * length
    for n in range(n_samples):
        for g in range(groups):
            total, squares = 0.0, 0.0
            for c in _group(g, n_channels, groups):
                for i in range(length):
                    total += float(x[n, c, i])
            center = total / count
            for c in _group(g, n_channels, groups):
                for i in range(length):
                    squares += (float(x[n, c, i]) - center) ** 2
            spread = squares / count
            deviation = np.sqrt(np.float64(spread + eps))
            for c in _group(g, n_channels, groups):
                for i in range(length):
                    scale, shift = (gamma[c, i], beta[c, i]) if gamma.ndim == 2 else (gamma[c], beta[c])
                    normal = (float(x[n, c, i]) - center) / deviation
                    y[n, c, i] = normal * float(scale) + float(shift)
            mean[n, g], variance[n, g] = center, spread
    return y, mean.astype(x.dtype), variance.astype(x.dtype)


@quiet
def group_norm_backward(dy, x, gamma, mean, variance, *, groups, eps, each=1):
    """(dx, dgamma, dbeta) of `group_norm`, through mean and variance too.

    `each` samples are of one image, as which they go to one process, where several share a batch: backends that sum so
    that this doesn't matter take images apart by it.
    """
    del each
    n_samples, n_channels, length = x.shape
    dx, dgamma, dbeta = np.zeros(x.shape, x.dtype), np.zeros(gamma.shape), np.zeros(gamma.shape)
    count = n_channels // groups * length
    for n in range(n_samples):
        for g in range(groups):
            center, deviation = float(mean[n, g]), np.sqrt(np.float64(variance[n, g]) + eps)
            grad_total, product_total = 0.0, 0.0
            for c in _group(g, n_channels, groups):
                for i in range(length):
                    place = (c, i) if gamma.ndim == 2 else c
                    normal, grad = (float(x[n, c, i]) - center) / deviation, float(dy[n, c, i])
                    dgamma[place] += grad * normal
                    dbeta[place] += grad
                    grad_total += grad * float(gamma[place])
                    product_total += grad * float(gamma[place]) * normal
            for c in _group(g, n_channels, groups):
                for i in range(length):
                    normal = (float(x[n, c, i]) - center) / deviation
                    grad = float(dy[n, c, i]) * float(gamma[(c, i) if gamma.ndim == 2 else c])
                    dx[n, c, i] = (grad - grad_total / count - normal * product_total / count) / deviation
    return dx, dgamma.astype(x.dtype), dbeta.astype(x.dtype)
