"""The gradients of a convolution, image by image, so that the padded image and dy stay in the cache for both.

The weights' gradient is the product with rows of taps, summed over pixels. The input's is a convolution of the padded
dy with the flipped filters: for a stride of s, one for each of the s x s phases of the input's pixels, which different
taps reach. With few channels it is taken by columns instead: dy times the filters gives the gradient of each patch, and
those are added up where they overlap.
"""

import functools
import math
from collections.abc import Sequence
from enum import IntEnum, auto

import numpy as np

from minidl.backends.compiled import depthwise
from minidl.backends.compiled.activation import relu_backward
from minidl.backends.compiled.conv import tables_for
from minidl.backends.compiled.jit import Kernel, njit
from minidl.backends.compiled.launch import PARTS, pack, run, workers_for
from minidl.backends.compiled.memory import at, block, dense, empty, scratch
from minidl.backends.compiled.padding import pad_image
from minidl.backends.compiled.plan import Plan
from minidl.backends.compiled.pool import max_pool2d_backward, pool_geometry, unpool_image
from minidl.backends.compiled.product import multiply
from minidl.backends.compiled.simd import add, clear, copy, lanes, load, store, where_positive
from minidl.typing import Array

Pair = tuple[int, int]
Sides = tuple[Pair, Pair]


class Job(IntEnum):
    """The places of the kernel's integers; the pooling's geometry follows them."""

    x = 0
    dy = auto()
    dx = auto()  # 0 where it isn't needed
    dw = auto()  # (parts, kh kw in, out)
    db = auto()
    y = auto()  # of the ReLU after the convolution; 0 without
    argmax = auto()  # of the pooling after that; 0 without
    flipped = auto()
    zeros = auto()
    scratch = auto()
    scratch_size = auto()
    images = auto()
    parts = auto()
    table = auto()  # from here on, the same in every job of a plan whose slopes are, or aren't, spread
    slope_width = auto()
    slope_origin = auto()
    slope_size = auto()  # 0 where dy is read where it lies
    groups = auto()
    channels = auto()
    filters = auto()
    taps = auto()
    tap_offsets = auto()
    pixels = auto()
    height = auto()
    width = auto()
    top = auto()
    left = auto()
    padded_height = auto()
    padded_width = auto()
    padded_size = auto()  # 0 without padding
    out_height = auto()
    out_width = auto()
    phases = auto()
    n_phases = auto()
    by_columns = auto()
    slope_rows = auto()
    column_table = auto()
    kernel_height = auto()
    dilation_down = auto()
    stride_down = auto()
    stride_across = auto()


GEOMETRY = len(Job)


@njit
def _copy_positive(memory, target, dy, y, count):
    """Copy those of dy whose y, the output of a ReLU, isn't zero."""
    for i in range(0, count, lanes(memory)):
        value = where_positive(load(memory, y + i, count - i), load(memory, dy + i, count - i))
        store(memory, target + i, value, count - i)


@njit
def _add_to(memory, target, source, count):
    for i in range(0, count, lanes(memory)):
        left = count - i
        store(memory, target + i, add(load(memory, target + i, left), load(memory, source + i, left)), left)


@njit
def _sum_lines(memory, source, line, height, width, channels, total):
    """Add the pixels of an image of lines `line` apart to total (c,), line by line."""
    for c in range(0, channels, lanes(memory)):
        count = channels - c
        value = load(memory, total + c, count)
        for i in range(height):
            part = load(memory, source + i * line + c, count)
            for j in range(1, width):
                part = add(part, load(memory, source + i * line + j * channels + c, count))
            value = add(value, part)
        store(memory, total + c, value, count)


@njit
def _spread_slopes(memory, ints, job, n, target):
    """Write image n's dy, back through pooling and ReLU, into its border of zeros."""
    geometry = job + GEOMETRY
    dy, y, argmax, filters = ints[job + Job.dy], ints[job + Job.y], ints[job + Job.argmax], ints[job + Job.filters]
    clear(memory, target, ints[job + Job.slope_size])
    target += ints[job + Job.slope_origin]
    slope_width = ints[job + Job.slope_width]
    if argmax:
        step = n * ints[geometry + 3] * ints[geometry + 4] * filters
        unpool_image(memory, ints, geometry, dy + step, argmax + step, y + step, y != 0, target, slope_width)
        return
    out_height, line = ints[job + Job.out_height], ints[job + Job.out_width] * filters
    for i in range(out_height):
        source = (n * out_height + i) * line
        if y:
            _copy_positive(memory, target + i * slope_width * filters, dy + source, y + source, line)
        else:
            copy(memory, target + i * slope_width * filters, dy + source, line)


