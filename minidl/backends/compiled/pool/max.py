"""Max-pooling: vectors over the channels, with the winning tap kept as a float in the lane of its value."""

import math

from minidl.backends.compiled.codegen.jit import Kernel, njit
from minidl.backends.compiled.codegen.lanewise import add, if_beats, where_equal, where_positive
from minidl.backends.compiled.codegen.load_store import clear, lanes, load, splat, store
from minidl.backends.compiled.pool.max_2x2 import is_quarter, pool_quarter, unpool_quarter
from minidl.backends.compiled.runtime.memory import block, empty, empty_like
from minidl.backends.compiled.runtime.program import Job
from minidl.backends.compiled.runtime.replay import Repeatable
from minidl.typing import Array, Border, Pair


@njit
def pool_rows(memory, ints, geometry, first_row, last_row, x, y, argmax):
    """Pool one image x (h, w, c) into lines first to last - 1 of y and argmax (out_h, out_w, c)."""
    height, width, channels = ints[geometry], ints[geometry + 1], ints[geometry + 2]
    out_width = ints[geometry + 4]
    taps_down, taps_across = ints[geometry + 5], ints[geometry + 6]
    down, across = ints[geometry + 7], ints[geometry + 8]
    pad_top, pad_left = ints[geometry + 9], ints[geometry + 10]
    if is_quarter(ints, geometry):
        pool_quarter(memory, x, y, argmax, width, channels, first_row, last_row, out_width)
        return
    width_of_vector = lanes(memory)
    lowest = splat(memory, -math.inf)
    for i in range(first_row, last_row):
        top = i * down - pad_top
        for j in range(out_width):
            left = j * across - pad_left
            pixel = (i * out_width + j) * channels
            first = max(-top, 0) * taps_across + max(-left, 0)  # the first tap inside wins where all are -inf
            for c in range(0, channels, width_of_vector):
                count = channels - c
                best, winner = lowest, splat(memory, first)
                for p in range(max(-top, 0), min(taps_down, height - top)):
                    for q in range(max(-left, 0), min(taps_across, width - left)):
                        value = load(memory, x + ((top + p) * width + left + q) * channels + c, count)
                        winner = if_beats(value, best, splat(memory, p * taps_across + q), winner)
                        best = if_beats(value, best, value, best)
                store(memory, y + pixel + c, best, count)
                store(memory, argmax + pixel + c, winner, count)


@njit
def unpool_image(memory, ints, geometry, dy, argmax, y, masked, dx, dx_width):
    """Add each dy (out_h, out_w, c) to the pixel of dx, zero and of lines `dx_width` long, that won its window.

    `masked` drops those where y, the pooled output of a ReLU, is zero.
    """
    height, width, channels = ints[geometry], ints[geometry + 1], ints[geometry + 2]
    out_height, out_width = ints[geometry + 3], ints[geometry + 4]
    taps_down, taps_across = ints[geometry + 5], ints[geometry + 6]
    down, across = ints[geometry + 7], ints[geometry + 8]
    pad_top, pad_left = ints[geometry + 9], ints[geometry + 10]
    if is_quarter(ints, geometry):
        unpool_quarter(memory, dy, argmax, y, masked, dx, dx_width, height, width, channels)
        return
    width_of_vector = lanes(memory)
    for i in range(out_height):
        top = i * down - pad_top
        for j in range(out_width):
            left = j * across - pad_left
            pixel = (i * out_width + j) * channels
            for c in range(0, channels, width_of_vector):
                count = channels - c
                slope = load(memory, dy + pixel + c, count)
                if masked:
                    slope = where_positive(load(memory, y + pixel + c, count), slope)
                winner = load(memory, argmax + pixel + c, count)
                for p in range(max(-top, 0), min(taps_down, height - top)):
                    for q in range(max(-left, 0), min(taps_across, width - left)):
                        target = dx + ((top + p) * dx_width + left + q) * channels + c
                        part = where_equal(winner, splat(memory, p * taps_across + q), slope)
                        store(memory, target, add(load(memory, target, count), part), count)


def pool_geometry(size: Pair, channels: int, pool_size: Pair, stride: Pair, padding: Border) -> list[int]:
    """The integers that the kernels read: h, w, c, out_h, out_w, taps, strides, padding at the top and left."""
    out = [(s + sum(p) - k) // d + 1 for s, p, k, d in zip(size, padding, pool_size, stride, strict=True)]
    return [*size, channels, *out, *pool_size, *stride, padding[0][0], padding[1][0]]


@Kernel
def _pool(memory, ints, job, task, own):
    x, y, argmax = ints[job], ints[job + 1], ints[job + 2]
    geometry = job + 3
    in_size = ints[geometry] * ints[geometry + 1] * ints[geometry + 2]
    out_size = ints[geometry + 3] * ints[geometry + 4] * ints[geometry + 2]
    place = task * out_size
    pool_rows(memory, ints, geometry, 0, ints[geometry + 3], x + task * in_size, y + place, argmax + place)


@Kernel
def _unpool(memory, ints, job, task, own):
    dy, argmax, dx = ints[job], ints[job + 1], ints[job + 2]
    geometry = job + 3
    in_size = ints[geometry] * ints[geometry + 1] * ints[geometry + 2]
    out_size = ints[geometry + 3] * ints[geometry + 4] * ints[geometry + 2]
    dy, argmax = dy + task * out_size, argmax + task * out_size
    if not is_quarter(ints, geometry):
        clear(memory, dx + task * in_size, in_size)
    unpool_image(memory, ints, geometry, dy, argmax, dy, 0, dx + task * in_size, ints[geometry + 1])


def pooled(x: Array, pool_size: Pair, stride: Pair, padding: Border) -> tuple[Array, Array, Job]:
    """(y, argmax, job) of `max_pool2d`."""
    n, c, height, width = x.shape
    geometry = pool_geometry((height, width), c, pool_size, stride, padding)
    y = empty((n, geometry[3], geometry[4], c), x.dtype)
    argmax = empty_like(y)
    work = 8 * y.size * pool_size[0] * pool_size[1]
    job = Job(_pool, [block(x), y, argmax, *geometry], n, work)
    return y.transpose(0, 3, 1, 2), argmax.transpose(0, 3, 1, 2), job


@Repeatable
def max_pool2d(x: Array, *, pool_size: Pair, stride: Pair, padding: Border) -> tuple[tuple[Array, Array], list[Job]]:
    """(y, argmax): argmax, the winning tap of each window, is what backward needs and all that it needs."""
    y, argmax, job = pooled(x, pool_size, stride, padding)
    return (y, argmax), [job]


def unpooled(dy: Array, argmax: Array, size: Pair, pool_size: Pair, stride: Pair, padding: Border) -> tuple[Array, Job]:
    """(dx, job) of `max_pool2d_backward`."""
    n, c, _, _ = dy.shape
    dx = empty((n, *size, c), dy.dtype)
    geometry = pool_geometry(size, c, pool_size, stride, padding)
    work = 8 * dy.size * pool_size[0] * pool_size[1]
    return dx.transpose(0, 3, 1, 2), Job(_unpool, [block(dy), block(argmax), dx, *geometry], n, work)


@Repeatable
def max_pool2d_backward(
    dy: Array, argmax: Array, *, size: Pair, pool_size: Pair, stride: Pair, padding: Border
) -> tuple[Array, list[Job]]:
    """Each window hands dy to the tap that won it."""
    dx, job = unpooled(dy, argmax, size, pool_size, stride, padding)
    return dx, [job]
