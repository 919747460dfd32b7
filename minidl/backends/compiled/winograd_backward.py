"""The gradients of Winograd's convolution, as jobs one after the other.

The input's gradient is itself a convolution, of the outputs' slopes with the filters turned by half. The weights' is,
at each of the 36 points, a product of the transformed inputs and slopes, summed over tiles. With few weights, each part
of the batch has sums of its own, by blocks of tiles that stay in the cache. With many, sums for each part would take
longer than the products: the tiles of a chunk of the batch are transformed first, then each point's sums are a task.
Where a weight's gradient isn't finite, all are computed anew, directly: NaN and infinity would be all over their tiles.
"""

import functools
import math
from enum import IntEnum, auto
from typing import Any

import numpy as np

from minidl.backends.compiled import launch
from minidl.backends.compiled.conv_image import copy_positive, sum_lines
from minidl.backends.compiled.jit import Kernel, njit
from minidl.backends.compiled.launch import PARTS, pack
from minidl.backends.compiled.memory import at, block, dense, empty
from minidl.backends.compiled.padding import pad_image
from minidl.backends.compiled.plan import Plan, plan
from minidl.backends.compiled.pool import unpool_image
from minidl.backends.compiled.product import multiply
from minidl.backends.compiled.simd import add, any_nan, clear, lanes, load, multiply_add, splat, store
from minidl.backends.compiled.winograd import PANEL, TAPS, Convolution, convolve
from minidl.backends.compiled.winograd_lines import LINE, filter_slope_lines
from minidl.backends.compiled.winograd_tiles import (
    APART,
    POINTS,
    Tiles,
    geometry,
    tiles_of,
    transform_inputs,
    transform_slopes,
    whole,
    zeros,
)
from minidl.typing import Array

FEW_WEIGHTS = 64 * 32
"""Up to so many filters times channels, sums for each part of the batch are kept apart."""

BLOCK = 140_000
"""Floats of a block's matrices, which stay in the second-level cache."""

CHUNK = 2_000_000
"""Floats of a chunk's matrices, which are to stay in the last-level cache."""

FINISHERS = 16
"""Among so many tasks the channels' gradients are shared, when they are transformed back."""


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
            unpool_image(memory, ints, pool, dy + step, argmax + step, y + step, y != 0, target, width)
        elif y:
            copy_positive(memory, target, dy + n * size, y + n * size, size)
        sum_lines(memory, target, width * filters, height, width, filters, db)


class Job(IntEnum):
    """The places of the integers of the products at 36 points; the tiles' geometry follows them."""

    mode = 0
    x = auto()
    slopes = auto()
    sums = auto()  # (parts, 36, channels, filters)
    matrices = auto()  # of a chunk
    first = auto()  # tile
    count = auto()
    parts = auto()
    block = auto()
    line = auto()  # of the inputs' matrices
    slope_line = auto()
    table = auto()
    is_first = auto()


GEOMETRY = len(Job)


class Mode(IntEnum):
    """What the kernel does."""

    ALL = 0  # a part of the batch, block by block
    TRANSFORM = 1  # a block of a chunk
    MULTIPLY = 2  # a chunk at a point


@njit
def _multiply_point(memory, ints, job, point, inputs, slopes, count, sums, is_first):
    """Add a point's products of `count` tiles' inputs and slopes to its sums (channels, filters), or begin them."""
    tiles = job + GEOMETRY
    channels, filters = ints[tiles + Tiles.channels], ints[tiles + Tiles.filters]
    sums += point * channels * filters
    multiply(
        memory,
        ints,
        channels,
        ints[tiles + Tiles.counting],
        count,
        ints[job + Job.table],
        filters,
        inputs,
        slopes,
        sums,
        filters,
        ints[tiles + Tiles.zeros] if is_first else sums,
        0 if is_first else filters,
        -math.inf,
    )


