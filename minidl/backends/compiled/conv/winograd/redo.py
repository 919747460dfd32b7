"""Tiles whose outputs aren't all finite, convolved again as im2col does it: this is rare.

NaN and infinity are all over a tile after its transforms, and belong to those outputs alone whose windows hold them.
"""

import functools
import math

import numpy as np

from minidl.backends.compiled.codegen.jit import njit
from minidl.backends.compiled.codegen.load_store import clear, copy
from minidl.backends.compiled.conv.epilogue import add_rows
from minidl.backends.compiled.conv.im2col.input_gradient import input_by_windows
from minidl.backends.compiled.conv.winograd.filters import TAPS, order_filters
from minidl.backends.compiled.conv.winograd.transform_1d import IN_TILE, OUT_TILE
from minidl.backends.compiled.conv.winograd.transform_2d import PANEL
from minidl.backends.compiled.matmul.gather_matmul import gather_matmul_plain
from minidl.typing import IntArray


@functools.lru_cache(maxsize=512)
def patch_tables(channels: int, filters: int) -> tuple[IntArray, IntArray]:
    """(offsets of a row of windows in a patch (6, 6, c), those of a window's numbers and of the weights by turns)."""
    row, column, channel = np.ogrid[:3, :3, :channels]
    taps = ((row * IN_TILE + column) * channels + channel).reshape(-1)
    table = np.stack([taps, filters * np.arange(taps.size)], axis=1).reshape(-1)
    return np.arange(OUT_TILE, dtype=np.int64) * channels, np.ascontiguousarray(table, np.int64)


def redo_room(channels: int, *, is_gradient: bool) -> int:
    """Floats of scratch that `redo_tiles` needs."""
    return channels * (TAPS * PANEL if is_gradient else IN_TILE * IN_TILE)


@njit
def _copy_patch(memory, geometry, image, top, left, target):
    """Copy the pixels of a tile, (6, 6, c), with zeros outside of the image."""
    channels, height, width = geometry.channels, geometry.height, geometry.width
    clear(memory, target, IN_TILE * IN_TILE * channels)
    first, last = max(-left, 0), min(width - left, IN_TILE)
    for i in range(max(-top, 0), min(height - top, IN_TILE)):
        source = image + ((top + i) * width + left + first) * channels
        copy(memory, target + (i * IN_TILE + first) * channels, source, (last - first) * channels)


@njit
def redo_tiles(memory, ints, job, x, first, count, bad, filter_, columns, y, step, scratch):
    """Convolve those of tiles first, first + 1, ... of x again whose `bad` isn't zero, by `columns` filters.

    Their outputs begin at y, whose pixels lie `step` apart. The input's gradient has a border that isn't data: no
    weight may make NaN of it.
    """
    tiles, geometry, weights = job.tiles, job.tiles.geometry, job.weights
    height, width, channels = geometry.height, geometry.width, geometry.channels
    floor = 0.0 if job.relu and job.other == 0 else -math.inf
    tap = channels * columns
    if job.is_gradient:
        order_filters(memory, weights, filter_, columns, scratch)
    for t in range(count):
        if memory[bad + t] == 0:
            continue
        image, place = divmod(first + t, tiles.down * tiles.across)
        top, left = place // tiles.across * OUT_TILE, place % tiles.across * OUT_TILE
        rows, right = min(OUT_TILE, geometry.out_height - top), min(OUT_TILE, geometry.out_width - left)
        source = x + image * height * width * channels
        if not job.is_gradient:
            _copy_patch(memory, geometry, source, top - geometry.top, left - geometry.left, scratch)
        for i in range(rows):
            target = y + ((image * geometry.out_height + top + i) * geometry.out_width + left) * step
            if job.is_gradient:
                for j in range(right):
                    down, across = 2 - geometry.top + top + i, 2 - geometry.left + left + j
                    input_by_windows(
                        *(memory, source, (width * channels, height, width, channels), 1, scratch + (TAPS - 1) * tap),
                        *(-tap, (3, 3), (1, 1), (1, 1), down, across, (1, 1, columns), target + j * step),
                    )
                continue
            gather_matmul_plain(
                *(memory, ints, right, job.patch_offsets, TAPS * channels, job.patch_table, columns),
                *(scratch + i * IN_TILE * channels, weights.w + filter_, target, step, job.bias + filter_, 0, floor),
            )
            if job.other:
                for place in range(target, target + right * step, step):
                    add_rows(memory, 0, columns, place, place + job.other - job.y, job.relu)
