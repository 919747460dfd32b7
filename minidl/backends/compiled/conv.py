"""Convolution by an im2col that is never built: the matrix product reads the image through tables of offsets.

For a zero-padded channels-last image, im2col[m, k] = image[row[m] + column[k]]: the offset of output pixel m plus the
offset of filter tap k. The gradients, from the same product with other tables, are in `conv_backward`.
"""

import functools
import math
from enum import IntEnum, auto
from typing import Any

import numpy as np

from minidl.backends.compiled import depthwise, launch, planar, winograd
from minidl.backends.compiled.activation import rectified
from minidl.backends.compiled.again import Repeatable
from minidl.backends.compiled.jit import Kernel
from minidl.backends.compiled.launch import pack
from minidl.backends.compiled.layout import packed
from minidl.backends.compiled.memory import block, dense, empty, empty_like
from minidl.backends.compiled.padding import pad_rows
from minidl.backends.compiled.plan import Plan, plan
from minidl.backends.compiled.pool import pool_geometry, pool_rows, pooled
from minidl.backends.compiled.product import multiply
from minidl.typing import Array

Pair = tuple[int, int]
Sides = tuple[Pair, Pair]
Window = tuple[Pair, Pair, Sides]
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
    shared = n * tables.macs >= launch.SMALL
    while bands < lines:
        size = -(-lines // bands)
        wanted = floats(size) > BAND or (shared and n * bands < FEW_TASKS)
        if not wanted or size * down * tables.out[1] < 2 * FEWEST_PIXELS:
            break
        bands += 1
    return bands, floats(-(-lines // bands))


def direct(
    x: Array, w: Array, b: Array | None, tables: Plan, relu: bool, pool: Window | None
) -> tuple[Array, Array | None, list[launch.Job]]:
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
    jobs.append(launch.Job(_forward, [*job, *(geometry or ())], n * bands, n * tables.macs, own))
    return y.transpose(0, 3, 1, 2), None if argmax is None else argmax.transpose(0, 3, 1, 2), jobs


def tables_for(x: Array, w: Array, stride: Pair, padding: Sides, dilation: Pair, groups: int) -> Plan:
    """The plan for these images and weights."""
    return plan((x.shape[2], x.shape[3]), x.shape[1], w.shape[0], w.shape[2:], stride, padding, dilation, groups)


def prepare(
    x: Array, w: Array, b: Array | None, tables: Plan, *, relu: bool, pool: Window | None
) -> tuple[Array, Array | None, list[launch.Job]]:
    """`direct`, or a faster way where there is one for this geometry."""
    if tables.planar:
        return planar.forward(x, w, b, tables, relu, pool)
    if tables.winograd and x.dtype == np.float32 and len(x):
        return winograd.forward(x, w, b, tables, relu, pool)
    if not tables.depthwise:
        return direct(x, w, b, tables, relu, pool)
    y, jobs = depthwise.forward(x, w, b, tables)
    if relu:
        y, job = rectified(y)
        jobs.append(job)
    if pool is None:
        return y, None, jobs
    y, argmax, job = pooled(y, *pool)
    return y, argmax, [*jobs, job]


@Repeatable
def conv2d(
    x: Array, w: Array, b: Array | None, *, stride: Pair, padding: Sides, dilation: Pair, groups: int
) -> tuple[Array, list[launch.Job]]:
    """The patches, which are never copied out, times the filters."""
    tables = tables_for(x, w, stride, padding, dilation, groups)
    y, _, jobs = prepare(x, w, b, tables, relu=False, pool=None)
    return y, jobs


@Repeatable
def conv2d_relu(
    x: Array,
    w: Array,
    b: Array | None,
    *,
    stride: Pair,
    padding: Sides,
    dilation: Pair,
    groups: int,
    pool: Window | None,
) -> tuple[tuple[Array, Array | None], list[launch.Job]]:
    """(y, argmax) of convolution, ReLU and, with a pool (its size, stride and padding), max-pooling, in one pass."""
    y, argmax, jobs = prepare(x, w, b, tables_for(x, w, stride, padding, dilation, groups), relu=True, pool=pool)
    return (y, argmax), jobs
