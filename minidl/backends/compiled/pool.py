"""Max-pooling: one pass over the windows, which keeps the winning tap of each."""

import numpy as np

from minidl.backends.compiled.jit import block, images, njit
from minidl.typing import Array, IntArray

Pair = tuple[int, int]
Sides = tuple[Pair, Pair]


@njit
def _max_pool2d(x, y, argmax, pool_size, stride, padding):
    count, height, width, channels = x.shape
    for n in range(count):
        for i in range(y.shape[1]):
            top = i * stride[0] - padding[0][0]
            for j in range(y.shape[2]):
                left = j * stride[1] - padding[1][0]
                for c in range(channels):
                    where = -1
                    best = x[n, max(top, 0), max(left, 0), c]
                    for p in range(max(-top, 0), min(pool_size[0], height - top)):
                        for q in range(max(-left, 0), min(pool_size[1], width - left)):
                            value = x[n, top + p, left + q, c]
                            # the first maximum, or the first NaN, which no later value can replace
                            if where < 0 or value > best or (value != value and best == best):
                                best, where = value, p * pool_size[1] + q
                    y[n, i, j, c] = best
                    argmax[n, i, j, c] = where


@njit
def _max_pool2d_backward(dy, argmax, dx, pool_size, stride, padding):
    for n in range(dy.shape[0]):
        for i in range(dy.shape[1]):
            for j in range(dy.shape[2]):
                for c in range(dy.shape[3]):
                    p, q = divmod(argmax[n, i, j, c], pool_size[1])
                    row, column = i * stride[0] + p - padding[0][0], j * stride[1] + q - padding[1][0]
                    dx[n, row, column, c] += dy[n, i, j, c]


def max_pool2d(x: Array, *, pool_size: Pair, stride: Pair, padding: Sides) -> tuple[Array, IntArray]:
    """(y, argmax): argmax, the winning tap of each window, is what backward needs and all that it needs."""
    n, c, height, width = x.shape
    out_height = (height + sum(padding[0]) - pool_size[0]) // stride[0] + 1
    out_width = (width + sum(padding[1]) - pool_size[1]) // stride[1] + 1
    y = np.empty((n, out_height, out_width, c), x.dtype)
    argmax = np.empty(y.shape, np.int32)
    _max_pool2d(block(x), y, argmax, pool_size, stride, padding)
    return images(y), images(argmax)


def max_pool2d_backward(
    dy: Array, argmax: IntArray, *, size: Pair, pool_size: Pair, stride: Pair, padding: Sides
) -> Array:
    """Each window hands dy to the tap that won it."""
    dx = np.zeros((dy.shape[0], *size, dy.shape[1]), dy.dtype)
    _max_pool2d_backward(block(dy), block(argmax), dx, pool_size, stride, padding)
    return images(dx)
