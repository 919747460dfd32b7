"""Pooling."""

import math

import numpy as np

from minidl.backends.reference.numbers import quiet, windows

__all__ = [
    "adaptive_average_pool2d",
    "adaptive_average_pool2d_backward",
    "average_pool2d",
    "average_pool2d_backward",
    "max_pool2d",
    "max_pool2d_backward",
]


@quiet
def max_pool2d(x, *, pool):
    """(y, argmax): the maximum of each window, and which of its taps, counted row by row, it stands at.

    The first maximum wins a tie, NaN wins over everything, and padding never wins.
    """
    pool_size, stride, padding, dilation = pool
    n_images, n_channels, height, width = x.shape
    out_height = windows(height, pool_size[0], stride[0], padding[0], dilation[0])
    out_width = windows(width, pool_size[1], stride[1], padding[1], dilation[1])
    y = np.zeros((n_images, n_channels, out_height, out_width), x.dtype)
    argmax = np.zeros(y.shape, np.intp)
    for n in range(n_images):
        for c in range(n_channels):
            for i in range(out_height):
                for j in range(out_width):
                    best, where = None, 0
                    for p in range(pool_size[0]):
                        for q in range(pool_size[1]):
                            row = i * stride[0] + p * dilation[0] - padding[0][0]
                            column = j * stride[1] + q * dilation[1] - padding[1][0]
                            if 0 <= row < height and 0 <= column < width:
                                value = float(x[n, c, row, column])
                                first_nan = math.isnan(value) and (best is None or not math.isnan(best))
                                if best is None or value > best or first_nan:
                                    best, where = value, p * pool_size[1] + q
                    y[n, c, i, j] = best
                    argmax[n, c, i, j] = where
    return y, argmax


@quiet
def max_pool2d_backward(dy, argmax, *, size, pool):
    """dx of `max_pool2d` for images of `size` (h, w): each window hands dy to the tap that won it."""
    pool_size, stride, padding, dilation = pool
    n_images, n_channels, out_height, out_width = dy.shape
    dx = np.zeros((n_images, n_channels, *size))
    for n in range(n_images):
        for c in range(n_channels):
            for i in range(out_height):
                for j in range(out_width):
                    p, q = divmod(int(argmax[n, c, i, j]), pool_size[1])
                    row = i * stride[0] + p * dilation[0] - padding[0][0]
                    column = j * stride[1] + q * dilation[1] - padding[1][0]
                    dx[n, c, row, column] += float(dy[n, c, i, j])
    return dx.astype(dy.dtype)


@quiet
def average_pool2d(x, *, pool):
    """The mean of each window: over its taps, of which those in the padding are zero, or over its pixels alone.

    Taps in the rows and columns of the padding that are `uncounted` are no part of it.
    """
    pool_size, stride, padding, count_include_pad, uncounted = pool
    n_images, n_channels, height, width = x.shape
    out_height = windows(height, pool_size[0], stride[0], padding[0], 1)
    out_width = windows(width, pool_size[1], stride[1], padding[1], 1)
    y = np.zeros((n_images, n_channels, out_height, out_width), x.dtype)
    for n in range(n_images):
        for c in range(n_channels):
            for i in range(out_height):
                for j in range(out_width):
                    total, pixels, taps = 0.0, 0, 0
                    for p in range(pool_size[0]):
                        for q in range(pool_size[1]):
                            row, column = i * stride[0] + p - padding[0][0], j * stride[1] + q - padding[1][0]
                            if 0 <= row < height and 0 <= column < width:
                                total += float(x[n, c, row, column])
                                pixels += 1
                            if row < height + padding[0][1] - uncounted[0]:
                                taps += column < width + padding[1][1] - uncounted[1]
                    y[n, c, i, j] = total / (taps if count_include_pad else pixels)
    return y


@quiet
def average_pool2d_backward(dy, *, size, pool):
    """dx of `average_pool2d` for images of `size` (h, w): each window shares dy out among its pixels."""
    pool_size, stride, padding, count_include_pad, uncounted = pool
    n_images, n_channels, out_height, out_width = dy.shape
    dx = np.zeros((n_images, n_channels, *size))
    for n in range(n_images):
        for c in range(n_channels):
            for i in range(out_height):
                for j in range(out_width):
                    pixels, taps = [], 0
                    for p in range(pool_size[0]):
                        for q in range(pool_size[1]):
                            row, column = i * stride[0] + p - padding[0][0], j * stride[1] + q - padding[1][0]
                            if 0 <= row < size[0] and 0 <= column < size[1]:
                                pixels.append((row, column))
                            if row < size[0] + padding[0][1] - uncounted[0]:
                                taps += column < size[1] + padding[1][1] - uncounted[1]
                    count = taps if count_include_pad else len(pixels)
                    for row, column in pixels:
                        dx[n, c, row, column] += float(dy[n, c, i, j]) / count
    return dx.astype(dy.dtype)


def _pixels_between(i, length, outputs):
    """The pixels along one axis that make the i-th output: from floor(i length / outputs) to ceil((i + 1) ...)."""
    return range(i * length // outputs, math.ceil((i + 1) * length / outputs))


@quiet
def adaptive_average_pool2d(x, *, output_size):
    """The mean of each of (rows, columns) windows that cover the image, as equal as they can be."""
    n_images, n_channels, height, width = x.shape
    y = np.zeros((n_images, n_channels, *output_size), x.dtype)
    for n, c, i, j in np.ndindex(y.shape):
        rows, columns = _pixels_between(i, height, output_size[0]), _pixels_between(j, width, output_size[1])
        total = 0.0
        for row in rows:
            for column in columns:
                total += float(x[n, c, row, column])
        y[n, c, i, j] = total / (len(rows) * len(columns))
    return y


@quiet
def adaptive_average_pool2d_backward(dy, *, size):
    """dx of `adaptive_average_pool2d` for images of `size` (h, w)."""
    dx = np.zeros((*dy.shape[:2], *size))
    for n, c, i, j in np.ndindex(dy.shape):
        rows, columns = _pixels_between(i, size[0], dy.shape[2]), _pixels_between(j, size[1], dy.shape[3])
        for row in rows:
            for column in columns:
                dx[n, c, row, column] += float(dy[n, c, i, j]) / (len(rows) * len(columns))
    return dx.astype(dy.dtype)
