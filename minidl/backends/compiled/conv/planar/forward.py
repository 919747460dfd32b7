"""Convolution with pixels in the lanes of a vector, for few filters: each has a plane of its own until the end.

The product's columns are a row of pixels that runs through all rows of an image, border included; the few sums that
begin in a border are computed and dropped. A stride of s takes each channel apart into s x s phases, each a plane,
so that pixels side by side in the output lie side by side in the image, too. So does max-pooling with windows of 2 x 2:
the pixels of a window are then four sums in registers, and only the largest is ever stored.
"""

import functools
import math
from typing import NamedTuple

import numpy as np

from minidl.backends.compiled.activation.elementwise import InPlace, activate, in_place
from minidl.backends.compiled.codegen.cpu import REGISTER_BYTES
from minidl.backends.compiled.codegen.interleave import interleave
from minidl.backends.compiled.codegen.jit import kernel, njit
from minidl.backends.compiled.codegen.load_store import clear, lanes
from minidl.backends.compiled.conv.epilogue import Epilogue
from minidl.backends.compiled.conv.plan import Geometry, Plan
from minidl.backends.compiled.conv.planar.planes import fill_planes
from minidl.backends.compiled.conv.planar.tile import (
    MOST_ROWS,
    NARROW,
    WIDE,
    WIDE_ROWS,
    WINDOW,
    pixel_tile,
    window_tile,
)
from minidl.backends.compiled.runtime import program
from minidl.backends.compiled.runtime.copy import prepare_packed
from minidl.backends.compiled.runtime.memory import as_nhwc, empty, empty_like
from minidl.description.operators import MaxPool
from minidl.typing import Array, IntArray


class _Layout(NamedTuple):
    """How a band of rows lies in a thread's scratch: a buffer, planes of the image, and those of the outputs."""

    geometry: Geometry
    bands: int  # of an image
    out_height: int  # of the convolution, or of its windows
    out_width: int
    table: IntArray  # where taps begin in the planes
    phases_down: int
    planes_across: int  # one for each phase and channel
    plane_height: int
    plane_width: int
    plane: int  # floats from a plane to the next
    out_plane: int  # floats from a filter's plane to the next
    buffer: int  # floats of a row of the output
    planes: int  # floats of all planes
    scratch: int  # floats of all this


class _Forward(NamedTuple):
    x: Array
    weights: Array  # (kh kw in, out)
    bias: Array
    y: Array
    argmax: Array | None  # 0 without pooling
    relu: bool
    activation: InPlace  # any other, without pooling
    layout: _Layout


