"""Winograd's transforms of tiles: six by six numbers, of all channels at once, first down and then across.

A tile's numbers at its 36 points go to 36 matrices, each of tiles by channels: all that is left of the convolution is
a matrix product at each point. Pixels outside of the image are read from an array of zeros instead.
"""

import functools
from typing import NamedTuple

import numpy as np

from minidl.backends.compiled.codegen.cpu import CACHE_LINE
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
from minidl.backends.compiled.conv.plan import Geometry, Plan
from minidl.backends.compiled.conv.winograd.transform_1d import IN_TILE, OUT_TILE, input_1d, output_1d, output_grad_1d
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
def _fetch(memory, first, rows, stride, count):
    """Prefetch `count` floats of each of some rows of an image: the CPU doesn't foresee that tiles turn to them.

    A row of tiles is transformed before they are needed.
    """
    for i in range(rows):
        for q in range(0, count, CACHE_LINE):
            prefetch(memory, first + i * stride + q)


@njit
def _clear_column(memory, target, step):
    """Zeros for a column outside of the image."""
    for i in range(IN_TILE):
        store_whole(memory, target + i * step, splat(memory, 0.0))


@njit
def transform_inputs(memory, tiles, images, first, count, channels, target_row, target, step, scratch):
    """Write `channels` channels of tiles first, first + 1, ... to 36 matrices `step` apart, of rows of `target_row`.

    `scratch` has room for a tile of vectors.
    """
    geometry, outside, n = tiles.geometry, tiles.zeros, lanes(memory)
    height, width, pixel = geometry.height, geometry.width, geometry.channels
    for t in range(count):
        image, place = divmod(first + t, tiles.down * tiles.across)
        top = place // tiles.across * OUT_TILE - geometry.top
        left = place % tiles.across * OUT_TILE - geometry.left
        from_column, to_column = max(-left, 0), max(min(width - left, IN_TILE), 0)
        stride = width * pixel
        row = images + image * height * stride + top * stride + left * pixel
        row0 = row if 0 <= top < height else outside
        row1 = row + stride if 0 <= top + 1 < height else outside
        row2 = row + 2 * stride if 0 <= top + 2 < height else outside
        row3 = row + 3 * stride if 0 <= top + 3 < height else outside
        row4 = row + 4 * stride if 0 <= top + 4 < height else outside
        row5 = row + 5 * stride if 0 <= top + 5 < height else outside
        rows, columns = min(height - top - IN_TILE, OUT_TILE), min(OUT_TILE, to_column)
        _fetch(memory, row + IN_TILE * stride, rows, stride, columns * pixel)
        for c in range(0, channels, n):
            for j in range(from_column):
                _clear_column(memory, scratch + j * n, IN_TILE * n)
            for j in range(from_column, to_column):
                at = j * pixel + c
                input_1d(
                    *(memory, row0 + at, row1 + at, row2 + at, row3 + at, row4 + at, row5 + at),
                    *(scratch + j * n, IN_TILE * n, channels - c),
                )
            for j in range(to_column, IN_TILE):
                _clear_column(memory, scratch + j * n, IN_TILE * n)
            for i in range(IN_TILE):
                d = scratch + i * IN_TILE * n
                place = target + i * IN_TILE * step + t * target_row + c
                input_1d(memory, d, d + n, d + 2 * n, d + 3 * n, d + 4 * n, d + 5 * n, place, step, n)


@njit
def transform_output_grads(memory, tiles, grads, first, count, filters, target_row, target, step, scratch):
    """Write `filters` filters' gradients of tiles first, first + 1, ... to 36 matrices `step` apart."""
    geometry, outside, n = tiles.geometry, tiles.zeros, lanes(memory)
    height, width, pixel = geometry.out_height, geometry.out_width, geometry.filters
    for t in range(count):
        image, place = divmod(first + t, tiles.down * tiles.across)
        top, left = place // tiles.across * OUT_TILE, place % tiles.across * OUT_TILE
        to_column = min(width - left, OUT_TILE)
        stride = width * pixel
        row0 = grads + ((image * height + top) * width + left) * pixel
        row1 = row0 + stride if top + 1 < height else outside
        row2 = row0 + 2 * stride if top + 2 < height else outside
        row3 = row0 + 3 * stride if top + 3 < height else outside
        rows = min(height - top - OUT_TILE, OUT_TILE)
        _fetch(memory, row0 + OUT_TILE * stride, rows, stride, to_column * pixel)
        for c in range(0, filters, n):
            for j in range(to_column):
                at, to = j * pixel + c, scratch + j * n
                output_grad_1d(memory, row0 + at, row1 + at, row2 + at, row3 + at, to, OUT_TILE * n, filters - c)
            for j in range(to_column, OUT_TILE):
                _clear_column(memory, scratch + j * n, OUT_TILE * n)
            for i in range(IN_TILE):
                d, to = scratch + i * OUT_TILE * n, target + i * IN_TILE * step + t * target_row + c
                output_grad_1d(memory, d, d + n, d + 2 * n, d + 3 * n, to, step, n)


