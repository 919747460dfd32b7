"""Winograd's transforms of tiles: six by six numbers, of all channels at once, first down and then across.

A tile's numbers at its 36 points go to 36 matrices, each of tiles by channels: so that all that is left of the
convolution is a matrix product at each point. Pixels outside of the image are read from an array of zeros instead.
"""

import functools
from enum import IntEnum, auto
from typing import Any

import numpy as np

from minidl.backends.compiled.codegen.jit import njit
from minidl.backends.compiled.codegen.lanewise import (
    add,
    larger_magnitude,
    multiply,
    multiply_add,
    rectify,
    unless_below,
)
from minidl.backends.compiled.codegen.load_store import any_nan, lanes, load, prefetch, splat, store, store_whole
from minidl.backends.compiled.conv.plan import Plan
from minidl.backends.compiled.conv.winograd.transform_1d import LINE, TILE, input_line, output_line, slope_line

POINTS = LINE * LINE
PANEL = 32
"""Filters that are multiplied by, and transformed back, at a time: a multiple of what a tile of products is wide."""

LANES = 16
"""Matrices have lines of a multiple of so many numbers: the widest vector's."""

APART = 16
"""Numbers between matrices: at a distance of whole pages, all 36 would meet in the same lines of the cache."""


class Tiles(IntEnum):
    """The places of the integers that say where tiles lie."""

    height = 0  # of the image
    width = auto()
    channels = auto()
    top = auto()
    left = auto()
    out_height = auto()
    out_width = auto()
    filters = auto()
    down = auto()  # tiles in an image
    across = auto()
    zeros = auto()  # a line of pixels of a tile
    counting = auto()  # 0, 1, 2, ...: row offsets of a matrix whose rows lie side by side


@functools.cache
def counting(size: int) -> np.ndarray:
    """0, 1, ... below the size."""
    return np.arange(size, dtype=np.int64)


