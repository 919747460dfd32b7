"""Convolution by an im2col that is never built: the matrix product reads the image through tables of offsets.

For a zero-padded channels-last image, im2col[m, k] = image[row[m] + column[k]]: the offset of output pixel m plus the
offset of filter tap k. The same product, with other tables, gives the weights' gradient (rows are taps, the sum is over
pixels) and the input's (a convolution of the padded dy with the flipped filters; for a stride of s, one for each of the
s x s phases of the input's pixels, which different taps reach).
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from minidl.backends.compiled.jit import Kernel, njit
from minidl.backends.compiled.launch import PARTS, at, block, dense, run, scratch, workers_for
from minidl.backends.compiled.plan import Plan, plan
from minidl.backends.compiled.pool import pool_geometry, pool_image, unpool_image
from minidl.backends.compiled.product import multiply
from minidl.backends.compiled.simd import add, clear, copy, lanes, load, store, where_positive
from minidl.typing import Array

Pair = tuple[int, int]
Sides = tuple[Pair, Pair]


@njit
def _pad(memory, image, height, width, channels, top, left, padded_width, padded_size, target):
    """Copy an image (h, w, c) into a border of zeros."""
    clear(memory, target, padded_size)
    line = width * channels
    for i in range(height):
        copy(memory, target + ((top + i) * padded_width + left) * channels, image + i * line, line)


@Kernel
def _forward(memory, ints, job, task, worker):
    """Convolve image `task`, add the bias, apply ReLU if `floor` is zero, and pool if there is an argmax to keep."""
    x, weights, bias, y = ints[job], ints[job + 1], ints[job + 2], ints[job + 3]
    has_floor, groups, channels, filters = ints[job + 4], ints[job + 5], ints[job + 6], ints[job + 7]
    rows, row, depth, table = ints[job + 8], ints[job + 9], ints[job + 10], ints[job + 11]
    height, width, top, left = ints[job + 12], ints[job + 13], ints[job + 14], ints[job + 15]
    padded_width, padded_size = ints[job + 16], ints[job + 17]
    own = ints[job + 18] + worker * ints[job + 19]
    pooled, argmax = ints[job + 20], ints[job + 21]
    geometry = job + 22

    image = x + task * height * width * channels
    if padded_size:
        _pad(memory, image, height, width, channels, top, left, padded_width, padded_size, own)
        image = own
    target = own + padded_size if pooled else y + task * rows * filters
    floor = 0.0 if has_floor else -math.inf
    for g in range(groups):
        first, columns = g * (filters // groups), filters // groups
        a = image + g * (channels // groups)
        start = bias + first
        multiply(
            memory, ints, rows, row, depth, table, columns, a, weights + first, target + first, filters, start, 0, floor
        )
    if pooled:
        step = task * ints[geometry + 3] * ints[geometry + 4] * filters
        pool_image(memory, ints, geometry, target, pooled + step, argmax + step)


@njit
def _sum_lines(memory, source, line, height, width, channels, total):
    """Add the pixels of an image of lines `line` apart to total (c,), one after the other."""
    for c in range(0, channels, lanes(memory)):
        count = channels - c
        value = load(memory, total + c, count)
        for i in range(height):
            for j in range(width):
                value = add(value, load(memory, source + i * line + j * channels + c, count))
        store(memory, total + c, value, count)


@njit
def _copy_positive(memory, target, dy, y, count):
    """Copy those of dy whose y, the output of a ReLU, isn't zero."""
    for i in range(0, count, lanes(memory)):
        value = where_positive(load(memory, y + i, count - i), load(memory, dy + i, count - i))
        store(memory, target + i, value, count - i)


