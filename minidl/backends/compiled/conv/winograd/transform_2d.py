"""Winograd's transforms of tiles: six by six numbers, of all channels at once, first down and then across.

A tile's numbers at its 36 points go to 36 matrices, each of tiles by channels: all that is left of the convolution is
a matrix product at each point. Pixels outside of the image are read from an array of zeros instead.
"""

import functools
import math
from typing import NamedTuple

import numpy as np

from minidl.backends.compiled.codegen.cpu import CACHE_LINE, HAS_MASKS
from minidl.backends.compiled.codegen.jit import njit
from minidl.backends.compiled.codegen.lanewise import add, at_least
from minidl.backends.compiled.codegen.load_store import any_nan, lanes, load, load_whole, splat, store, store_whole
from minidl.backends.compiled.conv.plan import Geometry, Plan
from minidl.backends.compiled.conv.winograd.tile_2d import (
    fetch_tile,
    input_tile,
    output_grad_tile,
    output_tile,
)
from minidl.backends.compiled.conv.winograd.transform_1d import IN_TILE, OUT_TILE
from minidl.typing import Array

POINTS = IN_TILE * IN_TILE
PANEL = 32
"""Filters that are multiplied by, and transformed back, at a time: a multiple of a matrix product's tile's width."""

LANES = 16
"""Rows of matrices have a multiple of this length: the widest vector's."""

APART = 16
"""Floats between matrices: at a distance of whole pages, all 36 would compete for the same lines of the cache."""


class Tiles(NamedTuple):
    """Where the tiles of a convolution lie."""

    geometry: Geometry
    down: int  # tiles in an image
    across: int
    zeros: Array  # a row of a tile's pixels


def round_up(size: int) -> int:
    """The next multiple of LANES."""
    return (size + LANES - 1) // LANES * LANES


align = njit(round_up)


@functools.cache
def zeros(size: int) -> np.ndarray:
    """Zeros to start sums from, and to find outside of images."""
    return np.zeros(size, np.float32)


