"""The sums of Winograd's products at 36 points, as the gradients of the filters' nine taps.

Where one of them isn't finite, all are computed anew, directly: NaN and infinity would be in all the taps of a filter.
"""

import math
from enum import IntEnum, auto

import numpy as np

from minidl.backends.compiled.codegen.jit import Kernel
from minidl.backends.compiled.codegen.lanewise import add, multiply_add
from minidl.backends.compiled.codegen.load_store import (
    any_nan,
    clear,
    lanes,
    load,
    load_whole,
    splat,
    store,
    store_whole,
)
from minidl.backends.compiled.conv.plan import Plan
from minidl.backends.compiled.conv.winograd.filters import TAPS
from minidl.backends.compiled.conv.winograd.transform_1d import LINE, filter_slope_line
from minidl.backends.compiled.conv.winograd.transform_2d import LANES, POINTS, Tiles, geometry
from minidl.backends.compiled.matmul.gather_matmul import gather_matmul_plain
from minidl.backends.compiled.runtime import program
from minidl.backends.compiled.runtime.padding import pad_image
from minidl.backends.compiled.runtime.program import pack
from minidl.typing import Array

FINISHERS = 16
"""Among so many tasks the channels' gradients are shared, when they are transformed back."""


class Finish(IntEnum):
    """The places of the integers of the jobs that make gradients of the sums; the tiles' geometry follows them."""

    sums = 0
    parts = auto()
    step = auto()
    dw = auto()  # (kh, kw, channels, filters)
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


@Kernel
def _finish(memory, ints, job, task, own):
    """Some channels' sums at 36 points to the slopes of their taps."""
    tiles = job + FINISH_TILES
    channels, filters, parts = ints[tiles + Tiles.channels], ints[tiles + Tiles.filters], ints[job + Finish.parts]
    step, n, zero = ints[job + Finish.step], lanes(memory), splat(memory, 0.0)
    halfway = own + POINTS * n
    taps = halfway + 3 * LINE * n
    check = zero
    for c in range(task * channels // FINISHERS, (task + 1) * channels // FINISHERS):
        for k in range(0, filters, n):
            count = filters - k
            for point in range(POINTS):
                source = ints[job + Finish.sums] + point * step + c * filters + k
                value = load(memory, source, count)
                for part in range(1, parts):
                    value = add(value, load(memory, source + part * POINTS * step, count))
                store_whole(memory, own + point * n, value)
            for j in range(LINE):
                filter_slope_line(memory, own + j * n, LINE * n, halfway + j * n, LINE * n)
            for i in range(3):
                filter_slope_line(memory, halfway + i * LINE * n, n, taps + 3 * i * n, n)
            target = ints[job + Finish.dw] + c * filters + k
            for tap in range(TAPS):
                value = load_whole(memory, taps + tap * n)
                check = multiply_add(value, zero, check)
                store(memory, target + tap * channels * filters, value, count)
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
    dw = ints[job + Finish.dw]
    clear(memory, dw, TAPS * channels * filters)
    for n in range(ints[job + Finish.images]):
        image = ints[job + Finish.x] + n * height * width * channels
        if padded_size:
            top, left, padded_width = ints[tiles + Tiles.top], ints[tiles + Tiles.left], ints[job + Finish.padded_width]
            pad_image(memory, image, height, width, channels, top, left, padded_width, padded_size, own)
            image = own
        gather_matmul_plain(
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
            dw,
            filters,
            -math.inf,
        )


def finish_jobs(source: Array, slopes: Array, tables: Plan, sums: Array, dw: Array) -> list[program.Job]:
    """Jobs that write dw (kh kw in, out) from sums (parts, 36, step)."""
    arguments = pack(
        Finish,
        sums=sums,
        parts=len(sums),
        step=sums.shape[-1],
        dw=dw,
        bad=np.empty(FINISHERS, sums.dtype),
        x=source,
        slopes=slopes,
        images=len(source),
        pixels=tables.pixels.size,
        tap_offsets=tables.taps,
        table=tables.weights_unpadded,
        padded_width=tables.padded[1],
        padded_size=tables.padded_size,
    )
    arguments += geometry(tables)
    return [
        program.Job(_finish, arguments, FINISHERS, sums.size * 8, (POINTS + 3 * LINE + TAPS) * LANES),
        program.Job(_finish_directly, arguments, 1, 0, tables.padded_size),
    ]
