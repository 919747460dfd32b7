"""Convolution by an im2col that is never built: the matrix product reads the image through tables of offsets.

For a zero-padded channels-last image, im2col[m, k] = image[row[m] + column[k]]: the offset of output pixel m plus the
offset of filter tap k. The gradients, from the same product with other tables, are in `conv_backward`.
"""

import functools
import math
from enum import IntEnum, auto
from typing import Any

import numpy as np

from minidl.backends.compiled import depthwise, launch
from minidl.backends.compiled.activation import rectified
from minidl.backends.compiled.jit import Kernel
from minidl.backends.compiled.launch import pack, run
from minidl.backends.compiled.layout import packed
from minidl.backends.compiled.memory import block, dense, empty, empty_like
from minidl.backends.compiled.padding import pad_image
from minidl.backends.compiled.plan import Plan, plan
from minidl.backends.compiled.pool import pool_geometry, pool_image, pooled
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
    groups = auto()  # from here on, the same in every job of a plan
    channels = auto()
    filters = auto()
    pixels = auto()
    pixel_offsets = auto()
    taps = auto()
    table = auto()
    height = auto()
    width = auto()
    top = auto()
    left = auto()
    padded_width = auto()
    padded_size = auto()  # 0 without padding


GEOMETRY = len(Job)


@Kernel
def _forward(memory, ints, job, task, own):
    """Convolve image `task`, add the bias, apply ReLU if wanted, and pool if there is an argmax to keep."""
    channels, filters, groups = ints[job + Job.channels], ints[job + Job.filters], ints[job + Job.groups]
    pixels, padded_size, argmax = ints[job + Job.pixels], ints[job + Job.padded_size], ints[job + Job.argmax]
    height, width = ints[job + Job.height], ints[job + Job.width]
    geometry = job + GEOMETRY

    image = ints[job + Job.x] + task * height * width * channels
    if padded_size:
        top, left, padded_width = ints[job + Job.top], ints[job + Job.left], ints[job + Job.padded_width]
        pad_image(memory, image, height, width, channels, top, left, padded_width, padded_size, own)
        image = own
    target = own + padded_size if argmax else ints[job + Job.y] + task * pixels * filters
    for g in range(groups):
        first = g * (filters // groups)
        multiply(
            memory,
            ints,
            pixels,
            ints[job + Job.pixel_offsets],
            ints[job + Job.taps],
            ints[job + Job.table],
            filters // groups,
            image + g * (channels // groups),
            ints[job + Job.weights] + first,
            target + first,
            filters,
            ints[job + Job.bias] + first,
            0,
            0.0 if ints[job + Job.relu] else -math.inf,
        )
    if argmax:
        step = task * ints[geometry + 3] * ints[geometry + 4] * filters
        pool_image(memory, ints, geometry, target, ints[job + Job.y] + step, argmax + step)


@functools.lru_cache(maxsize=512)
def _fixed(tables: Plan) -> tuple[Any, ...]:
    """The arguments that a plan's jobs have in common."""
    return (
        *(tables.groups, tables.channels, tables.filters),
        *(tables.pixels.size, tables.pixels, tables.taps.size, tables.forward),
        *(*tables.size, tables.padding[0][0], tables.padding[1][0], tables.padded[1], tables.padded_size),
    )


def direct(
    x: Array, w: Array, b: Array | None, tables: Plan, relu: bool, pool: Window | None
) -> tuple[Array, Array | None, list[launch.Job]]:
    """(y, argmax, jobs) of the convolution, with ReLU and pooling if wanted; argmax is None without pooling."""
    n, filters, pixels = len(x), tables.filters, tables.pixels.size
    geometry = None if pool is None else pool_geometry(tables.out, filters, *pool)
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
    )
    own = tables.padded_size + (pixels * filters if pool else 0)
    jobs.append(launch.Job(_forward, [*job, *(geometry or ())], n, n * tables.macs, own))
    return y.transpose(0, 3, 1, 2), None if argmax is None else argmax.transpose(0, 3, 1, 2), jobs


def tables_for(x: Array, w: Array, stride: Pair, padding: Sides, dilation: Pair, groups: int) -> Plan:
    """The plan for these images and weights."""
    return plan((x.shape[2], x.shape[3]), x.shape[1], w.shape[0], w.shape[2:], stride, padding, dilation, groups)


def prepare(
    x: Array, w: Array, b: Array | None, tables: Plan, *, relu: bool, pool: Window | None
) -> tuple[Array, Array | None, list[launch.Job]]:
    """`direct`, or a faster way where there is one for this geometry."""
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


def conv2d(x: Array, w: Array, b: Array | None, *, stride: Pair, padding: Sides, dilation: Pair, groups: int) -> Array:
    """The patches, which are never copied out, times the filters."""
    y, _, jobs = prepare(x, w, b, tables_for(x, w, stride, padding, dilation, groups), relu=False, pool=None)
    run(x.dtype, *jobs)
    return y


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
) -> tuple[Array, Array | None]:
    """(y, argmax) of convolution, ReLU and, with a pool (its size, stride and padding), max-pooling, in one pass."""
    y, argmax, jobs = prepare(x, w, b, tables_for(x, w, stride, padding, dilation, groups), relu=True, pool=pool)
    run(x.dtype, *jobs)
    return y, argmax
