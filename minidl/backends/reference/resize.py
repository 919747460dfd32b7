"""Images in a border of zeros, and images made larger by a whole number."""

import math

import numpy as np

from minidl.backends.reference.numbers import quiet

__all__ = ["upsample2d", "upsample2d_backward", "zero_pad2d", "zero_pad2d_backward"]


def zero_pad2d(x, *, padding):
    """The images with `padding` rows and columns of zeros around each."""
    n_images, n_channels, height, width = x.shape
    (top, bottom), (left, right) = padding
    y = np.zeros((n_images, n_channels, top + height + bottom, left + width + right), x.dtype)
    for n in range(n_images):
        for c in range(n_channels):
            for i in range(height):
                for j in range(width):
                    y[n, c, top + i, left + j] = x[n, c, i, j]
    return y


def zero_pad2d_backward(dy, *, padding):
    """dx of `zero_pad2d`: what is inside of the border."""
    n_images, n_channels, height, width = dy.shape
    (top, bottom), (left, right) = padding
    dx = np.zeros((n_images, n_channels, height - top - bottom, width - left - right), dy.dtype)
    for n in range(n_images):
        for c in range(n_channels):
            for i in range(dx.shape[2]):
                for j in range(dx.shape[3]):
                    dx[n, c, i, j] = dy[n, c, top + i, left + j]
    return dx


def _taps(place, length, factor, interpolation):
    """(index, share) of the one or two values among `length` that make the value at `place` of factor times as many."""
    if interpolation == "nearest":
        return [(place // factor, 1.0)]
    position = min(
        max((place + 0.5) / factor - 0.5, 0.0), length - 1.0
    )  # pixels are areas: their centres are at a half
    lower = math.floor(position)
    share = position - lower
    return [(lower, 1.0 - share), (lower + 1, share)] if share > 0 else [(lower, 1.0)]


@quiet
def upsample2d(x, *, factors, interpolation):
    """Images `factors` (down, across) times as large: each pixel repeated, or between the centres of its neighbours."""
    n_images, n_channels, height, width = x.shape
    y = np.zeros((n_images, n_channels, height * factors[0], width * factors[1]), x.dtype)
    for n in range(n_images):
        for c in range(n_channels):
            for i in range(y.shape[2]):
                for j in range(y.shape[3]):
                    total = 0.0
                    for row, down in _taps(i, height, factors[0], interpolation):
                        for column, across in _taps(j, width, factors[1], interpolation):
                            total += down * across * float(x[n, c, row, column])
                    y[n, c, i, j] = total
    return y


@quiet
def upsample2d_backward(dy, *, factors, interpolation):
    """dx of `upsample2d`: each pixel of y hands its gradient to those that made it, by their shares."""
    n_images, n_channels, height, width = dy.shape
    dx = np.zeros((n_images, n_channels, height // factors[0], width // factors[1]))
    for n in range(n_images):
        for c in range(n_channels):
            for i in range(height):
                for j in range(width):
                    for row, down in _taps(i, dx.shape[2], factors[0], interpolation):
                        for column, across in _taps(j, dx.shape[3], factors[1], interpolation):
                            dx[n, c, row, column] += down * across * float(dy[n, c, i, j])
    return dx.astype(dy.dtype)
