"""Convolution by an im2col that is never built: the matrix product reads the image through tables of offsets.

For a zero-padded channels-last image, im2col[m, k] = image[row[m] + column[k]]: the offset of output pixel m plus the
offset of filter tap k. The gradients, from the same product with other tables, are in `conv_backward`.
"""

import functools
import math
from enum import IntEnum, auto
from typing import Any

import numpy as np

from minidl.backends.compiled.codegen.jit import Kernel
from minidl.backends.compiled.conv.plan import Plan
from minidl.backends.compiled.matmul.gather_matmul import multiply
from minidl.backends.compiled.pool.max import pool_geometry, pool_rows
from minidl.backends.compiled.runtime import program
from minidl.backends.compiled.runtime.copy import packed
from minidl.backends.compiled.runtime.memory import block, dense, empty, empty_like
from minidl.backends.compiled.runtime.padding import pad_rows
from minidl.backends.compiled.runtime.program import pack
from minidl.typing import Array, Border, Pair

Window = tuple[Pair, Pair, Border]
"""A pooling's size, stride and padding."""


class Job(IntEnum):
    """The places of the kernel's integers; the pooling's geometry follows them."""

    x = 0
    weights = auto()  # (kh kw in, out)
    bias = auto()
    y = auto()
    argmax = auto()  # 0 without pooling
    relu = auto()
    bands = auto()
    groups = auto()  # from here on, the same in every job of a plan
    channels = auto()
    filters = auto()
    pixel_offsets = auto()
    taps = auto()
    table = auto()
    height = auto()
    width = auto()
    top = auto()
    left = auto()
    padded_width = auto()
    padded_size = auto()  # 0 without padding
    out_height = auto()
    out_width = auto()
    stride = auto()
    span = auto()


GEOMETRY = len(Job)


@Kernel
def _forward(memory, ints, job, task, own):
    """Convolve a band of lines, add the bias, apply ReLU if wanted, and pool if there is an argmax to keep.

    What is between the input and the pooled output is the thread's own, and never leaves its cache.
    """
    channels, filters, groups = ints[job + Job.channels], ints[job + Job.filters], ints[job + Job.groups]
    height, width, line = ints[job + Job.height], ints[job + Job.width], ints[job + Job.padded_width] * channels
    out_height, out_width, stride = ints[job + Job.out_height], ints[job + Job.out_width], ints[job + Job.stride]
    argmax, bands = ints[job + Job.argmax], ints[job + Job.bands]
    geometry = job + GEOMETRY
    n, band = task // bands, task % bands

    lines = ints[geometry + 3] if argmax else out_height
    first_pooled, last_pooled = band * lines // bands, (band + 1) * lines // bands
    first, last = first_pooled, last_pooled
    if argmax:
        down = ints[geometry + 7]
        first = max(first_pooled * down - ints[geometry + 9], 0)
        last = min((last_pooled - 1) * down - ints[geometry + 9] + ints[geometry + 5], out_height)
    target = ints[job + Job.y] + (n * out_height + first) * out_width * filters
    image = ints[job + Job.x] + n * height * width * channels
    if ints[job + Job.padded_size]:
        start, stop = first * stride, (last - 1) * stride + ints[job + Job.span]
        top, left = ints[job + Job.top], ints[job + Job.left]
        pad_rows(memory, image, height, width, channels, top, left, ints[job + Job.padded_width], start, stop, own)
        image = own - start * line
        own += (stop - start) * line
    if argmax:
        target = own
    for g in range(groups):
        c = g * (filters // groups)
        multiply(
            memory,
            ints,
            (last - first) * out_width,
            ints[job + Job.pixel_offsets] + first * out_width,
            ints[job + Job.taps],
            ints[job + Job.table],
            filters // groups,
            image + g * (channels // groups),
            ints[job + Job.weights] + c,
            target + c,
            filters,
            ints[job + Job.bias] + c,
            0,
            0.0 if ints[job + Job.relu] else -math.inf,
        )
    if argmax:
        place = n * lines * ints[geometry + 4] * filters
        virtual = target - first * out_width * filters
        pool_rows(memory, ints, geometry, first_pooled, last_pooled, virtual, ints[job + Job.y] + place, argmax + place)


@functools.lru_cache(maxsize=512)
def _fixed(tables: Plan) -> tuple[Any, ...]:
    """The arguments that a plan's jobs have in common."""
    return (
        *(tables.groups, tables.channels, tables.filters),
        *(tables.pixels, tables.taps.size, tables.forward),
        *(*tables.size, tables.padding[0][0], tables.padding[1][0], tables.padded[1], tables.padded_size),
        *(*tables.out, tables.stride[0], tables.span),
    )


BAND = 1 << 15
"""Floats that a band of lines may take between input and output: an eighth of a megabyte, of float32."""

FEW_TASKS = 8
"""So many tasks at least, so that threads have enough to share of a few images."""

FEWEST_PIXELS = 48
"""A band has so many pixels at least, for the sake of full tiles."""


def _bands(n: int, tables: Plan, geometry: list[int] | None) -> tuple[int, int]:
    """(bands of an image, floats between input and output of one)."""
    lines = tables.out[0] if geometry is None else geometry[3]
    down, taps = (1, 1) if geometry is None else (geometry[7], geometry[5])

    def floats(pooled_lines: int) -> int:
        out = min((pooled_lines - 1) * down + taps, tables.out[0])
        padded = ((out - 1) * tables.stride[0] + tables.span) * tables.padded[1] * tables.channels
        return (padded if tables.padded_size else 0) + (0 if geometry is None else out * tables.out[1] * tables.filters)

    bands = 1
    shared = n * tables.macs >= program.SMALL
    while bands < lines:
        size = -(-lines // bands)
        wanted = floats(size) > BAND or (shared and n * bands < FEW_TASKS)
        if not wanted or size * down * tables.out[1] < 2 * FEWEST_PIXELS:
            break
        bands += 1
    return bands, floats(-(-lines // bands))


def direct(
    x: Array, w: Array, b: Array | None, tables: Plan, relu: bool, pool: Window | None
) -> tuple[Array, Array | None, list[program.Job]]:
    """(y, argmax, jobs) of the convolution, with ReLU and pooling if wanted; argmax is None without pooling."""
    n, filters = len(x), tables.filters
    geometry = None if pool is None else pool_geometry(tables.out, filters, *pool)
    bands, own = _bands(n, tables, geometry)
    weights, jobs = packed(w.transpose(2, 3, 1, 0))
    y = empty((n, *tables.out, filters) if geometry is None else (n, geometry[3], geometry[4], filters), x.dtype)
    argmax = None if pool is None else empty_like(y)
    job = pack(
        Job,
        _fixed(tables),
        x=block(x),
        weights=weights,
        bias=np.zeros(filters, x.dtype) if b is None else dense(b),
        y=y,
        argmax=argmax,
        relu=int(relu),
        bands=bands,
    )
    jobs.append(program.Job(_forward, [*job, *(geometry or ())], n * bands, n * tables.macs, own))
    return y.transpose(0, 3, 1, 2), None if argmax is None else argmax.transpose(0, 3, 1, 2), jobs
