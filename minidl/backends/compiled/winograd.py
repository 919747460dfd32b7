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

from minidl.backends.compiled import launch
from minidl.backends.compiled.jit import Kernel, njit
from minidl.backends.compiled.launch import pack
from minidl.backends.compiled.layout import packed
from minidl.backends.compiled.memory import block, dense, empty, empty_like
from minidl.backends.compiled.padding import pad_image
from minidl.backends.compiled.plan import Plan
from minidl.backends.compiled.pool import pool_geometry, pool_rows
from minidl.backends.compiled.product import multiply
from minidl.backends.compiled.simd import clear, lanes, load, load_strided, load_whole, store
from minidl.backends.compiled.winograd_lines import LINE, filter_line
from minidl.backends.compiled.winograd_tiles import (
    APART,
    LANES,
    PANEL,
    POINTS,
    geometry,
    tiles_of,
    transform_inputs,
    transform_outputs,
    whole,
)
from minidl.typing import Array

Pair = tuple[int, int]
Window = tuple[Pair, Pair, tuple[Pair, Pair]]

TAPS = 9
BLOCK = 140_000
"""Floats of a block's matrices: they stay in a second-level cache of a megabyte, beside what is read along."""

CHANNELS_AT_ONCE = 16
"""So many channels of filters make a task."""


class Weights(IntEnum):
    """The places of the integers that say how filters lie in memory."""

    w = 0  # tap (0, 0)
    channels = auto()
    filters = auto()
    channel_step = auto()
    filter_step = auto()
    tap_step = auto()
    transformed = auto()  # (panels, 36, channels times PANEL, and more)


class Job(IntEnum):
    """The places of the kernel's integers; filters, tiles, and the pooling's geometry follow them."""

    x = 0
    bias = auto()
    y = auto()
    argmax = auto()  # 0 without pooling
    relu = auto()
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
POOL = TILES + 12


@njit
def _filters(memory, w, step, count):
    """A weight of each of `count` filters, `step` apart."""
    return load(memory, w, count) if step == 1 else load_strided(memory, w, step, count)


@Kernel
def _transform_weights(memory, ints, job, task, own):
    """Some channels of a panel of filters, at 36 points."""
    channels, filters = ints[job + Weights.channels], ints[job + Weights.filters]
    filter_step, tap = ints[job + Weights.filter_step], ints[job + Weights.tap_step]
    parts = (channels + CHANNELS_AT_ONCE - 1) // CHANNELS_AT_ONCE
    panel, part = divmod(task, parts)
    n, step = lanes(memory), channels * PANEL + APART
    for c in range(part * CHANNELS_AT_ONCE, min((part + 1) * CHANNELS_AT_ONCE, channels)):
        target = ints[job + Weights.transformed] + panel * POINTS * step + c * PANEL
        for k in range(0, min(filters - panel * PANEL, PANEL), n):
            count = filters - panel * PANEL - k
            w = ints[job + Weights.w] + c * ints[job + Weights.channel_step] + (panel * PANEL + k) * filter_step
            for j in range(3):
                g0 = _filters(memory, w + j * tap, filter_step, count)
                g1 = _filters(memory, w + (3 + j) * tap, filter_step, count)
                g2 = _filters(memory, w + (6 + j) * tap, filter_step, count)
                filter_line(memory, g0, g1, g2, own + j * n, 3 * n)
            for i in range(LINE):
                g = own + 3 * i * n
                g0, g1, g2 = load_whole(memory, g), load_whole(memory, g + n), load_whole(memory, g + 2 * n)
                filter_line(memory, g0, g1, g2, target + i * LINE * step + k, step)