@Kernel
def _multiply_slopes(memory, ints, job, task, own):
    """The sums over tiles of inputs times slopes at 36 points, or one of the two steps that they take."""
    mode, tiles = ints[job + Job.mode], job + GEOMETRY
    filters = ints[tiles + Tiles.filters]
    x, slopes = ints[job + Job.x], ints[job + Job.slopes]
    first, count, block = ints[job + Job.first], ints[job + Job.count], ints[job + Job.block]
    line, slope_line = ints[job + Job.line], ints[job + Job.slope_line]
    sums = ints[job + Job.sums]
    many = block if mode == Mode.ALL else count
    step, slope_step = many * line + APART, many * slope_line + APART
    inputs = own if mode == Mode.ALL else ints[job + Job.matrices]
    halves = inputs + POINTS * step
    if mode == Mode.MULTIPLY:
        slope = halves + task * slope_step
        _multiply_point(
            memory, ints, job, task, inputs + task * step, slope, count, sums, ints[job + Job.is_first] != 0
        )
        return
    start, stop = 0, count
    if mode == Mode.TRANSFORM:
        start, stop = task * block, min((task + 1) * block, count)
    else:
        images, parts = count // (ints[tiles + Tiles.down] * ints[tiles + Tiles.across]), ints[job + Job.parts]
        each = count // max(images, 1)
        start, stop = task * images // parts * each, (task + 1) * images // parts * each
        sums += task * POINTS * ints[tiles + Tiles.channels] * filters
    blocks = (stop - start + block - 1) // block
    for b in range(blocks):
        t = start + b * (stop - start) // blocks
        size = start + (b + 1) * (stop - start) // blocks - t
        place = 0 if mode == Mode.ALL else t
        room = own if mode == Mode.TRANSFORM else halves + POINTS * slope_step
        transform_inputs(memory, ints, tiles, x, first + t, size, line, inputs + place * line, step, room)
        transform_slopes(
            memory, ints, tiles, slopes, first + t, size, slope_line, halves + place * slope_line, slope_step, room
        )
        if mode == Mode.ALL:
            for point in range(POINTS):
                slope = halves + point * slope_step
                _multiply_point(memory, ints, job, point, inputs + point * step, slope, size, sums, b == 0)


class Finish(IntEnum):
    """The places of the integers of the jobs that make gradients of the sums; the tiles' geometry follows them."""

    sums = 0
    parts = auto()
    dw = auto()  # (filters, channels, kh, kw)
    db_parts = auto()
    db_count = auto()
    db = auto()
    bad = auto()
    x = auto()  # from here on, for the direct products
    slopes = auto()
    images = auto()
    pixels = auto()
    tap_offsets = auto()
    table = auto()
    padded_width = auto()
    padded_size = auto()


FINISH_TILES = len(Finish)


@njit
def _add_parts(memory, source, parts, step, count, target):
    """Add `count` numbers from each of the parts, in turn."""
    for c in range(0, count, lanes(memory)):
        value = load(memory, source + c, count - c)
        for part in range(1, parts):
            value = add(value, load(memory, source + part * step + c, count - c))
        store(memory, target + c, value, count - c)


@njit
def _scatter(memory, ints, job, source, step, c, first, count):
    """Write the nine taps of channel c of `count` filters, in lines `step` apart, to dw."""
    tiles = job + FINISH_TILES
    channels = ints[tiles + Tiles.channels]
    target = ints[job + Finish.dw] + (first * channels + c) * TAPS
    for k in range(count):
        for tap in range(TAPS):
            memory[target + k * channels * TAPS + tap] = memory[source + tap * step + k]