@njit
def _fill_planes(memory, layout, image, first, target):
    """Write the rows of an image, from that of row `first` of the output on, to planes (down, across, channels)."""
    geometry, channels = layout.geometry, layout.geometry.channels
    height, width, left = geometry.height, geometry.width * channels, geometry.left * channels
    down, across = layout.phases_down, layout.planes_across
    plane_height, plane_width, plane = layout.plane_height, layout.plane_width, layout.plane
    for a in range(down):
        top = geometry.top - first * down - a  # rows of zeros before the image's first, counted in its rows
        begin = min(max((top + down - 1) // down, 0), plane_height)
        end = max(min((top + height + down - 1) // down, plane_height), begin)
        start, origin = image + (begin * down - top) * width, target + a * across * plane
        place = origin + begin * plane_width
        fill_planes(memory, start, down * width, width, left, across, plane, plane_width, end - begin, place)
        for b in range(across):
            clear(memory, origin + b * plane, begin * plane_width)
            clear(memory, origin + b * plane + end * plane_width, (plane_height - end) * plane_width)


@njit
def _multiply(memory, ints, job, rows, planes, c, winners):
    """Each filter's plane C, and that of winners if windows are pooled, from the planes of the image."""
    layout, filters, taps = job.layout, job.layout.geometry.filters, job.layout.geometry.taps
    table, out_plane = layout.table, layout.out_plane
    floor = 0.0 if job.relu else -math.inf
    columns = (rows - 1) * layout.plane_width + layout.out_width
    tiles, k = (filters + MOST_ROWS - 1) // MOST_ROWS, 0
    for i in range(tiles):
        size = (filters - k + tiles - i - 1) // (tiles - i)
        vectors = WIDE if size <= WIDE_ROWS else NARROW
        to = k * out_plane
        for j in range(0, columns, (vectors // WINDOW if job.argmax else vectors) * lanes(memory)):
            factors = memory, ints, size, vectors, taps, job.weights + k, filters, table, planes + j, job.bias + k
            target = c + to + j, winners + to + j, out_plane, floor
            if job.argmax:
                window_tile(*factors, *target)
            else:
                pixel_tile(*factors, *target)
        k += size


@kernel(_Forward)
def _forward(memory, ints, job, task, scratch):
    """Convolve a band of rows, add the bias, activate, and pool if there is an argmax to keep."""
    layout, geometry = job.layout, job.layout.geometry
    filters, plane_width, out_plane = geometry.filters, layout.plane_width, layout.out_plane
    out_height, out_width = layout.out_height, layout.out_width
    n, band = task // layout.bands, task % layout.bands
    first, last = band * out_height // layout.bands, (band + 1) * out_height // layout.bands
    rows = last - first
    planes = scratch + layout.buffer
    c = planes + layout.planes
    winners = c + filters * out_plane
    _fill_planes(memory, layout, job.x + n * geometry.height * geometry.width * geometry.channels, first, planes)
    _multiply(memory, ints, job, rows, planes, c, winners)
    place = (n * out_height + first) * out_width * filters
    interleave(memory, filters, c, out_plane, plane_width, job.y + place, out_width, rows, scratch)
    activate(memory, ints, job.activation, job.y + place, filters, rows * out_width, filters)
    if job.argmax:
        interleave(memory, filters, winners, out_plane, plane_width, job.argmax + place, out_width, rows, scratch)


BAND = 1 << 15
"""Floats that a band of rows may take between input and output: an eighth of a megabyte, of float32."""

FEW_TASKS = 8
"""Tasks at least, so that threads have enough to share of a few images."""

FEWEST_PIXELS = 256
"""Pixels of a band at least, for the sake of full tiles."""

_BEYOND = WIDE * REGISTER_BYTES // 4
"""Floats that a tile may read and write beyond the last column."""


@functools.lru_cache(maxsize=512)
def _layout(plan: Plan, size: int, bands: int) -> _Layout:
    """For an image in this many bands of rows, with windows of `size` pixels a side."""
    out_height, out_width = plan.out[0] // size, plan.out[1] // size
    rows = -(-out_height // bands)
    down, across = (size * stride for stride in plan.stride)
    plane_height = rows + ((size - 1) * plan.stride[0] + plan.span - 1) // down
    plane_width = -(-plan.padded[1] // across)
    plane = plane_height * plane_width + REGISTER_BYTES // 4
    planes = down * across * plan.channels * plane

    def offset(u: int, v: int, p: int, q: int, c: int) -> int:
        i, j = u * plan.stride[0] + p * plan.dilation[0], v * plan.stride[1] + q * plan.dilation[1]
        number = (i % down * across + j % across) * plan.channels + c
        return int(number * plane + i // down * plane_width + j // across)

    table = [
        offset(u, v, p, q, c)
        for p in range(plan.kernel[0])
        for q in range(plan.kernel[1])
        for c in range(plan.channels)
        for u in range(size)
        for v in range(size)
    ]
    out_plane = -(-rows * plane_width // _BEYOND) * _BEYOND
    buffer = (out_width + REGISTER_BYTES // 4) * plan.filters
    return _Layout(
        *(plan.geometry, bands, out_height, out_width, np.array(table, np.int64)),
        *(down, across * plan.channels, plane_height, plane_width, plane, out_plane, buffer, planes),
        scratch=buffer + planes + plan.filters * out_plane * size + _BEYOND,
    )


def is_2x2(pool: MaxPool) -> bool:
    """Whether a pooling's windows are 2 x 2, side by side, from the first pixel on."""
    return pool == MaxPool((2, 2), (2, 2), ((0, 0), (0, 0)))


def _in_bands(n: int, plan: Plan, size: int) -> _Layout:
    """The layout with as few bands as keep within the cache, and give threads something to share."""
    rows, pixels = plan.out[0] // size, size * plan.out[1]
    shared = n * plan.macs >= program.SMALL
    bands = 1
    layout = _layout(plan, size, bands)
    while bands < rows:
        wanted = layout.scratch > BAND or (shared and n * bands < FEW_TASKS)
        if not wanted or -(-rows // bands) * pixels < 2 * FEWEST_PIXELS:
            break
        bands += 1
        layout = _layout(plan, size, bands)
    return layout


def takes(plan: Plan, epilogue: Epilogue) -> tuple[str, ...]:
    """Of an epilogue."""
    pools = epilogue.relu and epilogue.pool is not None and is_2x2(epilogue.pool) and plan.stride[1] == 1
    return ("activation", "pool") if pools else ("activation",)


def forward(x: Array, w: Array, plan: Plan, epilogue: Epilogue) -> tuple[Array, Array | None, list[program.Job]]:
    """(y, argmax, jobs); argmax is None without pooling."""
    n, filters, pool = len(x), plan.filters, epilogue.pool
    layout = _in_bands(n, plan, 1 if pool is None else 2)
    weights, jobs = prepare_packed(w.transpose(2, 3, 1, 0))
    y = empty((n, layout.out_height, layout.out_width, filters), x.dtype)
    argmax = None if pool is None else empty_like(y)
    after = argmax, epilogue.relu, in_place(epilogue.activation, x.dtype)
    record = _Forward(as_nhwc(x), weights, epilogue.bias_of(filters, x.dtype), y, *after, layout)
    jobs.append(program.Job(_forward, record, n * layout.bands, n * plan.macs, layout.scratch))
    return y.transpose(0, 3, 1, 2), None if argmax is None else argmax.transpose(0, 3, 1, 2), jobs
