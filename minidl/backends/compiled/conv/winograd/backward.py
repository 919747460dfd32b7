"""The gradients of Winograd's convolution, as jobs one after the other.

The input's gradient is itself a convolution, of dy with the filters turned by half. The weights' is, at each of the 36
points, a product of the transformed inputs and dy, summed over tiles. A task does this for a part of the batch and a
block of weights, by blocks of tiles, so that all of it stays in the cache. The more blocks of weights there are, the
fewer parts, whose sums must be added up. Tiles are transformed again for each block of weights, which takes less time
than to fetch them from farther away.
"""

import functools
import math
from typing import NamedTuple

import numpy as np

from minidl.backends.compiled.codegen.jit import kernel
from minidl.backends.compiled.codegen.load_store import clear, lanes
from minidl.backends.compiled.conv.im2col.input_gradient import copy_positive, sum_lines
from minidl.backends.compiled.conv.output_grad import OutputGrad
from minidl.backends.compiled.conv.plan import Geometry, Plan, plan_for
from minidl.backends.compiled.conv.winograd.filter_gradient import prepare_filter_gradient
from minidl.backends.compiled.conv.winograd.filters import TAPS
from minidl.backends.compiled.conv.winograd.forward import convolve
from minidl.backends.compiled.conv.winograd.transform_2d import (
    APART,
    LANES,
    POINTS,
    Tiles,
    align,
    round_up,
    tiles_for,
    transform_inputs,
    transform_output_grads,
    zeros,
)
from minidl.backends.compiled.matmul.gather_matmul import gather_matmul
from minidl.backends.compiled.matmul.narrow_matmul import narrow_transposed_matmul
from minidl.backends.compiled.matmul.strided_matmul import strided_transposed_matmul
from minidl.backends.compiled.pool.max import PoolWindows, unpool_image
from minidl.backends.compiled.runtime import program
from minidl.backends.compiled.runtime.copy import prepare_packed
from minidl.backends.compiled.runtime.memory import as_nhwc, empty
from minidl.backends.compiled.runtime.parts import part_start, parts_of
from minidl.description.operators import ConvGeometry
from minidl.typing import Array, IntArray

CHANNEL_BLOCK, FILTER_BLOCK = 64, 64
"""Weights whose sums, at 36 points, stay in the second-level cache beside a block's matrices."""

BLOCK = 150_000
"""Floats of a block's matrices."""


class _OutputGradient(NamedTuple):
    dy: Array
    y: Array | None  # 0 without a ReLU
    argmax: Array | None  # 0 without pooling
    grads: Array  # dy itself without either
    db: Array  # (parts, filters)
    images: int
    parts: int
    geometry: Geometry
    windows: PoolWindows


@kernel(_OutputGradient)
def _output_gradient(memory, ints, job, task, scratch):
    """For part `task` of the batch: dy, back through pooling and ReLU, and its sum."""
    height, width, filters = job.geometry.out_height, job.geometry.out_width, job.geometry.filters
    dy, y, windows = job.dy, job.y, job.windows
    size = height * width * filters
    db = job.db + task * filters
    clear(memory, db, filters)
    for n in range(part_start(job.images, job.parts, task), part_start(job.images, job.parts, task + 1)):
        target = job.grads + n * size
        if job.argmax:
            step = n * windows.out_height * windows.out_width * filters
            clear(memory, target, size)
            unpool_image(memory, windows, dy + step, job.argmax + step, y + step, y != 0, target, width)
        elif y:
            copy_positive(memory, 0, size, target, dy + n * size, y + n * size)
        sum_lines(memory, target, width * filters, height, width, filters, db)


class _PointSums(NamedTuple):
    x: Array
    grads: Array
    sums: Array  # (parts, 36, channels * filters + APART)
    images: int
    parts: int
    block: int  # most tiles of a block
    x_row: int  # floats of a row of the inputs' matrices
    grad_row: int
    row_offsets: IntArray
    table: IntArray
    tiles: Tiles


