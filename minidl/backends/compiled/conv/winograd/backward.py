"""The gradients of Winograd's convolution, as jobs one after the other.

The input's gradient is itself a convolution, of the outputs' slopes with the filters turned by half. The weights' is,
at each of the 36 points, a product of the transformed inputs and slopes, summed over tiles. A task does this for a part
of the batch and a block of weights, by blocks of tiles, so that all of it stays in the cache. The more blocks of
weights there are, the fewer parts, whose sums must be added up. Tiles are transformed anew for each block of weights,
which takes less time than to fetch them from farther away. Where a weight's gradient isn't finite, all are computed
anew, directly: NaN and infinity would be all over their tiles.
"""

import functools
import math
from enum import IntEnum, auto
from typing import Any

import numpy as np

from minidl.backends.compiled.codegen.jit import Kernel
from minidl.backends.compiled.codegen.load_store import clear
from minidl.backends.compiled.conv.im2col.input_gradient import copy_positive, sum_lines
from minidl.backends.compiled.conv.plan import Plan, plan_for
from minidl.backends.compiled.conv.winograd.filter_gradient import finish_jobs
from minidl.backends.compiled.conv.winograd.filters import TAPS
from minidl.backends.compiled.conv.winograd.forward import convolve
from minidl.backends.compiled.conv.winograd.transform_2d import (
    APART,
    LANES,
    POINTS,
    Tiles,
    geometry,
    round_up,
    tiles_of,
    transform_inputs,
    transform_slopes,
    zeros,
)
from minidl.backends.compiled.matmul.gather_matmul import gather_matmul
from minidl.backends.compiled.pool.max import pool_windows, unpool_image, windows_at
from minidl.backends.compiled.runtime import program
from minidl.backends.compiled.runtime.copy import prepare_packed
from minidl.backends.compiled.runtime.memory import as_nhwc, empty
from minidl.backends.compiled.runtime.program import PARTS, pack
from minidl.backends.operators import Pool
from minidl.typing import Array

CHANNEL_BLOCK, FILTER_BLOCK = 64, 64
"""Weights whose sums, at 36 points, stay in the second-level cache beside a block's matrices."""

BLOCK = 150_000
"""Floats of a block's matrices."""


class Spread(IntEnum):
    """The places of the integers of the job that hands slopes back through pooling and ReLU."""

    dy = 0
    y = auto()  # 0 without a ReLU
    argmax = auto()  # 0 without pooling
    slopes = auto()  # dy itself without a ReLU
    db = auto()  # (parts, filters)
    images = auto()
    parts = auto()
    out_height = auto()
    out_width = auto()
    filters = auto()


SPREAD_POOL = len(Spread)


