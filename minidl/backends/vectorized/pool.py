"""Pooling by strided views."""

import numpy as np

from minidl.backends.vectorized.windows import Pair, Sides, crop, pad, patches, quiet, under_tap
from minidl.typing import Array, IntArray


def max_pool2d(x: Array, *, pool_size: Pair, stride: Pair, padding: Sides) -> tuple[Array, IntArray]:
    """(y, argmax): argmax, the winning tap of each window, is what backward needs and all that it needs."""
    windows = patches(pad(x, padding, -np.inf), pool_size, stride, (1, 1))
    n, out_h, out_w, kh, kw, c = windows.shape
    candidates = windows.reshape(n, out_h, out_w, kh * kw, c)
    argmax = candidates.argmax(axis=3)
    if np.any(padding):  # where a window holds nothing above minus infinity, its padding must not win the tie
        outside = np.pad(np.zeros((1, 1, *x.shape[2:]), x.dtype), ((0, 0), (0, 0), *padding), constant_values=1)
        taps = patches(outside.transpose(0, 2, 3, 1), pool_size, stride, (1, 1)).reshape(1, out_h, out_w, kh * kw, 1)
        won_by_padding = np.take_along_axis(taps, argmax[:, :, :, None], axis=3)[:, :, :, 0] == 1
        argmax = np.where(won_by_padding, taps.argmin(axis=3), argmax)
    y = np.take_along_axis(candidates, argmax[:, :, :, None], axis=3)[:, :, :, 0]
    return y.transpose(0, 3, 1, 2), argmax.transpose(0, 3, 1, 2)


@quiet
def max_pool2d_backward(
    dy: Array, argmax: IntArray, *, size: Pair, pool_size: Pair, stride: Pair, padding: Sides
) -> Array:
    """Tap by tap, so that overlapping windows add up."""
    n, c, out_h, out_w = dy.shape
    slopes, winners = dy.transpose(0, 2, 3, 1), argmax.transpose(0, 2, 3, 1)
    dx = np.zeros((n, size[0] + sum(padding[0]), size[1] + sum(padding[1]), c), dy.dtype)
    for tap in range(pool_size[0] * pool_size[1]):
        p, q = divmod(tap, pool_size[1])
        under_tap(dx, p, q, stride, (out_h, out_w))[...] += np.where(winners == tap, slopes, 0)
    return crop(dx, padding, size)
