"""Normalization."""

import math

import numpy as np


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
        for n in range(n_images):
            for i in range(height):
                for j in range(width):
                    normal = (float(x[n, c, i, j]) - center) / math.sqrt(spread + eps)
                    y[n, c, i, j] = normal * float(gamma[c]) + float(beta[c])
        mean[c], variance[c] = center, spread
        if running is not None:
            momentum = running[2]
            running[0][c] = (1 - momentum) * float(running[0][c]) + momentum * center
            running[1][c] = (1 - momentum) * float(running[1][c]) + momentum * squares / max(count - 1, 1)
    return y, mean, variance


def batch_norm2d_backward(dy, x, gamma, mean, variance, *, eps):
    """(dx, dgamma, dbeta) of `batch_norm2d`, through mean and variance too."""
    n_images, n_channels, height, width = x.shape
    dx, dgamma, dbeta = np.zeros(x.shape, x.dtype), np.zeros(n_channels, x.dtype), np.zeros(n_channels, x.dtype)
    count = n_images * height * width
    for c in range(n_channels):
        deviation = math.sqrt(float(variance[c]) + eps)
        slope_total, product_total = 0.0, 0.0
        for n in range(n_images):
            for i in range(height):
                for j in range(width):
                    normal = (float(x[n, c, i, j]) - float(mean[c])) / deviation
                    slope_total += float(dy[n, c, i, j])
                    product_total += float(dy[n, c, i, j]) * normal
        for n in range(n_images):
            for i in range(height):
                for j in range(width):
                    normal = (float(x[n, c, i, j]) - float(mean[c])) / deviation
                    rest = float(dy[n, c, i, j]) - slope_total / count - normal * product_total / count
                    dx[n, c, i, j] = float(gamma[c]) / deviation * rest
        dgamma[c], dbeta[c] = product_total, slope_total
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
