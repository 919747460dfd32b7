"""Max-pooling: vectors over the channels, with the winning tap kept as a float in the lane of its value."""

import math
from typing import NamedTuple

from minidl.backends.compiled.codegen.jit import inlined, kernel, njit
from minidl.backends.compiled.codegen.lanewise import add, relu_grad, select_max, where_equal
from minidl.backends.compiled.codegen.load_store import clear, lanes, load, splat, store
from minidl.backends.compiled.graph.lowered import Lowered, Table, through
from minidl.backends.compiled.pool.max_2x2 import is_max_2x2, pool_2x2, unpool_2x2
from minidl.backends.compiled.runtime.memory import as_nhwc, empty, empty_like, spaced
from minidl.backends.compiled.runtime.program import Job
from minidl.backends.compiled.runtime.replay import Replay
from minidl.description.operators import MaxPool
from minidl.typing import Array, Pair

__all__ = ["max_pool2d", "max_pool2d_backward"]


class PoolWindows(NamedTuple):
    """Where the windows of a pooling lie in images (h, w, c)."""

    height: int
    width: int
    channels: int
    out_height: int
    out_width: int
    taps_down: int
    taps_across: int
    stride_down: int
    stride_across: int
    down: int  # of the dilation: pixels from a tap to the next
    across: int
    top: int  # of the padding
    left: int
    x_step: int  # floats from a pixel to the next
    y_step: int


NO_WINDOWS = PoolWindows(*[0] * 15)
"""In the record of a job without pooling."""


@inlined
def _taps_inside(start, taps, step, size):
    """(first, one beyond the last) of the taps that lie in an image, of a window that begins at `start`."""
    if step == 1:  # the usual case, without divisions
        return max(-start, 0), min(taps, size - start)
    return (max(-start, 0) + step - 1) // step, min(taps, (size - start + step - 1) // step)


@njit
def pool_rows(memory, windows, first_row, last_row, x, y, argmax):
    """MaxPool one image x (h, w, c) into rows first to last - 1 of y and argmax (out_h, out_w, c)."""
    height, width, channels, out_width = windows.height, windows.width, windows.channels, windows.out_width
    down, across = windows.down, windows.across
    if is_max_2x2(windows):
        pool_2x2(memory, x, y, argmax, windows, first_row, last_row)
        return
    width_of_vector = lanes(memory)
    lowest = splat(memory, -math.inf)
    for i in range(first_row, last_row):
        top = i * windows.stride_down - windows.top
        first_p, last_p = _taps_inside(top, windows.taps_down, down, height)
        for j in range(out_width):
            left = j * windows.stride_across - windows.left
            first_q, last_q = _taps_inside(left, windows.taps_across, across, width)
            pixel, place = (i * out_width + j) * channels, (i * out_width + j) * windows.y_step
            first = first_p * windows.taps_across + first_q  # the first tap inside wins where all are -inf
            for c in range(0, channels, width_of_vector):
                count = channels - c
                best, winner = lowest, splat(memory, first)
                for p in range(first_p, last_p):
                    row = (top + p * down) * width + left
                    for q in range(first_q, last_q):
                        value = load(memory, x + (row + q * across) * windows.x_step + c, count)
                        winner = select_max(value, best, splat(memory, p * windows.taps_across + q), winner)
                        best = select_max(value, best, value, best)
                store(memory, y + place + c, best, count)
                store(memory, argmax + pixel + c, winner, count)


@njit
def unpool_image(memory, windows, dy, argmax, y, masked, dx, dx_width):
    """Add each dy (out_h, out_w, c) to the pixel of dx, zero and with rows of `dx_width` pixels, that won its window.

    `masked` drops those where y, the pooled output of a ReLU, is zero.
    """
    height, width, channels = windows.height, windows.width, windows.channels
    out_height, out_width = windows.out_height, windows.out_width
    down, across = windows.down, windows.across
    if is_max_2x2(windows):
        unpool_2x2(memory, dy, windows.y_step, argmax, y, masked, dx, dx_width, height, width, channels)
        return
    width_of_vector = lanes(memory)
    for i in range(out_height):
        top = i * windows.stride_down - windows.top
        first_p, last_p = _taps_inside(top, windows.taps_down, down, height)
        for j in range(out_width):
            left = j * windows.stride_across - windows.left
            first_q, last_q = _taps_inside(left, windows.taps_across, across, width)
            pixel, place = (i * out_width + j) * channels, (i * out_width + j) * windows.y_step
            for c in range(0, channels, width_of_vector):
                count = channels - c
                grad = load(memory, dy + place + c, count)
                if masked:
                    grad = relu_grad(load(memory, y + pixel + c, count), grad)
                winner = load(memory, argmax + pixel + c, count)
                for p in range(first_p, last_p):
                    row = (top + p * down) * dx_width + left
                    for q in range(first_q, last_q):
                        target = dx + (row + q * across) * channels + c
                        part = where_equal(winner, splat(memory, p * windows.taps_across + q), grad)
                        store(memory, target, add(load(memory, target, count), part), count)


