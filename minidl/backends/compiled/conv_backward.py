"""The gradients of a convolution, image by image, so that the padded image and dy stay in the cache for both.

The weights' gradient is the product with rows of taps, summed over pixels; the input's is in `conv_image`.
"""

import functools
import math
from collections.abc import Sequence

import numpy as np

from minidl.backends.compiled import depthwise, launch, winograd_backward
from minidl.backends.compiled.activation import relu_backward
from minidl.backends.compiled.conv import tables_for
from minidl.backends.compiled.conv_image import Job, input_by_columns, input_by_phases, spread_slopes, sum_lines
from minidl.backends.compiled.jit import Kernel
from minidl.backends.compiled.launch import PARTS, pack, run
from minidl.backends.compiled.memory import at, block, dense, empty
from minidl.backends.compiled.padding import pad_image
from minidl.backends.compiled.plan import Plan
from minidl.backends.compiled.pool import max_pool2d_backward, pool_geometry
from minidl.backends.compiled.product import multiply
from minidl.backends.compiled.simd import clear
from minidl.typing import Array

Pair = tuple[int, int]
Sides = tuple[Pair, Pair]


@Kernel
def _backward(memory, ints, job, task, own):
    """For part `task` of the batch: sum the weights' and the bias's gradients, and give the input's."""
    groups, channels, filters = ints[job + Job.groups], ints[job + Job.channels], ints[job + Job.filters]
    height, width, taps = ints[job + Job.height], ints[job + Job.width], ints[job + Job.taps]
    out_height, out_width = ints[job + Job.out_height], ints[job + Job.out_width]
    padded_size, slope_size = ints[job + Job.padded_size], ints[job + Job.slope_size]
    images, parts, dx = ints[job + Job.images], ints[job + Job.parts], ints[job + Job.dx]

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
            spread_slopes(memory, ints, job, n, slopes)
        line = ints[job + Job.slope_width] * filters
        sum_lines(memory, slopes + ints[job + Job.slope_origin], line, out_height, out_width, filters, db)
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
                input_by_columns(memory, ints, job, slopes, own + padded_size + slope_size, target)
            else:
                input_by_phases(memory, ints, job, slopes, target)


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
    if tables.winograd and x.dtype == np.float32 and len(x):
        return winograd_backward.run_backward(dy, x, w, tables, need_dx, y, argmax, tuple(geometry))
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
    work = n * pixels * taps * (filters // groups) * (2 if need_dx else 1)
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
        images=n,
        parts=parts,
    )
    run(x.dtype, launch.Job(_backward, [*job, *geometry], parts, work, own))
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