@njit
def _input_by_columns(memory, ints, job, slopes, patches, dx):
    """dy times the filters: the gradient of each patch (kh, kw, c), added line by line onto the pixels it came from."""
    channels, filters, taps, pixels = (
        ints[job + Job.channels],
        ints[job + Job.filters],
        ints[job + Job.taps],
        ints[job + Job.pixels],
    )
    height, width = ints[job + Job.height], ints[job + Job.width]
    padded_width, kernel_height = ints[job + Job.padded_width], ints[job + Job.kernel_height]
    zeros = ints[job + Job.zeros]
    multiply(
        memory,
        ints,
        pixels,
        ints[job + Job.slope_rows],
        filters,
        ints[job + Job.column_table],
        taps,
        slopes,
        ints[job + Job.flipped],
        patches,
        taps,
        zeros,
        0,
        -math.inf,
    )
    padded = patches + pixels * taps
    clear(memory, padded, ints[job + Job.padded_height] * padded_width * channels)
    run_length = taps // kernel_height
    for i in range(ints[job + Job.out_height]):
        for j in range(ints[job + Job.out_width]):
            for p in range(kernel_height):
                line = i * ints[job + Job.stride_down] + p * ints[job + Job.dilation_down]
                target = padded + (line * padded_width + j * ints[job + Job.stride_across]) * channels
                _add_to(memory, target, patches, run_length)
                patches += run_length
    for i in range(height):
        inside = padded + ((i + ints[job + Job.top]) * padded_width + ints[job + Job.left]) * channels
        copy(memory, dx + i * width * channels, inside, width * channels)


@njit
def _input_by_phases(memory, ints, job, slopes, dx):
    """The padded dy, convolved with the taps that reach each phase of the input's pixels."""
    groups, channels, filters = ints[job + Job.groups], ints[job + Job.channels], ints[job + Job.filters]
    group_channels, group_filters = channels // groups, filters // groups
    for e in range(ints[job + Job.n_phases]):
        phase = ints[job + Job.phases] + 6 * e
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
                ints[job + Job.flipped] + g * ints[job + Job.taps] * group_filters,
                dx + ints[phase + 4] + g * group_channels,
                ints[phase + 5],
                ints[job + Job.zeros],
                0,
                -math.inf,
            )