@functools.lru_cache(maxsize=512)
def tiles_for(plan: Plan) -> Tiles:
    """The tiles of a plan's images."""
    down, across = (-(-size // OUT_TILE) for size in plan.out)
    return Tiles(plan.geometry, down, across, zeros(IN_TILE * max(plan.channels, plan.filters, PANEL)))


@njit
def _next_place(tiles, image, i, j):
    """The (image, row, column) of the next tile."""
    j += 1
    if j == tiles.across:
        i, j = i + 1, 0
        if i == tiles.down:
            return image + 1, 0, 0
    return image, i, j


@njit
def _copied(memory, row, pixel, first, last, size, target, count):
    """The target, to which `count` lanes of a row are copied, with zeros outside of columns first to last - 1."""
    for j in range(size):
        at = target + j * lanes(memory)
        store_whole(memory, at, load(memory, row + j * pixel, count if first <= j < last else 0))
    return target


@njit
def transform_inputs(memory, tiles, images, first, count, channels, target_row, target, step, scratch):
    """Write `channels` channels of tiles first, first + 1, ... to 36 matrices `step` apart, of rows of `target_row`.

    `scratch` has room for a tile of vectors.
    """
    geometry, outside, n = tiles.geometry, tiles.zeros, lanes(memory)
    height, width, pixel = geometry.height, geometry.width, geometry.channels
    image, place = divmod(first, tiles.down * tiles.across)
    i, j = divmod(place, tiles.across)
    for t in range(count):
        top, left = i * OUT_TILE - geometry.top, j * OUT_TILE - geometry.left
        from_column, to_column = max(-left, 0), max(min(width - left, IN_TILE), 0)
        stride = width * pixel
        row = images + image * height * stride + top * stride + left * pixel
        row0 = row if 0 <= top < height else outside
        row1 = row + stride if 0 <= top + 1 < height else outside
        row2 = row + 2 * stride if 0 <= top + 2 < height else outside
        row3 = row + 3 * stride if 0 <= top + 3 < height else outside
        row4 = row + 4 * stride if 0 <= top + 4 < height else outside
        row5 = row + 5 * stride if 0 <= top + 5 < height else outside
        for c in range(0, channels, n):
            place, left_over = target + t * target_row + c, channels - c
            r0, r1, r2, r3, r4, r5, apart = row0 + c, row1 + c, row2 + c, row3 + c, row4 + c, row5 + c, pixel
            if not HAS_MASKS and (left_over < n or from_column > 0 or to_column < IN_TILE):
                columns = from_column, to_column, IN_TILE
                r0 = _copied(memory, r0, pixel, *columns, scratch, left_over)
                r1 = _copied(memory, r1, pixel, *columns, scratch + IN_TILE * n, left_over)
                r2 = _copied(memory, r2, pixel, *columns, scratch + 2 * IN_TILE * n, left_over)
                r3 = _copied(memory, r3, pixel, *columns, scratch + 3 * IN_TILE * n, left_over)
                r4 = _copied(memory, r4, pixel, *columns, scratch + 4 * IN_TILE * n, left_over)
                r5 = _copied(memory, r5, pixel, *columns, scratch + 5 * IN_TILE * n, left_over)
                apart = n
            input_tile(memory, r0, r1, r2, r3, r4, r5, apart, from_column, to_column, left_over, place, step)
            if c % CACHE_LINE == 0:
                fetch_tile(memory, row + IN_TILE * stride + c, stride, pixel)
        image, i, j = _next_place(tiles, image, i, j)


@njit
def transform_output_grads(memory, tiles, grads, first, count, filters, target_row, target, step, scratch):
    """Write `filters` filters' gradients of tiles first, first + 1, ... to 36 matrices `step` apart."""
    geometry, outside, n = tiles.geometry, tiles.zeros, lanes(memory)
    height, width, pixel = geometry.out_height, geometry.out_width, geometry.filters
    image, place = divmod(first, tiles.down * tiles.across)
    i, j = divmod(place, tiles.across)
    for t in range(count):
        top, left = i * OUT_TILE, j * OUT_TILE
        to_column = min(width - left, OUT_TILE)
        stride = width * pixel
        row0 = grads + ((image * height + top) * width + left) * pixel
        row1 = row0 + stride if top + 1 < height else outside
        row2 = row0 + 2 * stride if top + 2 < height else outside
        row3 = row0 + 3 * stride if top + 3 < height else outside
        for c in range(0, filters, n):
            place, left_over = target + t * target_row + c, filters - c
            r0, r1, r2, r3, apart = row0 + c, row1 + c, row2 + c, row3 + c, pixel
            if not HAS_MASKS and (left_over < n or to_column < OUT_TILE):
                columns = 0, to_column, OUT_TILE
                r0 = _copied(memory, r0, pixel, *columns, scratch, left_over)
                r1 = _copied(memory, r1, pixel, *columns, scratch + OUT_TILE * n, left_over)
                r2 = _copied(memory, r2, pixel, *columns, scratch + 2 * OUT_TILE * n, left_over)
                r3 = _copied(memory, r3, pixel, *columns, scratch + 3 * OUT_TILE * n, left_over)
                apart = n
            output_grad_tile(memory, r0, r1, r2, r3, apart, to_column, left_over, place, step)
            if c % CACHE_LINE == 0:
                fetch_tile(memory, row0 + OUT_TILE * stride + c, stride, pixel)
        image, i, j = _next_place(tiles, image, i, j)


@njit
def _copy_outputs(memory, source, rows, columns, other, floor, target, stride, pixel, count):
    """Copy `count` lanes of a tile's first rows and columns, with the numbers `other` behind them unless it is 0."""
    for i in range(rows):
        for j in range(columns):
            place = target + i * stride + j * pixel
            value = load_whole(memory, source + (OUT_TILE * i + j) * lanes(memory))
            if other:
                value = add(value, load(memory, place + other, count))
            store(memory, place, at_least(floor, value), count)


@njit
def transform_outputs(memory, tiles, source, step, first, count, columns, bias, other, relu, y, pixel, bad, scratch):
    """Write `columns` filters of tiles first, first + 1, ... from 36 matrices with rows of PANEL to the outputs y.

    Its pixels lie `pixel` floats apart. `scratch` has room for a tile of vectors.

    With the bias, the numbers `other` behind the outputs unless it is 0, and a ReLU if wanted. bad[t] tells whether the
    t-th of these tiles has a number that isn't finite, which spreads over all of it; how many do is returned. Sums that
    are below what rounding makes of zero, beside the largest of the tile, are zero: so where a window holds nothing but
    zeros, as in the background of an image, ReLU and its gradient find exactly that.
    """
    found = 0
    geometry, n, zero = tiles.geometry, lanes(memory), splat(memory, 0.0)
    anything, floor = splat(memory, -math.inf), splat(memory, 0.0 if relu else -math.inf)
    height, width = geometry.out_height, geometry.out_width
    stride = width * pixel
    image, place = divmod(first, tiles.down * tiles.across)
    i, j = divmod(place, tiles.across)
    for t in range(count):
        top, left = i * OUT_TILE, j * OUT_TILE
        rows, right = min(OUT_TILE, height - top), min(OUT_TILE, width - left)
        target = y + ((image * height + top) * width + left) * pixel
        is_whole = rows == OUT_TILE and right == OUT_TILE
        check = zero
        for c in range(0, columns, n):
            left_over, at, to = columns - c, source + t * PANEL + c, target + c
            more = load(memory, bias + c, left_over)
            if is_whole and left_over >= n:
                check = output_tile(memory, at, step, floor, more, other, to, stride, pixel, check)
                if c % CACHE_LINE == 0:
                    fetch_tile(memory, to + OUT_TILE * stride, stride, pixel)
            else:
                part = output_tile(memory, at, step, anything, more, 0, scratch, OUT_TILE * n, n, zero)
                _copy_outputs(memory, scratch, rows, right, other, floor, to, stride, pixel, left_over)
                store_whole(memory, scratch, part)
                check = add(check, load(memory, scratch, left_over))
        is_bad = any_nan(check)
        memory[bad + t] = is_bad
        found += is_bad
        image, i, j = _next_place(tiles, image, i, j)
    return found