@Kernel
def _spread(memory, ints, job, task, own):
    """For part `task` of the batch: the slopes of the convolution's outputs, and their sum."""
    dy, y, argmax, slopes = ints[job], ints[job + Spread.y], ints[job + Spread.argmax], ints[job + Spread.slopes]
    images, parts = ints[job + Spread.images], ints[job + Spread.parts]
    height, width, filters = (
        ints[job + Spread.out_height],
        ints[job + Spread.out_width],
        ints[job + Spread.filters],
    )
    pool = job + SPREAD_POOL
    size = height * width * filters
    db = ints[job + Spread.db] + task * filters
    clear(memory, db, filters)
    for n in range(task * images // parts, (task + 1) * images // parts):
        target = slopes + n * size
        if argmax:
            step = n * ints[pool + 3] * ints[pool + 4] * filters
            clear(memory, target, size)
            unpool_image(memory, windows_at(pool), dy + step, argmax + step, y + step, y != 0, target, width)
        elif y:
            copy_positive(memory, target, dy + n * size, y + n * size, size)
        sum_lines(memory, target, width * filters, height, width, filters, db)


class Job(IntEnum):
    """The places of the integers of the products at 36 points; the tiles' geometry follows them."""

    x = 0
    slopes = auto()
    sums = auto()  # (parts, 36, step)
    step = auto()  # channels times filters, and more
    images = auto()
    parts = auto()
    filter_blocks = auto()
    block = auto()  # most tiles of a block
    line = auto()  # of the inputs' matrices
    slope_line = auto()
    table = auto()


GEOMETRY = len(Job)


@Kernel
def _multiply_slopes(memory, ints, job, task, own):
    """For a part of the batch and a block of weights: sum inputs times slopes at 36 points over the tiles."""
    tiles, parts, step = job + GEOMETRY, ints[job + Job.parts], ints[job + Job.step]
    channels, filters = ints[tiles + Tiles.channels], ints[tiles + Tiles.filters]
    weights, part = divmod(task, parts)
    down, across = divmod(weights, ints[job + Job.filter_blocks])
    channel, filter_ = down * CHANNEL_BLOCK, across * FILTER_BLOCK
    rows, columns = min(channels - channel, CHANNEL_BLOCK), min(filters - filter_, FILTER_BLOCK)
    line, slope_line = ints[job + Job.line], ints[job + Job.slope_line]
    block, images = ints[job + Job.block], ints[job + Job.images]
    each = ints[tiles + Tiles.down] * ints[tiles + Tiles.across]
    input_step, slope_step = block * line + APART, block * slope_line + APART
    own = (own + LANES - 1) // LANES * LANES
    slopes = own + POINTS * input_step
    room = slopes + POINTS * slope_step
    first, last = part * images // parts * each, (part + 1) * images // parts * each
    blocks = (last - first + block - 1) // block
    sums = ints[job + Job.sums] + part * POINTS * step + channel * filters + filter_
    for b in range(blocks):
        t = first + b * (last - first) // blocks
        count = first + (b + 1) * (last - first) // blocks - t
        x = ints[job + Job.x] + channel
        dy = ints[job + Job.slopes] + filter_
        transform_inputs(memory, ints, tiles, x, t, count, rows, line, own, input_step, room)
        transform_slopes(memory, ints, tiles, dy, t, count, columns, slope_line, slopes, slope_step, room)
        for point in range(POINTS):
            target = sums + point * step
            gather_matmul(
                memory,
                ints,
                rows,
                ints[tiles + Tiles.counting],
                count,
                ints[job + Job.table],
                columns,
                own + point * input_step,
                slopes + point * slope_step,
                target,
                filters,
                target if b else ints[tiles + Tiles.zeros],
                filters if b else 0,
                -math.inf,
            )


@functools.lru_cache(maxsize=512)
def _table(line: int, slope_line: int, count: int) -> Any:
    """Where a tile's inputs and slopes lie in their matrices, by turns."""
    return np.stack(
        [line * np.arange(count, dtype=np.int64), slope_line * np.arange(count, dtype=np.int64)], axis=1
    ).reshape(-1)


def _product_job(source: Array, slopes: Array, tables: Plan) -> tuple[program.Job, Array]:
    """(job, its sums (parts, 36, step))."""
    n, channels, filters = len(source), tables.channels, tables.filters
    down, across = tiles_of(tables)
    line, slope_line = min(round_up(channels), CHANNEL_BLOCK), min(round_up(filters), FILTER_BLOCK)
    filter_blocks = -(-filters // FILTER_BLOCK)
    blocks = -(-channels // CHANNEL_BLOCK) * filter_blocks
    parts = min(-(-PARTS // blocks), n)
    step = channels * filters + APART
    sums = empty((parts, POINTS, step), source.dtype)
    block_size = min(BLOCK // (POINTS * (line + slope_line)), -(-n // parts) * down * across)
    table = _table(line, slope_line, block_size)
    job = pack(
        Job,
        x=source,
        slopes=slopes,
        sums=sums,
        step=step,
        images=n,
        parts=parts,
        filter_blocks=filter_blocks,
        block=block_size,
        line=line,
        slope_line=slope_line,
        table=table,
    )
    own = POINTS * (block_size * (line + slope_line) + 2 * APART) + (POINTS + 1) * LANES
    work = n * down * across * POINTS * channels * filters
    return program.Job(_multiply_slopes, [*job, *geometry(tables)], parts * blocks, work, own), sums


def backward(
    dy: Array,
    x: Array,
    w: Array,
    tables: Plan,
    need_dx: bool,
    need_dw: bool,
    y: Array | None = None,
    argmax: Array | None = None,
    pool: Pool | None = None,
) -> tuple[Array | None, Array | None, Array, list[program.Job]]:
    """(dx, dw (1, kh kw in, out), parts of db, jobs), with y through a ReLU, and with argmax through a pooling."""
    n, channels, height, width = x.shape
    filters, pixels, parts = tables.filters, tables.pixels.size, min(n, PARTS)
    source, given = as_nhwc(x), as_nhwc(dy)
    unchanged = y is None and argmax is None
    slopes = given if unchanged else empty((n, *tables.out, filters), x.dtype)
    dw = empty((1, TAPS * channels, filters), x.dtype) if need_dw else None
    db = empty((parts, filters), x.dtype)
    spread = pack(
        Spread,
        dy=given,
        y=None if y is None else as_nhwc(y),
        argmax=None if argmax is None else as_nhwc(argmax),
        slopes=slopes,
        db=db,
        images=n,
        parts=parts,
        out_height=tables.out[0],
        out_width=tables.out[1],
        filters=filters,
    )
    sizes = () if pool is None else pool_windows(tables.out, filters, pool)
    work = n * pixels * filters * (32 if argmax is not None else 8)
    jobs = [program.Job(_spread, [*spread, *sizes], parts, work)]
    if dw is not None:
        products, sums = _product_job(source, slopes, tables)
        jobs += [products, *finish_jobs(source, slopes, tables, sums, dw)]
    if not need_dx:
        return None, dw, db, jobs
    weights, packing = prepare_packed(w.transpose(2, 3, 1, 0))
    dx = empty((n, height, width, channels), x.dtype)
    turned = plan_for(
        tables.out,
        filters,
        channels,
        tables.kernel,
        tables.stride,
        ((2 - tables.padding[0][0], 2 - tables.padding[0][1]), (2 - tables.padding[1][0], 2 - tables.padding[1][1])),
        tables.dilation,
        1,
    )
    jobs += packing + convolve(slopes, weights, zeros(channels), turned, dx, flipped=True)
    return dx.transpose(0, 3, 1, 2), dw, db, jobs