@njit
def _convolve_directly(memory, ints, job, image, target, own):
    """One image as `conv` does it, with filters put in order for it alone: this is rare."""
    weights, tiles = job + WEIGHTS, job + TILES
    channels, filters = ints[weights + Weights.channels], ints[weights + Weights.filters]
    for c in range(channels):
        w = ints[weights + Weights.w] + c * ints[weights + Weights.channel_step]
        for tap in range(TAPS):
            for k in range(0, filters, lanes(memory)):
                step = ints[weights + Weights.filter_step]
                source = w + tap * ints[weights + Weights.tap_step] + k * step
                value = _filters(memory, source, step, filters - k)
                store(memory, own + (tap * channels + c) * filters + k, value, filters - k)
    padded, padded_size = own + TAPS * channels * filters, ints[job + Job.padded_size]
    if padded_size:
        height, width, top, left = ints[tiles], ints[tiles + 1], ints[tiles + 3], ints[tiles + 4]
        pad_image(memory, image, height, width, channels, top, left, ints[job + Job.padded_width], padded_size, padded)
        image = padded
    multiply(
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
        filters,
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
    size = ints[tiles] * ints[tiles + 1] * channels
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
    total = images * ints[tiles + 8] * ints[tiles + 9]
    blocks = (total + block - 1) // block
    for b in range(blocks):
        start = b * total // blocks
        count = (b + 1) * total // blocks - start
        transform_inputs(memory, ints, tiles, x, start, count, channels, line, own, input_step, halfway)
        for panel in range(0, filters, PANEL):
            columns = min(filters - panel, PANEL)
            transformed = ints[weights + Weights.transformed] + panel // PANEL * POINTS * weight_step
            for point in range(POINTS):
                multiply(
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
                    ints[tiles + 10],
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
                memory, ints, job + POOL, 0, ints[job + POOL + 3], target, ints[job + Job.y] + step, argmax + step
            )


@functools.lru_cache(maxsize=512)
def _row_tables(channels: int, block: int) -> tuple[Any, Any]:
    """(row offsets, column and line offsets) of a block's products."""
    each = np.arange(channels)
    return np.arange(block) * whole(channels), np.stack([each, PANEL * each], axis=1).reshape(-1)


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
) -> list[launch.Job]:
    """Convolve images (n, h, w, c) with w (kh, kw, in, out), and write y (n, out_h, out_w, filters) or its pooling.

    `flipped` takes filters (kh, kw, out, in) turned by half: the input's gradient from the output's.
    """
    channels, filters, n = tables.channels, tables.filters, len(source)
    panels = -(-filters // PANEL)
    transformed = empty((panels, POINTS, channels * PANEL + APART), w.dtype)
    tap = channels * filters
    start, *steps = ((TAPS - 1) * tap, 1, channels, -tap) if flipped else (0, filters, 1, tap)
    weights = [w.reshape(-1)[start:], channels, filters, *steps, transformed]

    line = whole(channels)
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
    own = LANES + whole(most) + (whole(most * pixels * filters) if argmax is not None else 0) + max(matrices, directly)
    return [
        launch.Job(
            _transform_weights,
            weights,
            panels * -(-channels // CHANNELS_AT_ONCE),
            panels * PANEL * channels * 150,
            3 * LINE * LANES,
        ),
        launch.Job(
            _forward,
            [*job, *weights, *geometry(tables), *pool],
            tasks,
            n * down * across * POINTS * channels * filters,
            own,
        ),
    ]


def forward(
    x: Array, w: Array, b: Array | None, tables: Plan, relu: bool, pool: Window | None
) -> tuple[Array, Array | None, list[launch.Job]]:
    """(y, argmax, jobs); argmax is None without pooling."""
    filters = tables.filters
    sizes = () if pool is None else tuple(pool_geometry(tables.out, filters, *pool))
    weights, packing = packed(w.transpose(2, 3, 1, 0))
    bias = np.zeros(filters, x.dtype) if b is None else dense(b)
    y = empty((len(x), *(tables.out if pool is None else sizes[3:5]), filters), x.dtype)
    argmax = None if pool is None else empty_like(y)
    jobs = packing + convolve(block(x), weights, bias, tables, y, relu=relu, argmax=argmax, pool=sizes)
    return y.transpose(0, 3, 1, 2), None if argmax is None else argmax.transpose(0, 3, 1, 2), jobs