def pool_windows(
    size: Pair, channels: int, pool: MaxPool, x_step: int | None = None, y_step: int | None = None
) -> PoolWindows:
    """The windows of a pooling over images of this size, whose pixels may lie in larger ones."""
    pool_size, stride, padding, dilation = pool
    axes = zip(size, padding, pool_size, stride, dilation, strict=True)
    out = [(s + sum(p) - (d * (k - 1) + 1)) // step + 1 for s, p, k, step, d in axes]
    corner, steps = (padding[0][0], padding[1][0]), (x_step or channels, y_step or channels)
    return PoolWindows(*size, channels, out[0], out[1], *pool_size, *stride, *dilation, *corner, *steps)


class _Pool(NamedTuple):
    x: Array  # dx and dy backward
    y: Array
    argmax: Array  # the winning tap of each window
    windows: PoolWindows


@kernel(_Pool)
def _pool(memory, ints, job, task, scratch):
    windows = job.windows
    pixel = task * windows.out_height * windows.out_width
    x = job.x + task * windows.height * windows.width * windows.x_step
    y, argmax = job.y + pixel * windows.y_step, job.argmax + pixel * windows.channels
    pool_rows(memory, windows, 0, windows.out_height, x, y, argmax)


@kernel(_Pool)
def _pool_backward(memory, ints, job, task, scratch):
    windows = job.windows
    in_size = windows.height * windows.width * windows.channels
    pixel = task * windows.out_height * windows.out_width
    dy, argmax, dx = job.y + pixel * windows.y_step, job.argmax + pixel * windows.channels, job.x + task * in_size
    if not is_max_2x2(windows):
        clear(memory, dx, in_size)
    unpool_image(memory, windows, dy, argmax, argmax, 0, dx, windows.width)


@Replay
def max_pool2d(x: Array, *, pool: MaxPool) -> tuple[tuple[Array, Array], list[Job]]:
    """(y, argmax): argmax, the winning tap of each window, is what backward needs and all that it needs."""
    return _prepare(x, pool)


def _prepare(x: Array, pool: MaxPool, into: Array | None = None) -> tuple[tuple[Array, Array], list[Job]]:
    """Of `max_pool2d`, perhaps written `into` channels of a block."""
    (images, step), (n, c, height, width) = spaced(x), x.shape
    windows = pool_windows((height, width), c, pool, step)
    size = n, windows.out_height, windows.out_width, c
    argmax = empty(size, x.dtype)
    y, y_step = (empty_like(argmax), c) if into is None else spaced(into)
    record = _Pool(images, y, argmax, windows._replace(y_step=y_step))
    job = Job(_pool, record, n, 8 * y.size * windows.taps_down * windows.taps_across)
    return (y.transpose(0, 3, 1, 2), argmax.transpose(0, 3, 1, 2)), [job]


@Replay
def max_pool2d_backward(dy: Array, argmax: Array, *, size: Pair, pool: MaxPool) -> tuple[Array, list[Job]]:
    """Each window hands dy to the tap that won it."""
    n, c, _, _ = dy.shape
    dx = empty((n, *size, c), dy.dtype)
    grads, step = spaced(dy)
    windows = pool_windows(size, c, pool, y_step=step)
    record = _Pool(dx, grads, as_nhwc(argmax), windows)
    work = 8 * dy.size * windows.taps_down * windows.taps_across
    return dx.transpose(0, 3, 1, 2), [Job(_pool_backward, record, n, work)]


def lower_max_pool(operator: MaxPool, x: Array, *, into: Array | None = None) -> Lowered:
    """Max-pooling as an operator of a network."""
    (y, argmax), jobs = _prepare(x, operator, into)
    size = (x.shape[2], x.shape[3])
    return Lowered(y, jobs, through(lambda dy: max_pool2d_backward.prepare(dy, argmax, size=size, pool=operator)))


LOWER: Table = {MaxPool: lower_max_pool}
"""The operators of a network that are here."""
