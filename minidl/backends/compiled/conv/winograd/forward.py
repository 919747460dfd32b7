"""Convolution with filters of 3 x 3 by a quarter of the multiplications: Winograd's F(4 x 4, 3 x 3), in float32.

Each task takes some images, or a large one, by blocks of tiles that stay in the cache from the transform of the
inputs over the 36 products to the outputs. The transformed filters are made by a job before. An image whose outputs
aren't all finite is convolved again, directly: NaN and infinity would be all over their tiles.
"""

import functools
import math
from typing import NamedTuple

import numpy as np

from minidl.backends.compiled.activation.elementwise import InPlace, activate, in_place
from minidl.backends.compiled.codegen.jit import kernel, njit
from minidl.backends.compiled.codegen.load_store import clear, lanes
from minidl.backends.compiled.conv.epilogue import NOTHING, Epilogue, add_rows
from minidl.backends.compiled.conv.im2col.input_gradient import input_by_windows
from minidl.backends.compiled.conv.plan import Plan
from minidl.backends.compiled.conv.winograd.filters import TAPS, Weights, order_filters, prepare_weights
from minidl.backends.compiled.conv.winograd.transform_2d import (
    APART,
    LANES,
    PANEL,
    POINTS,
    Tiles,
    align,
    round_up,
    tiles_for,
    transform_inputs,
    transform_outputs,
)
from minidl.backends.compiled.matmul.gather_matmul import gather_matmul, gather_matmul_plain
from minidl.backends.compiled.matmul.narrow_matmul import ROWS, narrow_matmul
from minidl.backends.compiled.pool.max import NO_WINDOWS, PoolWindows, pool_rows, pool_windows
from minidl.backends.compiled.runtime import program
from minidl.backends.compiled.runtime.copy import prepare_packed
from minidl.backends.compiled.runtime.memory import as_nhwc, empty_like
from minidl.backends.compiled.runtime.padding import with_border
from minidl.typing import Array, IntArray

BLOCK = 140_000
"""Floats of a block's matrices: they stay in a second-level cache of a megabyte, beside what else is read."""


class _Forward(NamedTuple):
    x: Array
    bias: Array
    y: Array
    y_step: int  # floats from a pixel to the next
    argmax: Array | None  # 0 without pooling
    other: Array | None  # of another branch, added; 0 without
    relu: bool
    activation: InPlace  # any other
    is_gradient: bool  # of the input, from dy
    images: int
    tasks: int
    most: int  # images of a task
    block: int  # most tiles of a block
    row_offsets: IntArray  # of the blocks' matrices
    table: IntArray
    weights: Weights
    tiles: Tiles
    windows: PoolWindows


@njit
def _convolve_directly(memory, ints, job, image, target, step, scratch):
    """One image as im2col does it, with filters put in order for it alone: this is rare."""
    geometry = job.tiles.geometry
    height, width, channels, filters = geometry.height, geometry.width, geometry.channels, geometry.filters
    order_filters(memory, job.weights, scratch)
    if job.is_gradient:  # whose border isn't data: no weight may make NaN of it
        last, tap = scratch + (TAPS - 1) * channels * filters, channels * filters
        input_by_windows(
            *(memory, image, (width * channels, height, width, channels), 1, last, -tap, (3, 3), (1, 1), (1, 1)),
            *(2 - geometry.top, 2 - geometry.left, (geometry.out_height, geometry.out_width, filters), target),
        )
        return
    image = with_border(memory, geometry, image, scratch + TAPS * channels * filters)
    floor = 0.0 if job.relu and job.other == 0 else -math.inf
    gather_matmul_plain(
        *(memory, ints, geometry.pixels, geometry.pixel_offsets, TAPS * channels, geometry.forward_table, filters),
        *(image, scratch, target, step, job.bias, 0, floor),
    )