@kernel(_PointSums)
def _point_sums(memory, ints, job, task, scratch):
    """For a part of the batch and a block of weights: sum inputs times gradients at 36 points over the tiles."""
    tiles, parts, block = job.tiles, job.parts, job.block
    channels, filters = tiles.geometry.channels, tiles.geometry.filters
    weights, part = divmod(task, parts)
    down, across = divmod(weights, (filters + FILTER_BLOCK - 1) // FILTER_BLOCK)
    channel, filter_ = down * CHANNEL_BLOCK, across * FILTER_BLOCK
    rows, columns = min(channels - channel, CHANNEL_BLOCK), min(filters - filter_, FILTER_BLOCK)
    each, step = tiles.down * tiles.across, channels * filters + APART
    x_step, grad_step = block * job.x_row + APART, block * job.grad_row + APART
    inputs = align(scratch)
    grads = inputs + POINTS * x_step
    room = grads + POINTS * grad_step
    first, last = part_start(job.images, parts, part) * each, part_start(job.images, parts, part + 1) * each
    blocks = (last - first + block - 1) // block
    sums = job.sums + part * POINTS * step + channel * filters + filter_
    if first == last:
        for point in range(POINTS):
            for row in range(rows):
                clear(memory, sums + point * step + row * filters, columns)
    for b in range(blocks):
        t = first + b * (last - first) // blocks
        count = first + (b + 1) * (last - first) // blocks - t
        x, dy = job.x + channel, job.grads + filter_
        transform_inputs(memory, tiles, x, t, count, rows, job.x_row, inputs, x_step, room)
        transform_output_grads(memory, tiles, dy, t, count, columns, job.grad_row, grads, grad_step, room)
        for point in range(POINTS):
            target, a, g = sums + point * step, inputs + point * x_step, grads + point * grad_step
            if rows == lanes(memory) and columns == rows:
                narrow_transposed_matmul(memory, count, a, job.x_row, g, job.grad_row, target, filters, b == 0)
                continue
            if columns % lanes(memory) == 0:
                strided_transposed_matmul(
                    memory, rows, count, columns, a, job.x_row, g, job.grad_row, target, filters, b > 0
                )
                continue
            start, start_stride = (target, filters) if b else (tiles.zeros, 0)
            gather_matmul(
                *(memory, ints, rows, job.row_offsets, count, job.table, columns),
                *(a, g, target, filters, start, start_stride, -math.inf),
            )


@functools.lru_cache(maxsize=512)
def _tables(x_row: int, grad_row: int, count: int) -> tuple[IntArray, IntArray]:
    """Where a channel, and by turns a tile's inputs and gradients, lie in their matrices."""
    channels, each = (np.arange(size, dtype=np.int64) for size in (CHANNEL_BLOCK, count))
    return channels, np.stack([x_row * each, grad_row * each], axis=1).reshape(-1)


def _prepare_point_sums(x: Array, grads: Array, plan: Plan) -> tuple[Array, program.Job]:
    """(sums (parts, 36, channels * filters + APART), job)."""
    n, channels, filters, tiles = len(x), plan.channels, plan.filters, tiles_for(plan)
    each = tiles.down * tiles.across
    x_row, grad_row = min(round_up(channels), CHANNEL_BLOCK), min(round_up(filters), FILTER_BLOCK)
    weight_blocks = -(-channels // CHANNEL_BLOCK) * -(-filters // FILTER_BLOCK)
    parts = parts_of(n)
    sums = empty((parts, POINTS, channels * filters + APART), x.dtype)
    block = min(BLOCK // (POINTS * (x_row + grad_row)), max(-(-n // parts), 1) * each)
    tables = _tables(x_row, grad_row, block)
    record = _PointSums(x, grads, sums, n, parts, block, x_row, grad_row, *tables, tiles)
    scratch = POINTS * (block * (x_row + grad_row) + 2 * APART) + (POINTS + 1) * LANES
    work = n * each * POINTS * channels * filters
    return sums, program.Job(_point_sums, record, parts * weight_blocks, work, scratch)


def backward(
    grad: OutputGrad, x: Array, w: Array, plan: Plan, need_dx: bool, need_dw: bool, need_db: bool
) -> tuple[Array | None, Array | None, Array | None, list[program.Job]]:
    """(dx, dw (1, kh kw in, out), parts of db, jobs), through the ReLU and the pooling, too."""
    n, channels, height, width = x.shape
    filters, parts = plan.filters, parts_of(n)
    x, (dy, y, argmax) = as_nhwc(x), grad.blocks()
    grads = dy if y is None and argmax is None else empty((n, *plan.out, filters), x.dtype)
    dw = empty((1, TAPS * channels, filters), x.dtype) if need_dw else None
    db, jobs = None, []
    if need_db or grads is not dy:
        db = empty((parts, filters), x.dtype)
        record = _OutputGradient(dy, y, argmax, grads, db, n, parts, plan.geometry, grad.windows(plan))
        work = n * plan.pixels.size * filters * (32 if argmax is not None else 8)
        jobs.append(program.Job(_output_gradient, record, parts, work))
    if dw is not None:
        sums, job = _prepare_point_sums(x, grads, plan)
        jobs += [job, *prepare_filter_gradient(x, grads, plan, sums, dw)]
    if not need_dx:
        return None, dw, db, jobs
    weights, packing = prepare_packed(w.transpose(2, 3, 1, 0))
    dx = empty((n, height, width, channels), x.dtype)
    (top, bottom), (left, right) = plan.padding
    padding = (2 - top, 2 - bottom), (2 - left, 2 - right)
    turned = plan_for(plan.out, filters, channels, plan.kernel, ConvGeometry(plan.stride, padding, plan.dilation, 1))
    jobs += packing + convolve(grads, weights, zeros(channels), turned, dx, flipped=True)
    return dx.transpose(0, 3, 1, 2), dw, db, jobs
