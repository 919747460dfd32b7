"""The gradients of a convolution, image by image, so that the padded image and dy stay in the cache for both.

The weights' gradient is the product with rows of taps, summed over pixels; the input's is in `conv_image`.
"""

import functools
import math
from typing import Any

import numpy as np

from minidl.backends.compiled.codegen.jit import Kernel
from minidl.backends.compiled.codegen.load_store import clear
from minidl.backends.compiled.conv.im2col.input_gradient import (
    Job,
    input_by_columns,
    input_by_phases,
    input_by_windows,
    is_finite,
    spread_slopes,
    sum_lines,
)
from minidl.backends.compiled.conv.plan import Plan
from minidl.backends.compiled.matmul.gather_matmul import gather_matmul
from minidl.backends.compiled.pool.max import pool_windows
from minidl.backends.compiled.runtime import program
from minidl.backends.compiled.runtime.copy import prepare_packed
from minidl.backends.compiled.runtime.memory import as_nhwc, empty
from minidl.backends.compiled.runtime.padding import pad_image
from minidl.backends.compiled.runtime.program import PARTS, pack
from minidl.backends.operators import Pool
from minidl.typing import Array


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
    need_dw = ints[job + Job.dw] != 0
    if need_dw:
        clear(memory, dw, taps * filters)
        clear(memory, db, filters)
    weights, by_columns = ints[job + Job.flipped], ints[job + Job.by_columns]
    by_windows = False
    if dx != 0 and slope_size != 0 and by_columns == 0:
        by_windows = not is_finite(memory, weights, taps * filters)
    for n in range(task * images // parts, (task + 1) * images // parts):
        image = ints[job + Job.x] + n * height * width * channels
        if padded_size and need_dw:
            top, left, padded_width = ints[job + Job.top], ints[job + Job.left], ints[job + Job.padded_width]
            pad_image(memory, image, height, width, channels, top, left, padded_width, padded_size, own)
            image = own
        slopes = ints[job + Job.dy] + n * out_height * out_width * filters
        if slope_size:
            slopes = own + padded_size
            spread_slopes(memory, ints, job, n, slopes)
        inside = slopes + ints[job + Job.slope_origin]
        if need_dw:
            sum_lines(memory, inside, ints[job + Job.slope_width] * filters, out_height, out_width, filters, db)
        for g in range(groups if need_dw else 0):
            c = dw + g * group_filters
            gather_matmul(
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
            if by_columns:
                input_by_columns(memory, ints, job, slopes, own + padded_size + slope_size, target)
            elif by_windows:
                group_taps, kernel_height = taps // (channels // groups), ints[job + Job.kernel_height]
                input_by_windows(
                    *(memory, inside, ints[job + Job.slope_width], out_height, out_width, filters, groups),
                    *(weights, taps * filters // groups // group_taps, kernel_height, group_taps // kernel_height),
                    *(ints[job + Job.stride_down], ints[job + Job.stride_across]),
                    *(ints[job + Job.dilation_down], ints[job + Job.dilation_across]),
                    *(ints[job + Job.top], ints[job + Job.left], height, width, channels, target),
                )
            else:
                input_by_phases(memory, ints, job, slopes, target)


@functools.lru_cache(maxsize=512)
def _fixed(tables: Plan, spread: bool) -> tuple[Any, ...]:
    """The arguments that a plan's jobs have in common, with dy spread into a border or read where it lies."""
    if spread:
        slopes = (tables.slopes[1], tables.slope_origin, tables.slopes[0] * tables.slopes[1] * tables.filters)
    else:
        slopes = (tables.out[1], 0, 0)
    return (
        *(tables.weights if spread else tables.weights_unpadded, *slopes),
        *(tables.groups, tables.channels, tables.filters),
        *(tables.taps.size, tables.taps, tables.pixels.size, *tables.size),
        *(tables.padding[0][0], tables.padding[1][0], *tables.padded, tables.padded_size, *tables.out),
        *(tables.phases, len(tables.phases)),
        *(int(tables.by_columns), tables.slope_rows, tables.columns),
        *(tables.kernel[0], tables.dilation[0], *tables.stride, tables.dilation[1]),
    )


Gradients = tuple[Array | None, Array | None, Array | None, list[program.Job]]
"""(dx, parts of dw (parts, kh kw in, out), parts of db (parts, out), jobs), with None for what isn't needed."""


def direct(
    dy: Array,
    x: Array,
    w: Array,
    tables: Plan,
    need_dx: bool,
    need_dw: bool,
    y: Array | None = None,
    argmax: Array | None = None,
    pool: Pool | None = None,
) -> Gradients:
    """With y, its output, through a ReLU, and with argmax through a pooling."""
    n, channels, height, width = x.shape
    filters, group_channels, kh, kw = w.shape
    groups, taps = tables.groups, tables.taps.size
    dx = empty((n, height, width, channels), x.dtype) if need_dx else None
    parts = min(n, PARTS)
    dw, db = (empty((parts, *size), x.dtype) if need_dw else None for size in ((taps, filters), (filters,)))
    jobs: list[program.Job] = []
    zeros = np.zeros(max(channels, taps), x.dtype)
    flipped = zeros
    if need_dx and tables.by_columns:
        flipped, jobs = prepare_packed(w.transpose(0, 2, 3, 1))
    elif need_dx:
        grouped = w.reshape(groups, filters // groups, group_channels, kh, kw)
        flipped, jobs = prepare_packed(grouped.transpose(0, 3, 4, 1, 2))
    fixed = _fixed(tables, y is not None or (need_dx and tables.slopes != tables.out))
    slope_size = fixed[Job.slope_size - Job.table]
    patches = tables.pixels.size * taps + math.prod(tables.padded) * channels if need_dx and tables.by_columns else 0
    job = pack(
        Job,
        fixed,
        x=as_nhwc(x),
        dy=as_nhwc(dy),
        dx=dx,
        dw=dw,
        db=db,
        y=None if y is None else as_nhwc(y),
        argmax=None if argmax is None else as_nhwc(argmax),
        flipped=flipped,
        zeros=zeros,
        images=n,
        parts=parts,
    )
    geometry = () if pool is None else pool_windows(tables.out, filters, pool)
    own = tables.padded_size + slope_size + patches
    jobs.append(program.Job(_backward, [*job, *geometry], parts, n * tables.macs * (need_dw + need_dx), own))
    return None if dx is None else dx.transpose(0, 3, 1, 2), dw, db, jobs
