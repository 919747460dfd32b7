"""Winograd's transforms of tiles: six by six numbers, of all channels at once, first down and then across.

A tile's numbers at its 36 points go to 36 matrices, each of tiles by channels: so that all that is left of the
convolution is a matrix product at each point. Pixels outside of the image are read from an array of zeros instead.
"""

import functools
from enum import IntEnum, auto

import numpy as np

from minidl.backends.compiled.jit import njit
from minidl.backends.compiled.memory import at
from minidl.backends.compiled.plan import Plan
from minidl.backends.compiled.simd import (
    add,
    any_nan,
    lanes,
    load,
    load_whole,
    multiply_add,
    rectify,
    splat,
    store,
)
from minidl.backends.compiled.winograd_lines import LINE, TILE, input_lines, output_lines, slope_lines

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
    zeros = auto()  # as many as there are channels or filters
    counting = auto()  # 0, 1, 2, ...: row offsets of a matrix whose rows lie side by side


@functools.cache
def counting(size: int) -> np.ndarray:
    """0, 1, ... below a size that is at least the one asked for."""
    return np.arange(size)


def whole(channels: int) -> int:
    """The length of a line of a matrix for so many channels."""
    return -(-channels // LANES) * LANES


def tiles_of(tables: Plan) -> tuple[int, int]:
    """How many tiles lie below each other and side by side."""
    return -(-tables.out[0] // TILE), -(-tables.out[1] // TILE)


@functools.lru_cache(maxsize=256)
def zeros(size: int) -> np.ndarray:
    """Zeros to start sums from, and to find outside of images."""
    return np.zeros(size, np.float32)


@functools.lru_cache(maxsize=512)
def geometry(tables: Plan) -> tuple[int, ...]:
    """The integers of `Tiles`."""
    most = max(tables.channels, tables.filters, PANEL)
    return (
        *(*tables.size, tables.channels, tables.padding[0][0], tables.padding[1][0]),
        *(*tables.out, tables.filters, *tiles_of(tables)),
        *(at(zeros(most)), at(counting(most))),
    )


@njit
def transform_inputs(memory, ints, tiles, images, first, count, line, target, step, own):
    """Write tiles first, first + 1, ... of the images to 36 matrices `step` apart, lines `line` long.

    `own` has room for a tile: 36 lines.
    """
    height, width, channels = ints[tiles + Tiles.height], ints[tiles + Tiles.width], ints[tiles + Tiles.channels]
    down, across, outside = ints[tiles + Tiles.down], ints[tiles + Tiles.across], ints[tiles + Tiles.zeros]
    for t in range(count):
        image, place = divmod(first + t, down * across)
        top = place // across * TILE - ints[tiles + Tiles.top]
        left = place % across * TILE - ints[tiles + Tiles.left]
        pixels = images + image * height * width * channels
        below = width * channels
        for j in range(LINE):
            inside = 0 <= left + j < width
            source = pixels + (top * width + left + j) * channels
            input_lines(
                memory,
                source if inside and 0 <= top < height else outside,
                source + below if inside and 0 <= top + 1 < height else outside,
                source + 2 * below if inside and 0 <= top + 2 < height else outside,
                source + 3 * below if inside and 0 <= top + 3 < height else outside,
                source + 4 * below if inside and 0 <= top + 4 < height else outside,
                source + 5 * below if inside and 0 <= top + 5 < height else outside,
                own + j * line,
                LINE * line,
                channels,
            )
        for i in range(LINE):
            part = own + i * LINE * line
            input_lines(
                memory,
                part,
                part + line,
                part + 2 * line,
                part + 3 * line,
                part + 4 * line,
                part + 5 * line,
                target + i * LINE * step + t * line,
                step,
                line,
            )


@njit
def transform_slopes(memory, ints, tiles, slopes, first, count, line, target, step, own):
    """Write tiles first, first + 1, ... of the outputs' slopes to 36 matrices `step` apart, lines `line` long."""
    height, width = ints[tiles + Tiles.out_height], ints[tiles + Tiles.out_width]
    filters = ints[tiles + Tiles.filters]
    down, across, outside = ints[tiles + Tiles.down], ints[tiles + Tiles.across], ints[tiles + Tiles.zeros]
    for t in range(count):
        image, place = divmod(first + t, down * across)
        top, left = place // across * TILE, place % across * TILE
        below = width * filters
        for j in range(TILE):
            inside = left + j < width
            source = slopes + ((image * height + top) * width + left + j) * filters
            slope_lines(
                memory,
                source if inside else outside,
                source + below if inside and top + 1 < height else outside,
                source + 2 * below if inside and top + 2 < height else outside,
                source + 3 * below if inside and top + 3 < height else outside,
                own + j * line,
                TILE * line,
                filters,
            )
        for i in range(LINE):
            part = own + i * TILE * line
            slope_lines(
                memory,
                part,
                part + line,
                part + 2 * line,
                part + 3 * line,
                target + i * LINE * step + t * line,
                step,
                line,
            )


@njit
def transform_outputs(memory, ints, tiles, source, step, first, count, columns, bias, relu, y, bad, own):
    """Write `columns` filters of tiles first, first + 1, ... from 36 matrices with lines of PANEL to the outputs y.

    With the bias, and through a ReLU if wanted. bad[n] becomes one where image n has a number that isn't finite: one
    such number spreads over its tile.
    """
    height, width = ints[tiles + Tiles.out_height], ints[tiles + Tiles.out_width]
    filters = ints[tiles + Tiles.filters]
    down, across = ints[tiles + Tiles.down], ints[tiles + Tiles.across]
    n = lanes(memory)
    zero = splat(memory, 0.0)
    for t in range(count):
        image, place = divmod(first + t, down * across)
        top, left = place // across * TILE, place % across * TILE
        rows, right = min(TILE, height - top), min(TILE, width - left)
        for j in range(LINE):
            output_lines(memory, source + j * step + t * PANEL, LINE * step, own + j * PANEL, LINE * PANEL, columns)
        check = zero
        for i in range(rows):
            part, line = own + i * LINE * PANEL, own + TILE * LINE * PANEL
            output_lines(memory, part, PANEL, line, PANEL, columns)
            pixel = y + ((image * height + top + i) * width + left) * filters
            for j in range(right):
                for c in range(0, columns, n):
                    value = load_whole(memory, line + j * PANEL + c)
                    check = multiply_add(value, zero, check)
                    value = add(value, load(memory, bias + c, columns - c))
                    store(memory, pixel + j * filters + c, rectify(value) if relu else value, columns - c)
        if any_nan(check):
            memory[bad + image] = 1
