"""The gradients of the weights of a convolution of images with one channel and few filters, with taps in the lanes.

The lines that a line of windows reaches over are woven into one, pixel by pixel from top to bottom. In it the pixels
under a window lie side by side, so the patches need not be copied: each starts a few floats after the one before it.
A filter's gradient is then a sum, over pixels, of patches times numbers of dy, in the order that `conv_backward` adds
them, to the same bits.
"""

import functools
from enum import IntEnum, auto
from typing import Any

import numpy as np

from minidl.backends.compiled.activation.softmax import prepare_relu_backward
from minidl.backends.compiled.codegen.cpu import REGISTER_BYTES
from minidl.backends.compiled.codegen.interleave import interleave
from minidl.backends.compiled.codegen.jit import Kernel, njit
from minidl.backends.compiled.codegen.lanewise import interleave_high, interleave_low, relu_grad, where_equal
from minidl.backends.compiled.codegen.load_store import clear, lanes, load, splat, store
from minidl.backends.compiled.conv.im2col.input_gradient import copy_positive, sum_lines
from minidl.backends.compiled.conv.plan import Plan
from minidl.backends.compiled.conv.planar.forward import fill_plane, is_window
from minidl.backends.compiled.conv.planar.tile import MOST_ROWS, MOST_TAPS, tap_tile
from minidl.backends.compiled.pool.max import prepare_max_pool_backward
from minidl.backends.compiled.runtime import program
from minidl.backends.compiled.runtime.memory import as_nhwc, empty
from minidl.backends.compiled.runtime.program import PARTS, pack
from minidl.backends.operators import Pool
from minidl.typing import Array


class Job(IntEnum):
    """The places of the kernel's integers."""

    x = 0
    dy = auto()
    dw = auto()  # (parts, kh kw, out)
    db = auto()
    y = auto()  # of the ReLU after the convolution; 0 without
    argmax = auto()  # of the pooling after that, with windows of 2 x 2; 0 without
    images = auto()
    parts = auto()
    filters = auto()  # from here on, the same in every job of a plan
    height = auto()
    width = auto()
    top = auto()
    left = auto()
    padded_height = auto()
    padded_width = auto()
    out_height = auto()
    out_width = auto()
    kernel_height = auto()
    kernel_width = auto()
    stride_down = auto()
    dilation_down = auto()
    lines = auto()  # of the output, woven at a time
    table = auto()  # where patches begin in them
    row = auto()  # floats of a filter's sums
    padded = auto()  # floats of parts of a thread's own memory
    woven = auto()
    slopes = auto()


@njit
def _unpool_windows(memory, dy, y, argmax, masked, filters, height, width, line, dx):
    """Write windows of 2 x 2, of dy (h, w, c) where it won and zeros elsewhere, to lines that are `line` apart.

    `masked` drops those where y, the pooled output of a ReLU, is zero.
    """
    for i in range(height):
        if filters == 1:
            for j in range(0, width, lanes(memory)):
                place, count = i * width + j, width - j
                slope, winner = load(memory, dy + place, count), load(memory, argmax + place, count)
                if masked:
                    slope = relu_grad(load(memory, y + place, count), slope)
                for u in range(2):
                    left = where_equal(winner, splat(memory, 2 * u), slope)
                    right = where_equal(winner, splat(memory, 2 * u + 1), slope)
                    target = dx + (2 * i + u) * line + 2 * j
                    store(memory, target, interleave_low(left, right), 2 * count)
                    store(memory, target + lanes(memory), interleave_high(left, right), 2 * count - lanes(memory))
        else:
            for c in range(0, filters, lanes(memory)):
                count = filters - c
                for j in range(width):
                    place, target = (i * width + j) * filters + c, dx + 2 * i * line + 2 * j * filters + c
                    slope, winner = load(memory, dy + place, count), load(memory, argmax + place, count)
                    if masked:
                        slope = relu_grad(load(memory, y + place, count), slope)
                    for u in range(2):
                        for v in range(2):
                            part = where_equal(winner, splat(memory, 2 * u + v), slope)
                            store(memory, target + u * line + v * filters, part, count)


