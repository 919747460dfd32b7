"""Convolution with filters of 3 x 3 by a quarter of the multiplications: Winograd's F(4 x 4, 3 x 3), in float32.

Each task takes some images, or a large one, by blocks of tiles that stay in the cache from the transform of the
inputs over the 36 products to the outputs. The transformed filters are made by a job before. An image whose outputs
aren't all finite is convolved anew, directly: NaN and infinity would be all over their tiles.
"""

import functools
import math
from enum import IntEnum, auto
from typing import Any

import numpy as np

from minidl.backends.compiled.codegen.jit import Kernel, njit
from minidl.backends.compiled.codegen.load_store import clear
from minidl.backends.compiled.conv.im2col.input_gradient import input_by_windows
from minidl.backends.compiled.conv.plan import Plan
from minidl.backends.compiled.conv.winograd.filters import TAPS, Weights, order_filters, transform_job
from minidl.backends.compiled.conv.winograd.transform_2d import (
    APART,
    LANES,
    PANEL,
    POINTS,
    Tiles,
    geometry,
    round_up,
    tiles_of,
    transform_inputs,
    transform_outputs,
)
from minidl.backends.compiled.matmul.gather_matmul import gather_matmul, gather_matmul_plain
from minidl.backends.compiled.pool.max import pool_rows, pool_windows, windows_at
from minidl.backends.compiled.runtime import program
from minidl.backends.compiled.runtime.copy import prepare_packed
from minidl.backends.compiled.runtime.memory import as_nhwc, contiguous, empty, empty_like
from minidl.backends.compiled.runtime.padding import pad_image
from minidl.backends.compiled.runtime.program import pack
from minidl.backends.operators import Pool
from minidl.typing import Array

BLOCK = 140_000
"""Floats of a block's matrices: they stay in a second-level cache of a megabyte, beside what is read along."""


class Job(IntEnum):
    """The places of the kernel's integers; filters, tiles, and the pooling's geometry follow them."""

    x = 0
    bias = auto()
    y = auto()
    argmax = auto()  # 0 without pooling
    relu = auto()
    is_gradient = auto()  # of the input, from dy
    images = auto()
    tasks = auto()
    most = auto()  # images of a task
    block = auto()  # most tiles of a block
    row_offsets = auto()  # of the blocks' matrices
    table = auto()
    pixels = auto()  # from here on, for the direct convolution
    pixel_offsets = auto()
    direct_table = auto()
    padded_width = auto()
    padded_size = auto()


WEIGHTS = len(Job)
TILES = WEIGHTS + len(Weights)
POOL = TILES + len(Tiles)


@njit
def _convolve_directly(memory, ints, job, image, target, own):
    """One image as `conv` does it, with filters put in order for it alone: this is rare."""
    weights, tiles = job + WEIGHTS, job + TILES
    channels, filters = ints[weights + Weights.channels], ints[weights + Weights.filters]
    order_filters(memory, ints, weights, own)
    if ints[job + Job.is_gradient]:  # whose border isn't data: no weight may make NaN of it
        last, tap = own + (TAPS - 1) * channels * filters, channels * filters
        input_by_windows(
            *(memory, image, ints[tiles + Tiles.width], ints[tiles + Tiles.height], ints[tiles + Tiles.width]),
            *(channels, 1, last, -tap, 3, 3, 1, 1, 1, 1, 2 - ints[tiles + Tiles.top], 2 - ints[tiles + Tiles.left]),
            *(ints[tiles + Tiles.out_height], ints[tiles + Tiles.out_width], filters, target),
        )
        return
    padded, padded_size = own + TAPS * channels * filters, ints[job + Job.padded_size]
    if padded_size:
        height, width = ints[tiles + Tiles.height], ints[tiles + Tiles.width]
        top, left = ints[tiles + Tiles.top], ints[tiles + Tiles.left]
        pad_image(memory, image, height, width, channels, top, left, ints[job + Job.padded_width], padded_size, padded)
        image = padded
    gather_matmul_plain(
        memory,
        ints,
        ints[job + Job.pixels],
        ints[job + Job.pixel_offsets],
        TAPS * channels,
        ints[job + Job.direct_table],
        filters,
        image,
        own,
        target,
        ints[job + Job.bias],
        0,
        0.0 if ints[job + Job.relu] else -math.inf,
    )