@kernel(_Forward)
def _forward(memory, ints, job, task, scratch):
    """Convolve part `task` of the images, add the bias, activate, and pool if there is an argmax."""
    tiles, geometry, windows = job.tiles, job.tiles.geometry, job.windows
    channels, filters, pixels = geometry.channels, geometry.filters, geometry.pixels
    first = task * job.images // job.tasks
    images = (task + 1) * job.images // job.tasks - first
    size = geometry.height * geometry.width * channels
    step = filters if job.argmax else job.y_step
    x, y = job.x + first * size, job.y + first * pixels * step
    row, block = align(channels), job.block
    weight_step = channels * PANEL + APART
    input_step, product_step = block * row + APART, block * PANEL + APART

    bad = align(scratch)
    inputs = bad + align(job.most)
    clear(memory, bad, images)
    if job.argmax:
        y = inputs
        inputs += align(job.most * pixels * filters)
    products = inputs + POINTS * input_step
    halfway = products + POINTS * product_step
    other = job.other - job.y if job.other else 0
    is_narrow = channels == lanes(memory) and filters <= channels
    total = images * tiles.down * tiles.across
    blocks = (total + block - 1) // block
    for b in range(blocks):
        start = b * total // blocks
        count = (b + 1) * total // blocks - start
        rows = (count + ROWS - 1) // ROWS * ROWS  # the last ones of blocks before: any numbers, which nobody reads
        transform_inputs(memory, tiles, x, start, count, channels, row, inputs, input_step, halfway)
        for panel in range(0, filters, PANEL):
            columns = min(filters - panel, PANEL)
            transformed = job.weights.transformed + panel // PANEL * POINTS * weight_step
            for point in range(POINTS):
                a, c = inputs + point * input_step, products + point * product_step
                b = transformed + point * weight_step
                if is_narrow:
                    narrow_matmul(memory, rows, a, row, b, PANEL, c, PANEL)
                    continue
                gather_matmul(
                    *(memory, ints, count, job.row_offsets, channels, job.table, columns),
                    *(a, b, c, PANEL, tiles.zeros, 0, -math.inf),
                )
            transform_outputs(
                *(memory, tiles, products, product_step, start, count, columns),
                *(job.bias + panel, other, job.relu, y + panel, step, bad, halfway),
            )
    for n in range(images):
        target = y + n * pixels * step
        if memory[bad + n] != 0:
            _convolve_directly(memory, ints, job, x + n * size, target, step, inputs)
            if job.other:
                place = (first + n) * pixels * filters
                add_rows(memory, 0, pixels * filters, target, job.other + place, job.relu)
        activate(memory, ints, job.activation, target, filters, pixels, step)
        if job.argmax:
            place = (first + n) * windows.out_height * windows.out_width * filters
            pool_rows(memory, windows, 0, windows.out_height, target, job.y + place, job.argmax + place)


@functools.lru_cache(maxsize=512)
def _row_tables(channels: int, block: int) -> tuple[IntArray, IntArray]:
    """(row offsets, column and row offsets) of a block's products."""
    each = np.arange(channels, dtype=np.int64)
    return np.arange(block, dtype=np.int64) * round_up(channels), np.stack([each, PANEL * each], axis=1).reshape(-1)


def _tasks(images: int, most: int) -> int:
    """Tasks for these images, with at most `most` in each: a number that threads can share evenly."""
    tasks = max(-(-images // max(most, 1)), min(images, 4))
    even = 1 << (tasks - 1).bit_length() if tasks <= 8 else -(-tasks // 8) * 8
    return min(even, images)


def convolve(
    x: Array,
    w: Array,
    bias: Array,
    plan: Plan,
    y: Array,
    *,
    flipped: bool = False,
    epilogue: Epilogue = NOTHING,
    argmax: Array | None = None,
    windows: PoolWindows = NO_WINDOWS,
) -> list[program.Job]:
    """Convolve images (n, h, w, c) with w (kh, kw, in, out), and write y (n, out_h, out_w, filters) or its pooling.

    `flipped` takes filters (kh, kw, out, in) turned by half: the input's gradient from the output's.
    """
    channels, filters, n = plan.channels, plan.filters, len(x)
    weights, transform = prepare_weights(w, plan, flipped)
    row, tiles = round_up(channels), tiles_for(plan)
    each = tiles.down * tiles.across
    block = max(BLOCK // (POINTS * (row + PANEL)), 1)
    tasks = _tasks(n, block // each)
    most = -(-n // tasks) if tasks else 0
    block = -(-min(block, most * each) // ROWS) * ROWS
    matrices = POINTS * (block * (row + PANEL) + 2 * APART) + POINTS * LANES
    directly = TAPS * channels * filters + plan.padded_size
    images = 0 if argmax is None else round_up(most * plan.pixels.size * filters)
    scratch = LANES + round_up(most) + images + max(matrices, directly)
    other = None if epilogue.other is None else as_nhwc(epilogue.other)
    after = argmax, other, epilogue.relu, in_place(epilogue.activation, x.dtype)
    step, tables = y.strides[2] // y.itemsize, _row_tables(channels, block)
    record = _Forward(x, bias, y, step, *after, flipped, n, tasks, most, block, *tables, weights, tiles, windows)
    work = n * each * POINTS * channels * filters
    return [*transform, program.Job(_forward, record, tasks, work, scratch)]


TAKES = ("other", "activation", "pool")
"""Of an epilogue."""


def forward(
    x: Array, w: Array, plan: Plan, epilogue: Epilogue, into: Array | None = None
) -> tuple[Array, Array | None, list[program.Job]]:
    """(y, argmax, jobs); argmax is None without pooling. `into` are channels of a block to write y to."""
    filters, pool = plan.filters, epilogue.pool
    windows = NO_WINDOWS if pool is None else pool_windows(plan.out, filters, pool)
    weights, jobs = prepare_packed(w.transpose(2, 3, 1, 0))
    bias = epilogue.bias_of(filters, x.dtype)
    y = epilogue.output(len(x), plan.out, filters, x.dtype) if into is None else into.transpose(0, 2, 3, 1)
    argmax = None if pool is None else empty_like(y)
    jobs += convolve(as_nhwc(x), weights, bias, plan, y, epilogue=epilogue, argmax=argmax, windows=windows)
    return y.transpose(0, 3, 1, 2), None if argmax is None else argmax.transpose(0, 3, 1, 2), jobs