@Kernel
def _finish(memory, ints, job, task, own):
    """Some channels' sums at 36 points to the slopes of their taps; the first task adds the bias's gradient up, too."""
    tiles = job + FINISH_TILES
    channels, filters, parts = ints[tiles + Tiles.channels], ints[tiles + Tiles.filters], ints[job + Finish.parts]
    if task == 0:
        _add_parts(
            memory, ints[job + Finish.db_parts], ints[job + Finish.db_count], filters, filters, ints[job + Finish.db]
        )
    step = channels * filters
    halfway = own + POINTS * PANEL
    taps = halfway + 3 * LINE * PANEL
    check = splat(memory, 0.0)
    for c in range(task * channels // FINISHERS, (task + 1) * channels // FINISHERS):
        for first in range(0, filters, PANEL):
            count = min(filters - first, PANEL)
            for point in range(POINTS):
                source = ints[job + Finish.sums] + point * step + c * filters + first
                _add_parts(memory, source, parts, POINTS * step, count, own + point * PANEL)
            for j in range(LINE):
                filter_slope_lines(memory, own + j * PANEL, LINE * PANEL, halfway + j * PANEL, LINE * PANEL, count)
            for i in range(3):
                target = taps + 3 * i * PANEL
                filter_slope_lines(memory, halfway + i * LINE * PANEL, PANEL, target, PANEL, count)
                for j in range(3):
                    for k in range(0, count, lanes(memory)):
                        value = load(memory, target + j * PANEL + k, count - k)
                        check = multiply_add(value, splat(memory, 0.0), check)
            _scatter(memory, ints, job, taps, PANEL, c, first, count)
    memory[ints[job + Finish.bad] + task] = 1 if any_nan(check) else 0


@Kernel
def _finish_directly(memory, ints, job, task, own):
    """Where the weights' gradient isn't finite, compute it as `conv_backward` does."""
    good = 0
    for part in range(FINISHERS):
        if memory[ints[job + Finish.bad] + part] == 0:
            good += 1
    if good == FINISHERS:
        return
    tiles = job + FINISH_TILES
    height, width, channels = ints[tiles + Tiles.height], ints[tiles + Tiles.width], ints[tiles + Tiles.channels]
    filters, pixels = ints[tiles + Tiles.filters], ints[job + Finish.pixels]
    padded_size = ints[job + Finish.padded_size]
    dw = own + padded_size
    clear(memory, dw, TAPS * channels * filters)
    for n in range(ints[job + Finish.images]):
        image = ints[job + Finish.x] + n * height * width * channels
        if padded_size:
            top, left, padded_width = ints[tiles + Tiles.top], ints[tiles + Tiles.left], ints[job + Finish.padded_width]
            pad_image(memory, image, height, width, channels, top, left, padded_width, padded_size, own)
            image = own
        multiply(
            memory,
            ints,
            TAPS * channels,
            ints[job + Finish.tap_offsets],
            pixels,
            ints[job + Finish.table],
            filters,
            image,
            ints[job + Finish.slopes] + n * pixels * filters,
            dw,
            filters,
            dw,
            filters,
            -math.inf,
        )
    for c in range(channels):
        _scatter(memory, ints, job, dw + c * filters, channels * filters, c, 0, filters)


@functools.lru_cache(maxsize=512)
def _table(line: int, slope_line: int, count: int) -> Any:
    """Where a tile's inputs and slopes lie in their matrices, by turns."""
    return np.stack([line * np.arange(count), slope_line * np.arange(count)], axis=1).reshape(-1)


def _product_jobs(source: Array, slopes: Array, tables: Plan) -> tuple[list[launch.Job], Array, list[Any]]:
    """(jobs, sums (parts, 36, channels, filters), what they work on): with sums for each part, or by chunks."""
    n, channels, filters = len(source), tables.channels, tables.filters
    down, across = tiles_of(tables)
    lines = whole(channels), whole(filters)
    tile = POINTS * sum(lines)
    own, work = POINTS * max(lines), down * across * POINTS * channels * filters
    apart = channels * filters <= FEW_WEIGHTS
    sums = empty((min(n, PARTS) if apart else 1, POINTS, channels, filters), source.dtype)

    def job(mode: Mode, tasks: int, work: float, scratch: int, *, block: int, **values: int) -> launch.Job:
        values = {"matrices": 0, "first": 0, "count": n * down * across, "is_first": 1} | values
        common = {"parts": len(sums), "line": lines[0], "slope_line": lines[1], "table": at(table)}
        places = {"x": at(source), "slopes": at(slopes), "sums": at(sums)}
        integers = pack(Job, mode=mode, block=block, **places, **common, **values)
        return launch.Job(_multiply_slopes, [*integers, *geometry(tables)], tasks, work, scratch)

    if apart:
        block = min(max(BLOCK // tile, 1), -(-n // PARTS) * down * across)
        table = _table(*lines, block)
        own += tile * block + 2 * POINTS * APART
        return [job(Mode.ALL, len(sums), n * work, own, block=block)], sums, [table]
    jobs = []
    total = n * down * across
    chunks = max(-(-total * tile // CHUNK), 1)
    most = -(-total // chunks)
    table = _table(*lines, most)
    matrices = empty((tile * most + 2 * POINTS * APART,), source.dtype)
    for chunk in range(chunks):
        first = chunk * total // chunks
        count = (chunk + 1) * total // chunks - first
        block = max(-(-count // FINISHERS), 1)
        places = {"block": block, "matrices": at(matrices), "first": first, "count": count, "is_first": not chunk}
        share = count * POINTS * channels * filters
        jobs.append(job(Mode.TRANSFORM, -(-count // block), share, own, **places))
        jobs.append(job(Mode.MULTIPLY, POINTS, share, 0, **places))
    return jobs, sums, [table, matrices]


def backward(
    dy: Array,
    x: Array,
    w: Array,
    tables: Plan,
    need_dx: bool,
    y: Array | None = None,
    argmax: Array | None = None,
    pool: tuple[int, ...] = (),
) -> tuple[Array | None, Array, Array, Convolution]:
    """(dx, dw, db, the jobs that compute them), with y through a ReLU, and with argmax through a pooling after it."""
    n, channels, height, width = x.shape
    filters, pixels, parts = tables.filters, tables.pixels.size, min(n, PARTS)
    source, given, filters_given = block(x), block(dy), dense(w)
    outputs, winners = (None if array is None else block(array) for array in (y, argmax))
    slopes = given if y is None else empty((n, *tables.out, filters), x.dtype)
    dw, db, db_parts = np.empty(w.shape, x.dtype), np.empty(filters, x.dtype), np.empty((parts, filters), x.dtype)
    bad = np.empty(FINISHERS, x.dtype)
    spread = pack(
        Spread,
        dy=at(given),
        y=at(outputs),
        argmax=at(winners),
        slopes=at(slopes),
        db=at(db_parts),
        images=n,
        parts=parts,
        out_height=tables.out[0],
        out_width=tables.out[1],
        filters=filters,
    )
    products, sums, kept = _product_jobs(source, slopes, tables)
    finish = pack(
        Finish,
        sums=at(sums),
        parts=len(sums),
        dw=at(dw),
        db_parts=at(db_parts),
        db_count=parts,
        db=at(db),
        bad=at(bad),
        x=at(source),
        slopes=at(slopes),
        images=n,
        pixels=pixels,
        tap_offsets=at(tables.taps),
        table=at(tables.weights_unpadded),
        padded_width=tables.padded[1],
        padded_size=tables.padded_size,
    )
    finish += geometry(tables)
    jobs = [
        launch.Job(_spread, [*spread, *pool], parts, n * pixels * filters * (32 if argmax is not None else 8)),
        *products,
        launch.Job(_finish, finish, FINISHERS, sums.size * 8, (POINTS + 3 * LINE + TAPS) * PANEL),
        launch.Job(_finish_directly, finish, 1, 0, tables.padded_size + TAPS * channels * filters),
    ]
    kept += [source, given, outputs, winners, slopes, db_parts, bad, sums, tables]
    if not need_dx:
        return None, dw, db, Convolution(jobs, kept)
    dx = empty((n, height, width, channels), x.dtype)
    turned = plan(
        tables.out,
        filters,
        channels,
        tables.kernel,
        tables.stride,
        ((2 - tables.padding[0][0], 2 - tables.padding[0][1]), (2 - tables.padding[1][0], 2 - tables.padding[1][1])),
        tables.dilation,
        1,
    )
    inputs = convolve(slopes, filters_given, zeros(channels), turned, dx, flipped=True)
    work = Convolution(jobs + inputs.jobs, kept + inputs.kept)
    return dx.transpose(0, 3, 1, 2), dw, db, work


def run_backward(
    dy: Array,
    x: Array,
    w: Array,
    tables: Plan,
    need_dx: bool,
    y: Array | None = None,
    argmax: Array | None = None,
    pool: tuple[int, ...] = (),
) -> tuple[Array | None, Array, Array]:
    """(dx, dw, db); with y, its output, through a ReLU, and with argmax through a pooling of this geometry."""
    dx, dw, db, work = backward(dy, x, w, tables, need_dx, y, argmax, pool)
    launch.run(x.dtype, *work.jobs)
    return dx, dw, db