def round_up(channels: int) -> int:
    """The length of a line of a matrix for so many channels."""
    return -(-channels // LANES) * LANES


def tiles_of(tables: Plan) -> tuple[int, int]:
    """How many tiles lie below each other and side by side."""
    return -(-tables.out[0] // TILE), -(-tables.out[1] // TILE)


@functools.cache
def zeros(size: int) -> np.ndarray:
    """Zeros to start sums from, and to find outside of images."""
    return np.zeros(size, np.float32)


@functools.lru_cache(maxsize=512)
def geometry(tables: Plan) -> tuple[Any, ...]:
    """The arguments of `Tiles`."""
    most = max(tables.channels, tables.filters, PANEL)
    return (
        *(*tables.size, tables.channels, tables.padding[0][0], tables.padding[1][0]),
        *(*tables.out, tables.filters, *tiles_of(tables)),
        *(zeros(LINE * most), counting(most)),
    )


CACHE_LINE = 16
"""Floats of a cache line: of a longer one, some are asked for twice."""


@njit
def _fetch(memory, first, lines, below, count):
    """Ask for `count` floats of each of some lines of an image: the CPU doesn't foresee that tiles turn to them.

    A row of tiles passes by before they are needed.
    """
    for i in range(lines):
        for q in range(0, count, CACHE_LINE):
            prefetch(memory, first + i * below + q)


@njit
def _clear_column(memory, target, step):
    """Zeros for a column outside of the image."""
    for i in range(LINE):
        store_whole(memory, target + i * step, splat(memory, 0.0))


@njit
def transform_inputs(memory, ints, tiles, images, first, count, channels, line, target, step, own):
    """Write `channels` channels of tiles first, first + 1, ... to 36 matrices `step` apart, with lines of `line`.

    `own` has room for a tile of vectors.
    """
    height, width, pixel = ints[tiles + Tiles.height], ints[tiles + Tiles.width], ints[tiles + Tiles.channels]
    down, across, outside = ints[tiles + Tiles.down], ints[tiles + Tiles.across], ints[tiles + Tiles.zeros]
    n = lanes(memory)
    for t in range(count):
        image, place = divmod(first + t, down * across)
        top = place // across * TILE - ints[tiles + Tiles.top]
        left = place % across * TILE - ints[tiles + Tiles.left]
        from_column, to_column = max(-left, 0), max(min(width - left, LINE), 0)
        below = width * pixel
        row = images + image * height * below + top * below + left * pixel
        row0 = row if 0 <= top < height else outside
        row1 = row + below if 0 <= top + 1 < height else outside
        row2 = row + 2 * below if 0 <= top + 2 < height else outside
        row3 = row + 3 * below if 0 <= top + 3 < height else outside
        row4 = row + 4 * below if 0 <= top + 4 < height else outside
        row5 = row + 5 * below if 0 <= top + 5 < height else outside
        _fetch(memory, row + LINE * below, min(height - top - LINE, TILE), below, min(TILE, to_column) * pixel)
        for c in range(0, channels, n):
            for j in range(from_column):
                _clear_column(memory, own + j * n, LINE * n)
            for j in range(from_column, to_column):
                at = j * pixel + c
                input_line(
                    memory,
                    row0 + at,
                    row1 + at,
                    row2 + at,
                    row3 + at,
                    row4 + at,
                    row5 + at,
                    own + j * n,
                    LINE * n,
                    channels - c,
                )
            for j in range(to_column, LINE):
                _clear_column(memory, own + j * n, LINE * n)
            for i in range(LINE):
                part = own + i * LINE * n
                place = target + i * LINE * step + t * line + c
                input_line(
                    memory, part, part + n, part + 2 * n, part + 3 * n, part + 4 * n, part + 5 * n, place, step, n
                )


@njit
def transform_slopes(memory, ints, tiles, slopes, first, count, filters, line, target, step, own):
    """Write `filters` filters' slopes of tiles first, first + 1, ... to 36 matrices `step` apart."""
    height, width, pixel = ints[tiles + Tiles.out_height], ints[tiles + Tiles.out_width], ints[tiles + Tiles.filters]
    down, across, outside = ints[tiles + Tiles.down], ints[tiles + Tiles.across], ints[tiles + Tiles.zeros]
    n = lanes(memory)
    for t in range(count):
        image, place = divmod(first + t, down * across)
        top, left = place // across * TILE, place % across * TILE
        to_column = min(width - left, TILE)
        below = width * pixel
        row0 = slopes + ((image * height + top) * width + left) * pixel
        row1 = row0 + below if top + 1 < height else outside
        row2 = row0 + 2 * below if top + 2 < height else outside
        row3 = row0 + 3 * below if top + 3 < height else outside
        _fetch(memory, row0 + TILE * below, min(height - top - TILE, TILE), below, to_column * pixel)
        for c in range(0, filters, n):
            for j in range(to_column):
                at = j * pixel + c
                slope_line(memory, row0 + at, row1 + at, row2 + at, row3 + at, own + j * n, TILE * n, filters - c)
            for j in range(to_column, TILE):
                _clear_column(memory, own + j * n, TILE * n)
            for i in range(LINE):
                part = own + i * TILE * n
                to = target + i * LINE * step + t * line + c
                slope_line(memory, part, part + n, part + 2 * n, part + 3 * n, to, step, n)


@njit
def _store_output(memory, target, value, bias, relu, count):
    """Write an output with its bias, and through a ReLU if wanted."""
    value = add(value, bias)
    if relu:
        value = rectify(value)
    if count >= lanes(memory):  # without a mask, which AVX2 stores slowly
        store_whole(memory, target, value)
    else:
        store(memory, target, value, count)


NOTHING = 2.0**-18
"""What rounding may leave of zero, in a sum of a tile, beside its largest."""


@njit
def transform_outputs(memory, ints, tiles, source, step, first, count, columns, bias, relu, y, bad, own):
    """Write `columns` filters of tiles first, first + 1, ... from 36 matrices with lines of PANEL to the outputs y.

    With the bias, and through a ReLU if wanted. bad[n] becomes one where image n has a number that isn't finite: one
    such number spreads over its tile. Sums that are below what rounding makes of zero, beside the largest of the tile,
    are zero: so where a window holds nothing but zeros, as in the background of an image, ReLU and its gradient find
    exactly that.
    """
    height, width, pixel = ints[tiles + Tiles.out_height], ints[tiles + Tiles.out_width], ints[tiles + Tiles.filters]
    down, across = ints[tiles + Tiles.down], ints[tiles + Tiles.across]
    n = lanes(memory)
    zero = splat(memory, 0.0)
    for t in range(count):
        image, place = divmod(first + t, down * across)
        top, left = place // across * TILE, place % across * TILE
        rows, right = min(TILE, height - top), min(TILE, width - left)
        target = y + ((image * height + top) * width + left) * pixel
        for j in range(right):
            _fetch(memory, target + (TILE * width + j) * pixel, min(height - top - TILE, TILE), width * pixel, columns)
        check = zero
        for c in range(0, columns, n):
            left_over = columns - c
            largest = zero
            for j in range(LINE):
                y0, y1, y2, y3 = output_line(memory, source + j * step + t * PANEL + c, LINE * step, left_over)
                largest = larger_magnitude(larger_magnitude(largest, y0), y1)
                largest = larger_magnitude(larger_magnitude(largest, y2), y3)
                store_whole(memory, own + j * n, y0)
                store_whole(memory, own + (LINE + j) * n, y1)
                store_whole(memory, own + (2 * LINE + j) * n, y2)
                store_whole(memory, own + (3 * LINE + j) * n, y3)
            more, least = load(memory, bias + c, left_over), multiply(largest, splat(memory, NOTHING))
            for i in range(rows):
                y0, y1, y2, y3 = output_line(memory, own + i * LINE * n, n, n)
                check = multiply_add(y0, zero, multiply_add(y1, zero, check))
                check = multiply_add(y2, zero, multiply_add(y3, zero, check))
                place = target + i * width * pixel + c
                _store_output(memory, place, unless_below(y0, least), more, relu, left_over)
                if right > 1:
                    _store_output(memory, place + pixel, unless_below(y1, least), more, relu, left_over)
                if right > 2:
                    _store_output(memory, place + 2 * pixel, unless_below(y2, least), more, relu, left_over)
                if right > 3:
                    _store_output(memory, place + 3 * pixel, unless_below(y3, least), more, relu, left_over)
        if any_nan(check):
            memory[bad + image] = 1