@Kernel
def _forward(memory, ints, job, task, own):
    """Convolve part `task` of the images, add the bias, apply ReLU if wanted, and pool if there is an argmax."""
    weights, tiles, argmax = job + WEIGHTS, job + TILES, ints[job + Job.argmax]
    channels, filters, pixels = (
        ints[weights + Weights.channels],
        ints[weights + Weights.filters],
        ints[job + Job.pixels],
    )
    first = task * ints[job + Job.images] // ints[job + Job.tasks]
    images = (task + 1) * ints[job + Job.images] // ints[job + Job.tasks] - first
    size = ints[tiles + Tiles.height] * ints[tiles + Tiles.width] * channels
    x = ints[job + Job.x] + first * size
    line = (channels + LANES - 1) // LANES * LANES
    block = ints[job + Job.block]
    weight_step = channels * PANEL + APART
    input_step, product_step = block * line + APART, block * PANEL + APART

    own = (own + LANES - 1) // LANES * LANES
    bad = own
    own += (ints[job + Job.most] + LANES - 1) // LANES * LANES
    clear(memory, bad, images)
    y = ints[job + Job.y] + first * pixels * filters
    if argmax:
        y = own
        own += (ints[job + Job.most] * pixels * filters + LANES - 1) // LANES * LANES
    products = own + POINTS * input_step
    halfway = products + POINTS * product_step
    total = images * ints[tiles + Tiles.down] * ints[tiles + Tiles.across]
    blocks = (total + block - 1) // block
    for b in range(blocks):
        start = b * total // blocks
        count = (b + 1) * total // blocks - start
        transform_inputs(memory, ints, tiles, x, start, count, channels, line, own, input_step, halfway)
        for panel in range(0, filters, PANEL):
            columns = min(filters - panel, PANEL)
            transformed = ints[weights + Weights.transformed] + panel // PANEL * POINTS * weight_step
            for point in range(POINTS):
                gather_matmul(
                    memory,
                    ints,
                    count,
                    ints[job + Job.row_offsets],
                    channels,
                    ints[job + Job.table],
                    columns,
                    own + point * input_step,
                    transformed + point * weight_step,
                    products + point * product_step,
                    PANEL,
                    ints[tiles + Tiles.zeros],
                    0,
                    -math.inf,
                )
            transform_outputs(
                memory,
                ints,
                tiles,
                products,
                product_step,
                start,
                count,
                columns,
                ints[job + Job.bias] + panel,
                ints[job + Job.relu],
                y + panel,
                bad,
                halfway,
            )
    for n in range(images):
        target = y + n * pixels * filters
        if memory[bad + n] != 0:
            _convolve_directly(memory, ints, job, x + n * size, target, own)
        if argmax:
            step = (first + n) * ints[job + POOL + 3] * ints[job + POOL + 4] * filters
            pool_rows(
                memory, windows_at(job + POOL), 0, ints[job + POOL + 3], target, ints[job + Job.y] + step, argmax + step
            )


@functools.lru_cache(maxsize=512)
def _row_tables(channels: int, block: int) -> tuple[Any, Any]:
    """(row offsets, column and line offsets) of a block's products."""
    each = np.arange(channels, dtype=np.int64)
    return np.arange(block, dtype=np.int64) * round_up(channels), np.stack([each, PANEL * each], axis=1).reshape(-1)


def parts_of(images: int, most: int) -> int:
    """How many tasks to make of so many images, at most `most` a task: a number that threads can share evenly."""
    parts = max(-(-images // max(most, 1)), min(images, 4))
    even = 1 << (parts - 1).bit_length() if parts <= 8 else -(-parts // 8) * 8
    return min(even, images)


def convolve(
    source: Array,
    w: Array,
    bias: Array,
    tables: Plan,
    y: Array,
    *,
    flipped: bool = False,
    relu: bool = False,
    argmax: Array | None = None,
    pool: tuple[int, ...] = (),
) -> list[program.Job]:
    """Convolve images (n, h, w, c) with w (kh, kw, in, out), and write y (n, out_h, out_w, filters) or its pooling.

    `flipped` takes filters (kh, kw, out, in) turned by half: the input's gradient from the output's.
    """
    channels, filters, n = tables.channels, tables.filters, len(source)
    transform, _ = transform_job(w, tables, flipped)
    weights = transform.arguments
    line = round_up(channels)
    down, across = tiles_of(tables)
    block_size = max(BLOCK // (POINTS * (line + PANEL)), 1)
    tasks = parts_of(n, block_size // (down * across))
    most = -(-n // tasks) if tasks else 0
    block_size = min(block_size, most * down * across)
    rows, table = _row_tables(channels, block_size)
    matrices = POINTS * (block_size * (line + PANEL) + 2 * APART) + POINTS * LANES
    directly = TAPS * channels * filters + tables.padded_size
    pixels = tables.pixels.size
    job = pack(
        Job,
        x=source,
        bias=bias,
        y=y,
        argmax=argmax,
        relu=int(relu),
        is_gradient=int(flipped),
        images=n,
        tasks=tasks,
        most=most,
        block=block_size,
        row_offsets=rows,
        table=table,
        pixels=pixels,
        pixel_offsets=tables.pixels,
        direct_table=tables.forward,
        padded_width=tables.padded[1],
        padded_size=tables.padded_size,
    )
    own = (
        LANES
        + round_up(most)
        + (round_up(most * pixels * filters) if argmax is not None else 0)
        + max(matrices, directly)
    )
    work = n * down * across * POINTS * channels * filters
    return [transform, program.Job(_forward, [*job, *weights, *geometry(tables), *pool], tasks, work, own)]


def forward(
    x: Array, w: Array, b: Array | None, tables: Plan, relu: bool, pool: Pool | None
) -> tuple[Array, Array | None, list[program.Job]]:
    """(y, argmax, jobs); argmax is None without pooling."""
    filters = tables.filters
    sizes = () if pool is None else pool_windows(tables.out, filters, pool)
    weights, packing = prepare_packed(w.transpose(2, 3, 1, 0))
    bias = np.zeros(filters, x.dtype) if b is None else contiguous(b)
    y = empty((len(x), *(tables.out if pool is None else sizes[3:5]), filters), x.dtype)
    argmax = None if pool is None else empty_like(y)
    jobs = packing + convolve(as_nhwc(x), weights, bias, tables, y, relu=relu, argmax=argmax, pool=sizes)
    return y.transpose(0, 3, 1, 2), None if argmax is None else argmax.transpose(0, 3, 1, 2), jobs