@Kernel
def _backward(memory, ints, job, task, worker):
    """For part `task` of the batch: sum the weights' and the bias's gradients, and give the input's."""
    groups, channels, filters = ints[job + Job.groups], ints[job + Job.channels], ints[job + Job.filters]
    height, width, taps = ints[job + Job.height], ints[job + Job.width], ints[job + Job.taps]
    out_height, out_width = ints[job + Job.out_height], ints[job + Job.out_width]
    padded_size, slope_size = ints[job + Job.padded_size], ints[job + Job.slope_size]
    images, parts, dx = ints[job + Job.images], ints[job + Job.parts], ints[job + Job.dx]
    own = ints[job + Job.scratch] + worker * ints[job + Job.scratch_size]

    group_filters = filters // groups
    dw, db = ints[job + Job.dw] + task * taps * filters, ints[job + Job.db] + task * filters
    clear(memory, dw, taps * filters)
    clear(memory, db, filters)
    for n in range(task * images // parts, (task + 1) * images // parts):
        image = ints[job + Job.x] + n * height * width * channels
        if padded_size:
            top, left, padded_width = ints[job + Job.top], ints[job + Job.left], ints[job + Job.padded_width]
            pad_image(memory, image, height, width, channels, top, left, padded_width, padded_size, own)
            image = own
        slopes = ints[job + Job.dy] + n * out_height * out_width * filters
        if slope_size:
            slopes = own + padded_size
            _spread_slopes(memory, ints, job, n, slopes)
        line = ints[job + Job.slope_width] * filters
        _sum_lines(memory, slopes + ints[job + Job.slope_origin], line, out_height, out_width, filters, db)
        for g in range(groups):
            c = dw + g * group_filters
            multiply(
                memory,
                ints,
                taps,
                ints[job + Job.tap_offsets],
                ints[job + Job.pixels],
                ints[job + Job.table],
                group_filters,
                image + g * (channels // groups),
                slopes + g * group_filters,
                c,
                filters,
                c,
                filters,
                -math.inf,
            )
        if dx:
            target = dx + n * height * width * channels
            if ints[job + Job.by_columns]:
                _input_by_columns(memory, ints, job, slopes, own + padded_size + slope_size, target)
            else:
                _input_by_phases(memory, ints, job, slopes, target)


@functools.lru_cache(maxsize=512)
def _fixed(tables: Plan, spread: bool) -> tuple[int, ...]:
    """The integers that a plan's jobs have in common, with dy spread into a border or read where it lies."""
    if spread:
        slopes = (tables.slopes[1], tables.slope_origin, tables.slopes[0] * tables.slopes[1] * tables.filters)
    else:
        slopes = (tables.out[1], 0, 0)
    return (
        *(at(tables.weights if spread else tables.weights_unpadded), *slopes),
        *(tables.groups, tables.channels, tables.filters),
        *(tables.taps.size, at(tables.taps), tables.pixels.size, *tables.size),
        *(tables.padding[0][0], tables.padding[1][0], *tables.padded, tables.padded_size, *tables.out),
        *(at(tables.phases), len(tables.phases)),
        *(int(tables.by_columns), at(tables.slope_rows), at(tables.columns)),
        *(tables.kernel[0], tables.dilation[0], *tables.stride),
    )


def _run_backward(
    dy: Array,
    x: Array,
    w: Array,
    tables: Plan,
    need_dx: bool,
    y: Array | None = None,
    argmax: Array | None = None,
    geometry: Sequence[int] = (),
) -> tuple[Array | None, Array, Array]:
    """(dx, dw, db); with y, its output, through a ReLU, and with argmax through a pooling of this geometry."""
    n, channels, height, width = x.shape
    filters, group_channels, kh, kw = w.shape
    groups, taps, pixels = tables.groups, tables.taps.size, tables.pixels.size
    source, slopes = block(x), block(dy)
    outputs, winners = (None if array is None else block(array) for array in (y, argmax))
    dx = empty((n, height, width, channels), x.dtype) if need_dx else None
    parts = min(n, PARTS)
    dw, db = empty((parts, taps, filters), x.dtype), empty((parts, filters), x.dtype)
    flipped = zeros = np.zeros(max(channels, taps), x.dtype)
    if need_dx and tables.by_columns:
        flipped = dense(w.transpose(0, 2, 3, 1))
    elif need_dx:
        grouped = w.reshape(groups, filters // groups, group_channels, kh, kw)
        flipped = dense(grouped.transpose(0, 3, 4, 1, 2))
    fixed = _fixed(tables, y is not None or (need_dx and tables.slopes != tables.out))
    slope_size = fixed[Job.slope_size - Job.table]
    patches = pixels * taps + tables.padded[0] * tables.padded[1] * channels if need_dx and tables.by_columns else 0
    own = tables.padded_size + slope_size + patches
    workers = workers_for(parts, n * pixels * taps * (filters // groups))
    job = pack(
        Job,
        fixed,
        x=at(source),
        dy=at(slopes),
        dx=at(dx),
        dw=at(dw),
        db=at(db),
        y=at(outputs),
        argmax=at(winners),
        flipped=at(flipped),
        zeros=at(zeros),
        scratch=scratch(x.dtype, own * workers) if own else 0,
        scratch_size=own,
        images=n,
        parts=parts,
    )
    run(_backward, x.dtype, [*job, *geometry], parts, workers=workers)
    dw = dw.sum(axis=0).reshape(kh, kw, group_channels, filters).transpose(3, 2, 0, 1)
    return None if dx is None else dx.transpose(0, 3, 1, 2), dw, db.sum(axis=0)


def conv2d_backward(
    dy: Array, x: Array, w: Array, *, stride: Pair, padding: Sides, dilation: Pair, groups: int, need_dx: bool = True
) -> tuple[Array | None, Array, Array]:
    """(dx, dw, db) of `conv2d`."""
    tables = tables_for(x, w, stride, padding, dilation, groups)
    gradients = depthwise.backward if tables.depthwise else _run_backward
    return gradients(dy, x, w, tables, need_dx)


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
    """(dx, dw, db) of `conv2d_relu`: dy scattered into a padded image, then both gradients from it."""
    tables = tables_for(x, w, stride, padding, dilation, groups)
    if tables.depthwise:
        if pool is not None and argmax is not None:
            dy = max_pool2d_backward(
                relu_backward(dy, y), argmax, size=tables.out, pool_size=pool[0], stride=pool[1], padding=pool[2]
            )
        else:
            dy = relu_backward(dy, y)
        return depthwise.backward(dy, x, w, tables, need_dx)
    geometry = () if pool is None else pool_geometry(tables.out, w.shape[0], *pool)
    return _run_backward(dy, x, w, tables, need_dx, y, argmax, geometry)