@njit
def _slopes(memory, ints, job, n, target):
    """Image n's dy, back through pooling and ReLU: where it lies, or at `target`."""
    dy, y, argmax, filters = ints[job + Job.dy], ints[job + Job.y], ints[job + Job.argmax], ints[job + Job.filters]
    height, width = ints[job + Job.out_height], ints[job + Job.out_width]
    size = height * width * filters
    if argmax:
        step = n * (height // 2) * (width // 2) * filters
        if height % 2 or width % 2:
            clear(memory, target, size)
        _unpool_windows(
            *(memory, dy + step, y + step, argmax + step, y != 0, filters, height // 2, width // 2),
            *(width * filters, target),
        )
    elif y:
        copy_positive(memory, target, dy + n * size, y + n * size, size)
    else:
        return dy + n * size
    return target


@njit
def _pad(memory, ints, job, n, target):
    """Write image n to its border of zeros."""
    height, width, top = ints[job + Job.height], ints[job + Job.width], ints[job + Job.top]
    padded_width = ints[job + Job.padded_width]
    image = ints[job + Job.x] + n * height * width
    inside, after = target + top * padded_width, (top + height) * padded_width
    fill_plane(memory, image, width, width, ints[job + Job.left], 1, 0, padded_width, height, inside)
    clear(memory, target, top * padded_width)
    clear(memory, target + after, ints[job + Job.padded_height] * padded_width - after)


@njit
def _add_patches(memory, ints, job, pixels, slopes, woven, sums):
    """Add patches times dy to each filter's sums (kw, kh)."""
    filters, row, table = ints[job + Job.filters], ints[job + Job.row], ints[job + Job.table]
    taps = ints[job + Job.kernel_height] * ints[job + Job.kernel_width]
    vectors = (taps + lanes(memory) - 1) // lanes(memory)
    tiles, k = (filters + MOST_ROWS - 1) // MOST_ROWS, 0
    for i in range(tiles):
        rows = (filters - k + tiles - i - 1) // (tiles - i)
        for v in range(0, vectors, MOST_TAPS):
            j = v * lanes(memory)
            tap_tile(
                *(memory, ints, rows, min(vectors - v, MOST_TAPS), pixels, slopes + k, filters),
                *(table, woven + j, sums + k * row + j, row),
            )
        k += rows


@Kernel
def _backward(memory, ints, job, task, own):
    """For part `task` of the batch: sum the weights' and the bias's gradients."""
    filters, row = ints[job + Job.filters], ints[job + Job.row]
    out_height, out_width = ints[job + Job.out_height], ints[job + Job.out_width]
    kernel_height, kernel_width = ints[job + Job.kernel_height], ints[job + Job.kernel_width]
    padded_width, lines = ints[job + Job.padded_width], ints[job + Job.lines]
    images, parts = ints[job + Job.images], ints[job + Job.parts]
    db = ints[job + Job.db] + task * filters
    sums = own
    padded = sums + filters * row
    woven = padded + ints[job + Job.padded]
    spread = woven + ints[job + Job.woven]
    buffer = spread + ints[job + Job.slopes]
    step, apart = ints[job + Job.stride_down] * padded_width, ints[job + Job.dilation_down] * padded_width
    clear(memory, sums, filters * row)
    clear(memory, db, filters)
    for n in range(task * images // parts, (task + 1) * images // parts):
        _pad(memory, ints, job, n, padded)
        slopes = _slopes(memory, ints, job, n, spread)
        sum_lines(memory, slopes, out_width * filters, out_height, out_width, filters, db)
        for i in range(0, out_height, lines):
            count = min(lines, out_height - i)
            interleave(memory, kernel_height, padded + i * step, apart, step, woven, padded_width, count, buffer)
            _add_patches(memory, ints, job, count * out_width, slopes + i * out_width * filters, woven, sums)
    target = ints[job + Job.dw] + task * kernel_height * kernel_width * filters
    for p in range(kernel_height):
        for q in range(kernel_width):
            for k in range(filters):
                memory[target] = memory[sums + k * row + q * kernel_height + p]
                target += 1


WOVEN = 1 << 13
"""Floats that woven lines may take: with dy beside them, they stay in the first-level cache."""

_LANES = REGISTER_BYTES // 4


@functools.lru_cache(maxsize=512)
def _fixed(tables: Plan) -> tuple[tuple[Any, ...], int]:
    """The arguments that a plan's jobs have in common, and the floats that a thread needs for itself."""
    kh, kw = tables.kernel
    height, width = tables.padded
    lines = min(max(WOVEN // (kh * width), 1), tables.out[0])
    down, across = np.arange(lines) * width * kh, np.arange(tables.out[1]) * tables.stride[1] * kh
    table = np.ascontiguousarray((down[:, None] + across).reshape(-1))
    row = -(-kh * kw // _LANES) * _LANES
    padded, woven = height * width + _LANES, lines * width * kh + row
    slopes = tables.pixels.size * tables.filters
    fixed = (
        *(tables.filters, *tables.size, tables.padding[0][0], tables.padding[1][0], *tables.padded, *tables.out),
        *(kh, kw, tables.stride[0], tables.dilation[0], lines, table, row, padded, woven, slopes),
    )
    return fixed, tables.filters * row + padded + woven + slopes + kh * (width + _LANES)


def backward(
    dy: Array, x: Array, tables: Plan, y: Array | None, argmax: Array | None, pool: Pool | None
) -> tuple[Array, Array, list[program.Job]]:
    """(parts of dw (parts, kh kw, out), parts of db (parts, out), jobs)."""
    n, filters = len(x), tables.filters
    parts = min(n, PARTS)
    jobs = []
    if pool is not None and argmax is not None and not is_window(pool):
        if y is not None:
            dy, job = prepare_relu_backward(dy, y)
            jobs.append(job)
        dy, job = prepare_max_pool_backward(dy, argmax, tables.out, pool)
        jobs.append(job)
        y = argmax = None
    dw, db = empty((parts, tables.taps.size, filters), x.dtype), empty((parts, filters), x.dtype)
    fixed, floats = _fixed(tables)
    arguments = pack(
        Job,
        fixed,
        x=as_nhwc(x),
        dy=as_nhwc(dy),
        dw=dw,
        db=db,
        y=None if y is None else as_nhwc(y),
        argmax=None if argmax is None else as_nhwc(argmax),
        images=n,
        parts=parts,
    )
    jobs.append(program.Job(_backward, arguments, parts, n * tables.macs, floats))
    return dw, db, jobs