@Kernel
def _backward(memory, ints, job, task, worker):
    """For part `task` of the batch: sum the weights' and the bias's gradients, and give the input's."""
    x, dy, dx, dw, db = ints[job], ints[job + 1], ints[job + 2], ints[job + 3], ints[job + 4]
    flipped, zeros = ints[job + 5], ints[job + 6]
    groups, channels, filters = ints[job + 7], ints[job + 8], ints[job + 9]
    taps, tap_row, pixels, table = ints[job + 10], ints[job + 11], ints[job + 12], ints[job + 13]
    height, width, top, left = ints[job + 14], ints[job + 15], ints[job + 16], ints[job + 17]
    padded_width, padded_size = ints[job + 18], ints[job + 19]
    own = ints[job + 20] + worker * ints[job + 21]
    images, parts = ints[job + 22], ints[job + 23]
    out_height, out_width = ints[job + 24], ints[job + 25]
    slope_width, slope_origin, slope_size = ints[job + 26], ints[job + 27], ints[job + 28]
    phases, n_phases = ints[job + 29], ints[job + 30]
    pooled, argmax, masked = ints[job + 31], ints[job + 32], ints[job + 33]
    geometry = job + 34

    group_channels, group_filters = channels // groups, filters // groups
    dw, db = dw + task * taps * filters, db + task * filters
    clear(memory, dw, taps * filters)
    clear(memory, db, filters)
    for n in range(task * images // parts, (task + 1) * images // parts):
        image = x + n * height * width * channels
        if padded_size:
            _pad(memory, image, height, width, channels, top, left, padded_width, padded_size, own)
            image = own
        slopes = dy + n * out_height * out_width * filters
        if slope_size:
            slopes = own + padded_size
            if argmax:
                clear(memory, slopes, slope_size)
                step = n * ints[geometry + 3] * ints[geometry + 4] * filters
                target = slopes + slope_origin
                unpool_image(
                    memory, ints, geometry, dy + step, argmax + step, pooled + step, masked, target, slope_width
                )
            else:
                line = out_width * filters
                source = n * out_height * line
                clear(memory, slopes, slope_size)
                for i in range(out_height):
                    target = slopes + slope_origin + i * slope_width * filters
                    if masked:
                        _copy_positive(memory, target, dy + source + i * line, pooled + source + i * line, line)
                    else:
                        copy(memory, target, dy + source + i * line, line)
        _sum_lines(memory, slopes + slope_origin, slope_width * filters, out_height, out_width, filters, db)
        for g in range(groups):
            first = g * group_filters
            c = dw + first
            multiply(
                memory,
                ints,
                taps,
                tap_row,
                pixels,
                table,
                group_filters,
                image + g * group_channels,
                slopes + first,
                c,
                filters,
                c,
                filters,
                -math.inf,
            )
        if dx:
            for e in range(n_phases):
                phase = phases + 6 * e
                for g in range(groups):
                    multiply(
                        memory,
                        ints,
                        ints[phase],
                        ints[phase + 1],
                        ints[phase + 2],
                        ints[phase + 3],
                        group_channels,
                        slopes + g * group_filters,
                        flipped + g * taps * group_filters,
                        dx + n * height * width * channels + ints[phase + 4] + g * group_channels,
                        ints[phase + 5],
                        zeros,
                        0,
                        -math.inf,
                    )


def _bias(b: Array | None, filters: int, dtype: Any) -> Array:
    return np.zeros(filters, dtype) if b is None else dense(b)


def _forward_job(
    x: Array, w: Array, b: Array | None, plan: Plan, groups: int, relu: bool, pool: list[int] | None
) -> tuple[Array, Array | None]:
    """(y, argmax) as blocks: of the convolution, with ReLU and pooling if wanted; argmax is None without pooling."""
    n, channels, height, width = x.shape
    filters, pixels = w.shape[0], plan.pixels.size
    source, bias = block(x), _bias(b, filters, x.dtype)
    weights = np.ascontiguousarray(w.transpose(2, 3, 1, 0))
    pads = plan.padded != (height, width)
    padded_size = plan.padded[0] * plan.padded[1] * channels if pads else 0
    shape = (n, *plan.out, filters) if pool is None else (n, pool[3], pool[4], filters)
    y = np.empty(shape, x.dtype)
    argmax = None if pool is None else np.empty_like(y)
    workers = workers_for(n, n * pixels * plan.taps.size * filters // groups)
    own = padded_size + (pixels * filters if pool else 0)
    job = [
        *(at(source), at(weights), at(bias), at(y), int(relu), groups, channels, filters),
        *(pixels, at(plan.pixels), plan.taps.size, at(plan.forward)),
        *(height, width, plan.padding[0][0], plan.padding[1][0], plan.padded[1], padded_size),
        *(scratch(x.dtype, own * workers) if own else 0, own),
        *(at(y) if pool else 0, 0 if argmax is None else at(argmax), *(pool or ())),
    ]
    run(_forward, x.dtype, job, n, workers=workers)
    return y, argmax


def _backward_job(
    dy: Array,
    x: Array,
    w: Array,
    plan: Plan,
    groups: int,
    need_dx: bool,
    y: Array | None = None,
    argmax: Array | None = None,
    geometry: Sequence[int] = (),
) -> tuple[Array | None, Array, Array]:
    """(dx, dw, db); with y, its output, through a ReLU, and with argmax through a pooling of this geometry."""
    n, channels, height, width = x.shape
    filters, group_channels, kh, kw = w.shape
    group_filters, taps = filters // groups, plan.taps.size
    source, slopes = block(x), block(dy)
    dx = np.empty((n, height, width, channels), x.dtype) if need_dx else None
    parts = min(n, PARTS)
    dw, db = np.empty((parts, taps, filters), x.dtype), np.empty((parts, filters), x.dtype)
    flipped = w.reshape(groups, group_filters, group_channels, kh, kw).transpose(0, 3, 4, 1, 2)
    flipped = np.ascontiguousarray(flipped) if need_dx else None
    zeros = np.zeros(group_channels, x.dtype)
    pads = plan.padded != (height, width)
    padded_size = plan.padded[0] * plan.padded[1] * channels if pads else 0
    bordered = y is not None or (need_dx and plan.slopes != plan.out)
    slope_size = plan.slopes[0] * plan.slopes[1] * filters if bordered else 0
    workers = workers_for(parts, n * plan.pixels.size * taps * group_filters)
    own = padded_size + slope_size
    output = None if y is None else block(y)
    winners = None if argmax is None else block(argmax)
    job = [
        *(at(source), at(slopes), 0 if dx is None else at(dx), at(dw), at(db)),
        *(0 if flipped is None else at(flipped), at(zeros), groups, channels, filters),
        *(taps, at(plan.taps), plan.pixels.size, at(plan.weights if bordered else plan.weights_unpadded)),
        *(height, width, plan.padding[0][0], plan.padding[1][0], plan.padded[1], padded_size),
        *(scratch(x.dtype, own * workers) if own else 0, own, n, parts, *plan.out),
        *((plan.slopes[1], plan.slope_origin) if bordered else (plan.out[1], 0)),
        *(slope_size, at(plan.phases), len(plan.phases)),
        *(0 if output is None else at(output), 0 if winners is None else at(winners), int(y is not None)),
        *geometry,
    ]
    run(_backward, x.dtype, job, parts, workers=workers)
    dw = dw.sum(axis=0).reshape(kh, kw, group_channels, filters).transpose(3, 2, 0, 1)
    return None if dx is None else dx.transpose(0, 3, 1, 2), dw, db.sum(axis=0)


def _plan(x: Array, w: Array, stride: Pair, padding: Sides, dilation: Pair, groups: int) -> Plan:
    return plan((x.shape[2], x.shape[3]), x.shape[1], w.shape[0], w.shape[2:], stride, padding, dilation, groups)


def conv2d(
    x: Array, w: Array, b: Array | None, *, stride: Pair, padding: Sides, dilation: Pair, groups: int
) -> Array:
    """The patches, which are never copied out, times the filters."""
    y, _ = _forward_job(x, w, b, _plan(x, w, stride, padding, dilation, groups), groups, False, None)
    return y.transpose(0, 3, 1, 2)


def conv2d_backward(
    dy: Array, x: Array, w: Array, *, stride: Pair, padding: Sides, dilation: Pair, groups: int, need_dx: bool = True
) -> tuple[Array | None, Array, Array]:
    """Image by image, so that the padded image and dy stay in the cache for both gradients."""
    return _backward_job(dy, x, w, _plan(x, w, stride, padding, dilation, groups), groups, need_dx)


def conv2d_relu(
    x: Array,
    w: Array,
    b: Array | None,
    *,
    stride: Pair,
    padding: Sides,
    dilation: Pair,
    groups: int,
    pool: tuple[Pair, Pair, Sides] | None,
) -> tuple[Array, Array | None]:
    """(y, argmax) of convolution, ReLU and, with a pool (its size, stride and padding), max-pooling, in one pass."""
    kernel = _plan(x, w, stride, padding, dilation, groups)
    geometry = None if pool is None else pool_geometry(kernel.out, w.shape[0], *pool)
    y, argmax = _forward_job(x, w, b, kernel, groups, True, geometry)
    return y.transpose(0, 3, 1, 2), None if argmax is None else argmax.transpose(0, 3, 1, 2)


def conv2d_relu_backward(
    dy: Array,
    x: Array,
    w: Array,
    y: Array,
    argmax: Array | None,
    *,
    stride: Pair,
    padding: Sides,
    dilation: Pair,
    groups: int,
    pool: tuple[Pair, Pair, Sides] | None,
    need_dx: bool = True,
) -> tuple[Array | None, Array, Array]:
    """Image by image: dy scattered into a padded image that stays in the cache, then both gradients from it."""
    kernel = _plan(x, w, stride, padding, dilation, groups)
    geometry = () if pool is None else pool_geometry(kernel.out, w.shape[0], *pool)
    return _backward_job(dy, x, w, kernel, groups, need_dx, y, argmax, geometry)
