"""The gradients of the filters' nine taps: at each of 36 points, a product of transformed inputs and dy over the tiles.

Rounding isn't linear, so each part of the batch is transformed back by itself, and the taps of parts are added up by
their tree. A task does this for a block of weights and some of the parts, one after the other, by blocks of tiles, so
that all of it stays in the cache. Tiles are transformed again for each block of weights, which takes less time than to
fetch them from farther away.

Where one of a part's gradients isn't finite, the block's are computed again, directly: NaN and infinity would be in all
the taps of a filter.
"""

import math
from typing import NamedTuple

from minidl.backends.compiled.codegen.jit import kernel, njit
from minidl.backends.compiled.codegen.load_store import any_nan, clear, copy, lanes, splat
from minidl.backends.compiled.conv.plan import Plan
from minidl.backends.compiled.conv.winograd.filters import TAPS
from minidl.backends.compiled.conv.winograd.tile_2d import filter_grad_tile
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
)
from minidl.backends.compiled.matmul.gather_matmul import gather_matmul_plain
from minidl.backends.compiled.matmul.narrow_matmul import narrow_transposed_matmul
from minidl.backends.compiled.matmul.strided_matmul import strided_transposed_matmul
from minidl.backends.compiled.runtime import program
from minidl.backends.compiled.runtime.memory import empty
from minidl.backends.compiled.runtime.padding import with_border
from minidl.backends.compiled.runtime.parts import buffer_of, merge_buffers, part_start, parts_of
from minidl.process.share import PARTS
from minidl.typing import Array, IntArray

CHANNEL_BLOCK, FILTER_BLOCK = 64, 64
"""Weights whose sums, at 36 points, stay in the second-level cache beside a block's matrices."""

CHANNELS_AT_ONCE, FILTERS_AT_ONCE = 32, 32
"""Weights that go through all points before the next ones where a part is one block of tiles: few sums to keep."""

BLOCK = 150_000
"""Floats of a block's matrices."""


class _FilterGradient(NamedTuple):
    x: Array
    grads: Array  # of the outputs
    dw: Array  # (groups, kh, kw, channels, filters)
    images: int
    parts: int
    groups: int  # of parts, each of which a task sums
    block: int  # most tiles of a block
    x_row: int  # floats of a row of the inputs' matrices
    grad_row: int
    room: int  # floats of the block's matrices, in front of the sums
    sums: int  # floats of the sums at 36 points, in front of the parts' gradients
    table: IntArray  # of the direct products
    tiles: Tiles


@njit
def _transform_back(memory, sums, step, row, rows, columns, target, target_step, target_row):
    """Whether one isn't finite of some weights' gradients, which are written from their sums at 36 points."""
    check = splat(memory, 0.0)
    for r in range(rows):
        for c in range(0, columns, lanes(memory)):
            check = filter_grad_tile(memory, sums + r * row + c, step, target + r * target_row + c, target_step, check)
    return any_nan(check)


@njit
def _compute_directly(memory, ints, job, first, last, channel, filter_, rows, columns, target, step, scratch):
    """Write the gradients of a block of weights, for images first to last - 1, as im2col does."""
    geometry = job.tiles.geometry
    clear(memory, target, TAPS * step)
    for n in range(first, last):
        image = job.x + n * geometry.height * geometry.width * geometry.channels
        image = with_border(memory, geometry, image, scratch)
        grads = job.grads + n * geometry.pixels * geometry.filters + filter_
        for tap in range(TAPS):
            place, taps = target + tap * step, geometry.tap_offsets + tap * geometry.channels + channel
            gather_matmul_plain(
                *(memory, ints, rows, taps, geometry.pixels, job.table, columns),
                *(image, grads, place, job.grad_row, place, job.grad_row, -math.inf),
            )


