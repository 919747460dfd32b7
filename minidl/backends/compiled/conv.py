"""Convolution by an im2col that is never built: the matrix product reads the image through tables of offsets.

For a zero-padded channels-last image, im2col[m, k] = image[row[m] + column[k]]: the offset of output pixel m plus the
offset of filter tap k. The gradients, from the same product with other tables, are in `conv_backward`.
"""

import functools
import math
from enum import IntEnum, auto

import numpy as np

from minidl.backends.compiled import depthwise, launch, winograd
from minidl.backends.compiled.activation import relu
from minidl.backends.compiled.jit import Kernel
from minidl.backends.compiled.launch import pack, run
from minidl.backends.compiled.memory import at, block, dense, empty, empty_like
from minidl.backends.compiled.padding import pad_image
from minidl.backends.compiled.plan import Plan, plan
from minidl.backends.compiled.pool import max_pool2d, pool_geometry, pool_image
from minidl.backends.compiled.product import multiply
from minidl.typing import Array

Pair = tuple[int, int]
Sides = tuple[Pair, Pair]


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
def _fixed(tables: Plan) -> tuple[int, ...]:
    """The integers that a plan's jobs have in common."""
    return (
        *(tables.groups, tables.channels, tables.filters),
        *(tables.pixels.size, at(tables.pixels), tables.taps.size, at(tables.forward)),
        *(*tables.size, tables.padding[0][0], tables.padding[1][0], tables.padded[1], tables.padded_size),
    )


def _run_forward(
    x: Array, w: Array, b: Array | None, tables: Plan, relu: bool, pool: list[int] | None
) -> tuple[Array, Array | None]:
    """(y, argmax) of the convolution, with ReLU and pooling if wanted; argmax is None without pooling."""
    if tables.winograd and x.dtype == np.float32:
        return winograd.run_forward(x, w, b, tables, relu, pool)
    n, filters, pixels = len(x), tables.filters, tables.pixels.size
    source, bias = block(x), np.zeros(filters, x.dtype) if b is None else dense(b)
    weights = dense(w.transpose(2, 3, 1, 0))
    y = empty((n, *tables.out, filters) if pool is None else (n, pool[3], pool[4], filters), x.dtype)
    argmax = None if pool is None else empty_like(y)
    work = n * pixels * tables.taps.size * filters // tables.groups
    own = tables.padded_size + (pixels * filters if pool else 0)
    job = pack(
        Job,
        _fixed(tables),
        x=at(source),
        weights=at(weights),
        bias=at(bias),
        y=at(y),
        argmax=at(argmax),
        relu=int(relu),
    )
    run(x.dtype, launch.Job(_forward, [*job, *(pool or ())], n, work, own))
    return y.transpose(0, 3, 1, 2), None if argmax is None else argmax.transpose(0, 3, 1, 2)


def tables_for(x: Array, w: Array, stride: Pair, padding: Sides, dilation: Pair, groups: int) -> Plan:
    """The plan for these images and weights."""
    return plan((x.shape[2], x.shape[3]), x.shape[1], w.shape[0], w.shape[2:], stride, padding, dilation, groups)


def conv2d(x: Array, w: Array, b: Array | None, *, stride: Pair, padding: Sides, dilation: Pair, groups: int) -> Array:
    """The patches, which are never copied out, times the filters."""
    tables = tables_for(x, w, stride, padding, dilation, groups)
    return depthwise.forward(x, w, b, tables) if tables.depthwise else _run_forward(x, w, b, tables, False, None)[0]


def conv2d_relu(
    x: Array,
    w: Array,
    b: Array | None,
    *,
    stride: Pair,
    padding: Sides,
    dilation: Pair,
    groups: int,
    pool: tuple[Pair, Pair, Sides] | None,
) -> tuple[Array, Array | None]:
    """(y, argmax) of convolution, ReLU and, with a pool (its size, stride and padding), max-pooling, in one pass."""
    tables = tables_for(x, w, stride, padding, dilation, groups)
    if tables.depthwise:
        y = relu(depthwise.forward(x, w, b, tables))
        return (y, None) if pool is None else max_pool2d(y, pool_size=pool[0], stride=pool[1], padding=pool[2])
    geometry = None if pool is None else pool_geometry(tables.out, w.shape[0], *pool)
    return _run_forward(x, w, b, tables, True, geometry)
