"""Convolution with pixels in the lanes of a vector, for few filters: each has a plane of its own until the end.

The product's columns are a line of pixels that runs through all lines of an image, border included; the few sums that
begin in a border are computed and dropped. A stride of s takes the image apart into s x s phases, each a plane, so
that pixels side by side in the output lie side by side in the image, too. So does max-pooling with windows of 2 x 2:
the pixels of a window are then four sums in registers, and only the largest is ever stored.
"""

import functools
import math
from enum import IntEnum, auto
from typing import Any, NamedTuple

import numpy as np

from minidl.backends.compiled.codegen.cpu import REGISTER_BYTES
from minidl.backends.compiled.codegen.interleave import interleave
from minidl.backends.compiled.codegen.jit import Kernel, njit
from minidl.backends.compiled.codegen.lanewise import evens, odds
from minidl.backends.compiled.codegen.load_store import clear, lanes, load_between, store
from minidl.backends.compiled.conv.plan import Plan
from minidl.backends.compiled.conv.planar.tile import (
    MOST_ROWS,
    NARROW,
    WIDE,
    WIDE_ROWS,
    WINDOW,
    pixel_tile,
    window_tile,
)
from minidl.backends.compiled.pool.max import prepare_max_pool
from minidl.backends.compiled.runtime import program
from minidl.backends.compiled.runtime.copy import prepare_packed
from minidl.backends.compiled.runtime.memory import as_nhwc, contiguous, empty, empty_like
from minidl.backends.compiled.runtime.program import pack
from minidl.backends.operators import Pool
from minidl.typing import Array


class Job(IntEnum):
    """The places of the kernel's integers."""

    x = 0
    weights = auto()  # (kh kw in, out)
    bias = auto()
    y = auto()
    argmax = auto()  # 0 without pooling
    relu = auto()
    bands = auto()  # from here on, the same in every job of a layout
    table = auto()
    depth = auto()
    filters = auto()
    height = auto()
    width = auto()
    top = auto()
    left = auto()
    phases_down = auto()
    phases_across = auto()
    plane_lines = auto()
    plane_width = auto()
    plane = auto()  # floats from a plane to the next
    out_height = auto()  # of the convolution, or of its windows
    out_width = auto()
    row = auto()  # floats from a filter's plane to the next
    buffer = auto()  # floats before the planes, for a line of the output
    planes = auto()  # floats of all planes