@njit
def _sum_part(memory, ints, job, first, last, channel, filter_, rows, columns, target, step, scratch):
    """Write the gradients of a block of weights, for images first to last - 1, to nine matrices `step` apart."""
    tiles, block, row = job.tiles, job.block, job.grad_row
    each = tiles.down * tiles.across
    first_tile, count = first * each, (last - first) * each
    x_step, grad_step = block * job.x_row + APART, block * row + APART
    inputs, sums = scratch, scratch + job.room
    grads = inputs + POINTS * x_step
    room = grads + POINTS * grad_step
    blocks = (count + block - 1) // block
    height, width = (rows, row) if blocks > 1 else (min(rows, CHANNELS_AT_ONCE), min(row, FILTERS_AT_ONCE))
    sum_step, is_bad = height * width + APART, False
    for b in range(blocks):
        begin = b * count // blocks
        depth = (b + 1) * count // blocks - begin
        x, dy, t = job.x + channel, job.grads + filter_, first_tile + begin
        transform_inputs(memory, tiles, x, t, depth, rows, job.x_row, inputs, x_step, room)
        transform_output_grads(memory, tiles, dy, t, depth, columns, row, grads, grad_step, room)
        for j in range(0, columns, width):
            some_columns = min(columns - j, width)
            for i in range(0, rows, height):
                some = min(rows - i, height)
                for point in range(POINTS):
                    a, g, c = inputs + point * x_step + i, grads + point * grad_step + j, sums + point * sum_step
                    if some == lanes(memory) and some_columns == some:
                        narrow_transposed_matmul(memory, depth, a, job.x_row, g, row, c, width, b == 0)
                    else:
                        strided_transposed_matmul(
                            memory, some, depth, some_columns, a, job.x_row, g, row, c, width, b > 0
                        )
                if b == blocks - 1:
                    place = target + i * row + j
                    is_bad |= _transform_back(memory, sums, sum_step, width, some, some_columns, place, step, row)
    if blocks == 0 or is_bad:
        _compute_directly(memory, ints, job, first, last, channel, filter_, rows, columns, target, step, scratch)


@kernel(_FilterGradient)
def _filter_gradient(memory, ints, job, task, scratch):
    """For a block of weights and some parts of the batch: the sum of the parts' gradients."""
    geometry, row = job.tiles.geometry, job.grad_row
    channels, filters = geometry.channels, geometry.filters
    weights, group = divmod(task, job.groups)
    down, across = divmod(weights, (filters + FILTER_BLOCK - 1) // FILTER_BLOCK)
    channel, filter_ = down * CHANNEL_BLOCK, across * FILTER_BLOCK
    rows, columns = min(channels - channel, CHANNEL_BLOCK), min(filters - filter_, FILTER_BLOCK)
    scratch = align(scratch)
    buffers, step, leaves = scratch + job.room + job.sums, rows * row + APART, job.parts // job.groups
    for leaf in range(leaves):
        part = group * leaves + leaf
        first, last = part_start(job.images, job.parts, part), part_start(job.images, job.parts, part + 1)
        target = buffers + buffer_of(leaf) * TAPS * step
        _sum_part(memory, ints, job, first, last, channel, filter_, rows, columns, target, step, scratch)
        merge_buffers(memory, buffers, TAPS * step, TAPS * step, leaf)
    for tap in range(TAPS):
        dw = job.dw + ((group * TAPS + tap) * channels + channel) * filters + filter_
        for r in range(rows):
            copy(memory, dw + r * filters, buffers + tap * step + r * row, columns)


def prepare_filter_gradient(x: Array, grads: Array, plan: Plan) -> tuple[Array, program.Job]:
    """(sums of groups of parts (groups, kh kw in, out), job)."""
    n, channels, filters, tiles = len(x), plan.channels, plan.filters, tiles_for(plan)
    each, parts = tiles.down * tiles.across, parts_of(n)
    x_row, grad_row = min(round_up(channels), CHANNEL_BLOCK), min(round_up(filters), FILTER_BLOCK)
    weight_blocks = -(-channels // CHANNEL_BLOCK) * -(-filters // FILTER_BLOCK)
    groups = min(parts, 1 << (-(-PARTS // weight_blocks) - 1).bit_length())
    # Parts of up to a block's tiles are one block, whatever the largest part: no bit depends on the others.
    most, full = -(-n // parts) * each, BLOCK // (POINTS * (x_row + grad_row))
    block = max(min(full, most), 1)
    height, width = (x_row, grad_row) if most > full else (CHANNELS_AT_ONCE, min(grad_row, FILTERS_AT_ONCE))
    room = POINTS * (block * (x_row + grad_row) + 2 * APART) + POINTS * LANES
    room, sums = round_up(max(room, plan.padded_size)), round_up(POINTS * (height * width + APART))
    dw = empty((groups, TAPS * channels, filters), x.dtype)
    shared = n, parts, groups, block, x_row, grad_row, room, sums
    record = _FilterGradient(x, grads, dw, *shared, plan.weights_unpadded, tiles)
    buffers = (parts // groups).bit_length() * TAPS * (x_row * grad_row + APART)
    work = n * each * POINTS * channels * filters
    return dw, program.Job(_filter_gradient, record, groups * weight_blocks, work, LANES + room + sums + buffers)
