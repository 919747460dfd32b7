"""Pooling by strided views."""

from typing import Any

import numpy as np

from minidl.backends.vectorized.windows import crop, pad, patches, quiet, under_tap
from minidl.description.operators import AveragePool, MaxPool
from minidl.typing import Array, IntArray, Pair

__all__ = [
    "adaptive_average_pool2d",
    "adaptive_average_pool2d_backward",
    "average_pool2d",
    "average_pool2d_backward",
    "max_pool2d",
    "max_pool2d_backward",
]


def max_pool2d(x: Array, *, pool: MaxPool) -> tuple[Array, IntArray]:
    """(y, argmax): argmax, the winning tap of each window, is what backward needs and all that it needs."""
    pool_size, stride, padding, dilation = pool
    windows = patches(pad(x, padding, -np.inf), pool_size, stride, dilation)
    n, out_h, out_w, kh, kw, c = windows.shape
    candidates = windows.reshape(n, out_h, out_w, kh * kw, c)
    argmax = candidates.argmax(axis=3)
    if np.any(padding):  # where a window holds nothing above minus infinity, its padding must not win the tie
        outside = np.pad(np.zeros((1, 1, *x.shape[2:]), x.dtype), ((0, 0), (0, 0), *padding), constant_values=1)
        taps = patches(outside.transpose(0, 2, 3, 1), pool_size, stride, dilation).reshape(1, out_h, out_w, kh * kw, 1)
        won_by_padding = np.take_along_axis(taps, argmax[:, :, :, None], axis=3)[:, :, :, 0] == 1
        argmax = np.where(won_by_padding, taps.argmin(axis=3), argmax)
    y = np.take_along_axis(candidates, argmax[:, :, :, None], axis=3)[:, :, :, 0]
    return y.transpose(0, 3, 1, 2), argmax.transpose(0, 3, 1, 2)


@quiet
def max_pool2d_backward(dy: Array, argmax: IntArray, *, size: Pair, pool: MaxPool) -> Array:
    """Tap by tap, so that overlapping windows add up."""
    pool_size, stride, padding, dilation = pool
    n, c, out_h, out_w = dy.shape
    dy_nhwc, winners = dy.transpose(0, 2, 3, 1), argmax.transpose(0, 2, 3, 1)
    dx = np.zeros((n, size[0] + sum(padding[0]), size[1] + sum(padding[1]), c), dy.dtype)
    for tap in range(pool_size[0] * pool_size[1]):
        p, q = divmod(tap, pool_size[1])
        under = under_tap(dx, p * dilation[0], q * dilation[1], stride, (out_h, out_w))
        under += np.where(winners == tap, dy_nhwc, 0)
    return crop(dx, padding, size)


def average_windows(
    length: int, pool_size: int, stride: int, padding: Pair, uncounted: int, count_include_pad: bool
) -> IntArray:
    """(first pixel, one beyond the last, what their sum is divided by) of each window along one axis: (windows, 3)."""
    begin = np.arange((length + sum(padding) - pool_size) // stride + 1) * stride - padding[0]
    first, last = np.maximum(begin, 0), np.minimum(begin + pool_size, length)
    taps = np.minimum(pool_size, length + padding[1] - uncounted - begin)
    return np.stack([first, last, taps if count_include_pad else last - first], axis=1)


def adaptive_windows(length: int, outputs: int) -> IntArray:
    """`average_windows` for adaptive windows, from floor(i length / outputs) to ceil((i + 1) length / outputs)."""
    first = np.arange(outputs) * length // outputs
    last = -(-(np.arange(outputs) + 1) * length // outputs)
    return np.stack([first, last, last - first], axis=1)


def _counts(rows: IntArray, columns: IntArray, dtype: np.dtype[Any]) -> Array:
    """What the sum of each window is divided by, (out_h, out_w, 1)."""
    counts: Array = (rows[:, None, 2:] * columns[:, 2:]).astype(dtype)
    return counts


def windows_of_averages(size: Pair, pool: AveragePool) -> tuple[IntArray, IntArray]:
    """`average_windows` down and across."""
    axes = zip(size, pool.pool_size, pool.stride, pool.padding, pool.uncounted, strict=True)
    rows, columns = (average_windows(*axis, pool.count_include_pad) for axis in axes)
    return rows, columns


@quiet
def average_pool2d(x: Array, *, pool: AveragePool) -> Array:
    """Sums of the windows of zero-padded images, row by row, over their counts."""
    pool_size, stride, padding, *_ = pool
    sums = patches(pad(x, padding, 0), pool_size, stride, (1, 1)).sum(axis=4).sum(axis=3)
    windows = windows_of_averages((x.shape[2], x.shape[3]), pool)
    y = np.ascontiguousarray(sums / _counts(*windows, x.dtype))
    return y.transpose(0, 3, 1, 2)


@quiet
def average_pool2d_backward(dy: Array, *, size: Pair, pool: AveragePool) -> Array:
    """Tap by tap, so that overlapping windows add up."""
    pool_size, stride, padding, *_ = pool
    n, c, out_h, out_w = dy.shape
    windows = windows_of_averages(size, pool)
    shares = dy.transpose(0, 2, 3, 1) / _counts(*windows, dy.dtype)
    dx = np.zeros((n, size[0] + sum(padding[0]), size[1] + sum(padding[1]), c), dy.dtype)
    for tap in range(pool_size[0] * pool_size[1]):
        p, q = divmod(tap, pool_size[1])
        under_tap(dx, p, q, stride, (out_h, out_w))[...] += shares
    return crop(dx, padding, size)


@quiet
def adaptive_average_pool2d(x: Array, *, output_size: Pair) -> Array:
    """Window by window, for all images at once."""
    images, (n, c, height, width) = x.transpose(0, 2, 3, 1), x.shape
    rows, columns = adaptive_windows(height, output_size[0]), adaptive_windows(width, output_size[1])
    y = np.empty((n, *output_size, c), x.dtype)
    for i, (top, bottom, _) in enumerate(rows):
        for j, (left, right, _) in enumerate(columns):
            y[:, i, j] = images[:, top:bottom, left:right].sum(axis=2).sum(axis=1)
    y /= _counts(rows, columns, x.dtype)
    return y.transpose(0, 3, 1, 2)


@quiet
def adaptive_average_pool2d_backward(dy: Array, *, size: Pair) -> Array:
    """Window by window, so that overlapping ones add up."""
    n, c, out_h, out_w = dy.shape
    rows, columns = adaptive_windows(size[0], out_h), adaptive_windows(size[1], out_w)
    shares, dx = dy.transpose(0, 2, 3, 1) / _counts(rows, columns, dy.dtype), np.zeros((n, *size, c), dy.dtype)
    for i, (top, bottom, _) in enumerate(rows):
        for j, (left, right, _) in enumerate(columns):
            dx[:, top:bottom, left:right] += shares[:, i : i + 1, j : j + 1]
    return dx.transpose(0, 3, 1, 2)