@njit
def fill_plane(memory, image, line, width, left, phases, plane, plane_width, lines, target):
    """Write `lines` lines of an image, `line` apart, in their borders of zeros, to a plane for each phase across."""
    for j in range((plane_width - 1) // lanes(memory) * lanes(memory), -1, -lanes(memory)):
        # From right to left: what the last vector writes beyond the end of a line, the first one writes over.
        column = phases * j - left
        for i in range(lines):
            source, place = image + i * line + column, target + i * plane_width + j
            a = load_between(memory, source, -column, width - column)
            if phases == 1:
                store(memory, place, a, lanes(memory))
            else:
                b = load_between(
                    memory, source + lanes(memory), -column - lanes(memory), width - column - lanes(memory)
                )
                store(memory, place, evens(a, b), lanes(memory))
                store(memory, place + plane, odds(a, b), lanes(memory))


@njit
def _fill_planes(memory, ints, job, n, first, target):
    """Write the lines of image n, from that of the first line of the output on, to planes (down, across)."""
    height, width = ints[job + Job.height], ints[job + Job.width]
    down, across = ints[job + Job.phases_down], ints[job + Job.phases_across]
    plane_lines, plane_width, plane = (
        ints[job + Job.plane_lines],
        ints[job + Job.plane_width],
        ints[job + Job.plane],
    )
    left = ints[job + Job.left]
    image = ints[job + Job.x] + n * height * width
    for a in range(down):
        top = ints[job + Job.top] - first * down - a  # lines of zeros before the image's first, counted in its lines
        begin = min(max((top + down - 1) // down, 0), plane_lines)
        end = max(min((top + height + down - 1) // down, plane_lines), begin)
        start, origin = image + (begin * down - top) * width, target + a * across * plane
        place = origin + begin * plane_width
        fill_plane(memory, start, down * width, width, left, across, plane, plane_width, end - begin, place)
        for b in range(across):
            clear(memory, origin + b * plane, begin * plane_width)
            clear(memory, origin + b * plane + end * plane_width, (plane_lines - end) * plane_width)


@njit
def _multiply(memory, ints, job, lines, planes, c, winners):
    """Each filter's plane C, and that of winners if windows are pooled, from the planes of the image."""
    filters, plane_width, row = ints[job + Job.filters], ints[job + Job.plane_width], ints[job + Job.row]
    weights, bias, depth, table = (
        ints[job + Job.weights],
        ints[job + Job.bias],
        ints[job + Job.depth],
        ints[job + Job.table],
    )
    floor = 0.0 if ints[job + Job.relu] else -math.inf
    columns = (lines - 1) * plane_width + ints[job + Job.out_width]
    tiles, k = (filters + MOST_ROWS - 1) // MOST_ROWS, 0
    for i in range(tiles):
        rows = (filters - k + tiles - i - 1) // (tiles - i)
        vectors = WIDE if rows <= WIDE_ROWS else NARROW
        w, b, to = weights + k, bias + k, k * row
        if ints[job + Job.argmax]:
            for j in range(0, columns, vectors // WINDOW * lanes(memory)):
                window_tile(
                    *(memory, ints, rows, vectors, depth, w, filters, table, planes + j, b),
                    *(c + to + j, winners + to + j, row, floor),
                )
        else:
            for j in range(0, columns, vectors * lanes(memory)):
                pixel_tile(memory, ints, rows, vectors, depth, w, filters, table, planes + j, b, c + to + j, row, floor)
        k += rows


@Kernel
def _forward(memory, ints, job, task, own):
    """Convolve a band of lines, add the bias, apply ReLU if wanted, and pool if there is an argmax to keep."""
    filters, bands, row = ints[job + Job.filters], ints[job + Job.bands], ints[job + Job.row]
    out_height, plane_width, argmax = ints[job + Job.out_height], ints[job + Job.plane_width], ints[job + Job.argmax]
    n, band = task // bands, task % bands
    first, last = band * out_height // bands, (band + 1) * out_height // bands
    planes = own + ints[job + Job.buffer]
    c = planes + ints[job + Job.planes]
    winners = c + filters * row
    _fill_planes(memory, ints, job, n, first, planes)
    _multiply(memory, ints, job, last - first, planes, c, winners)
    out_width, lines = ints[job + Job.out_width], last - first
    place = (n * out_height + first) * out_width * filters
    interleave(memory, filters, c, row, plane_width, ints[job + Job.y] + place, out_width, lines, own)
    if argmax:
        interleave(memory, filters, winners, row, plane_width, argmax + place, out_width, lines, own)


BAND = 1 << 15
"""Floats that a band of lines may take between input and output: an eighth of a megabyte, of float32."""

FEW_TASKS = 8
"""So many tasks at least, so that threads have enough to share of a few images."""

FEWEST_PIXELS = 256
"""A band has so many pixels at least, for the sake of full tiles."""

_BEYOND = WIDE * REGISTER_BYTES // 4
"""Floats that a tile may read and write beyond the last column."""


class _Layout(NamedTuple):
    """How a band of lines lies in a thread's own memory."""

    fixed: tuple[Any, ...]
    """The arguments that jobs have in common, from `Job.bands` on."""
    floats: int


@functools.lru_cache(maxsize=512)
def _layout(tables: Plan, size: int, bands: int) -> _Layout:
    """For an image in so many bands of lines, with windows of `size` pixels a side."""
    out_height, out_width = tables.out[0] // size, tables.out[1] // size
    lines = -(-out_height // bands)
    down, across = (size * stride for stride in tables.stride)
    plane_lines = lines + ((size - 1) * tables.stride[0] + tables.span - 1) // down
    plane_width = -(-tables.padded[1] // across)
    plane = plane_lines * plane_width + REGISTER_BYTES // 4
    planes = down * across * plane

    def offset(u: int, v: int, p: int, q: int) -> int:
        i, j = u * tables.stride[0] + p * tables.dilation[0], v * tables.stride[1] + q * tables.dilation[1]
        return int((i % down * across + j % across) * plane + i // down * plane_width + j // across)

    table = [
        offset(u, v, p, q)
        for p in range(tables.kernel[0])
        for q in range(tables.kernel[1])
        for u in range(size)
        for v in range(size)
    ]
    row = -(-lines * plane_width // _BEYOND) * _BEYOND
    buffer = (out_width + REGISTER_BYTES // 4) * tables.filters
    fixed = (
        *(bands, np.array(table, np.int64), len(table) // size**2, tables.filters),
        *(*tables.size, tables.padding[0][0], tables.padding[1][0], down, across, plane_lines, plane_width, plane),
        *(out_height, out_width, row, buffer, planes),
    )
    return _Layout(fixed, buffer + planes + tables.filters * row * size + _BEYOND)


def is_window(pool: Pool) -> bool:
    """Whether a pooling's windows are 2 x 2, side by side, from the first pixel on."""
    return pool == ((2, 2), (2, 2), ((0, 0), (0, 0)))


def _in_bands(n: int, tables: Plan, size: int) -> _Layout:
    """The layout with as few bands as keep within the cache, and give threads something to share."""
    lines, pixels = tables.out[0] // size, size * tables.out[1]
    shared = n * tables.macs >= program.SMALL
    bands = 1
    layout = _layout(tables, size, bands)
    while bands < lines:
        wanted = layout.floats > BAND or (shared and n * bands < FEW_TASKS)
        if not wanted or -(-lines // bands) * pixels < 2 * FEWEST_PIXELS:
            break
        bands += 1
        layout = _layout(tables, size, bands)
    return layout


def forward(
    x: Array, w: Array, b: Array | None, tables: Plan, relu: bool, pool: Pool | None
) -> tuple[Array, Array | None, list[program.Job]]:
    """(y, argmax, jobs) of the convolution, with ReLU and pooling if wanted; argmax is None without pooling."""
    if pool is not None and (not is_window(pool) or tables.stride[1] > 1):
        y, _, jobs = forward(x, w, b, tables, relu, None)
        pooled_y, winners, job = prepare_max_pool(y, pool)
        return pooled_y, winners, [*jobs, job]
    n, filters, size = len(x), tables.filters, 1 if pool is None else 2
    layout = _in_bands(n, tables, size)
    weights, jobs = prepare_packed(w.transpose(2, 3, 1, 0))
    y = empty((n, tables.out[0] // size, tables.out[1] // size, filters), x.dtype)
    argmax = None if pool is None else empty_like(y)
    arguments = pack(
        Job,
        layout.fixed,
        x=as_nhwc(x),
        weights=weights,
        bias=np.zeros(filters, x.dtype) if b is None else contiguous(b),
        y=y,
        argmax=argmax,
        relu=int(relu),
    )
    tasks = n * layout.fixed[0]
    jobs.append(program.Job(_forward, arguments, tasks, n * tables.macs, layout.floats))
    return y.transpose(0, 3, 1, 2), None if argmax is None else argmax.transpose(0, 3, 1, 2), jobs