@njit
def _store_output(memory, target, value, bias, other, relu, count):
    """Write an output with its bias and, if there is one, what lies `other` behind it; through a ReLU if wanted."""
    value = add(value, bias)
    if other:
        value = add(value, load(memory, target + other, count))
    if relu:
        value = rectify(value)
    if count >= lanes(memory):  # without a mask, which AVX2 stores slowly
        store_whole(memory, target, value)
    else:
        store(memory, target, value, count)


NOTHING = 2.0**-18
"""What rounding may leave of zero, in a sum of a tile, beside its largest."""


@njit
def transform_outputs(memory, tiles, source, step, first, count, columns, bias, other, relu, y, pixel, bad, scratch):
    """Write `columns` filters of tiles first, first + 1, ... from 36 matrices with rows of PANEL to the outputs y.

    Its pixels lie `pixel` floats apart.

    With the bias, the numbers `other` behind the outputs unless it is 0, and a ReLU if wanted. bad[t] tells whether the
    t-th of these tiles has a number that isn't finite, which spreads over all of it; how many do is returned. Sums that
    are below what rounding makes of zero, beside the largest of the tile, are zero: so where a window holds nothing but
    zeros, as in the background of an image, ReLU and its gradient find exactly that.
    """
    found = 0
    geometry, n, zero = tiles.geometry, lanes(memory), splat(memory, 0.0)
    height, width = geometry.out_height, geometry.out_width
    for t in range(count):
        image, place = divmod(first + t, tiles.down * tiles.across)
        top, left = place // tiles.across * OUT_TILE, place % tiles.across * OUT_TILE
        rows, right = min(OUT_TILE, height - top), min(OUT_TILE, width - left)
        target, stride = y + ((image * height + top) * width + left) * pixel, width * pixel
        for j in range(right):
            below = target + OUT_TILE * stride + j * pixel
            _fetch(memory, below, min(height - top - OUT_TILE, OUT_TILE), stride, columns)
        check = zero
        for c in range(0, columns, n):
            left_over = columns - c
            largest = zero
            for j in range(IN_TILE):
                y0, y1, y2, y3 = output_1d(memory, source + j * step + t * PANEL + c, IN_TILE * step, left_over)
                largest = larger_magnitude(larger_magnitude(largest, y0), y1)
                largest = larger_magnitude(larger_magnitude(largest, y2), y3)
                store_whole(memory, scratch + j * n, y0)
                store_whole(memory, scratch + (IN_TILE + j) * n, y1)
                store_whole(memory, scratch + (2 * IN_TILE + j) * n, y2)
                store_whole(memory, scratch + (3 * IN_TILE + j) * n, y3)
            more, least = load(memory, bias + c, left_over), multiply(largest, splat(memory, NOTHING))
            for i in range(rows):
                y0, y1, y2, y3 = output_1d(memory, scratch + i * IN_TILE * n, n, n)
                check = multiply_add(y0, zero, multiply_add(y1, zero, check))
                check = multiply_add(y2, zero, multiply_add(y3, zero, check))
                place = target + i * stride + c
                _store_output(memory, place, unless_below(y0, least), more, other, relu, left_over)
                if right > 1:
                    _store_output(memory, place + pixel, unless_below(y1, least), more, other, relu, left_over)
                if right > 2:
                    _store_output(memory, place + 2 * pixel, unless_below(y2, least), more, other, relu, left_over)
                if right > 3:
                    _store_output(memory, place + 3 * pixel, unless_below(y3, least), more, other, relu, left_over)
        is_bad = any_nan(check)
        memory[bad + t] = is_bad
        found += is_bad
    return found
