"""Dense layers: matrix products of the same kernel as convolution's, so that one pool of threads does it all."""

import functools
import math
from enum import IntEnum, auto
from typing import Any

import numpy as np

from minidl.backends.compiled import launch
from minidl.backends.compiled.jit import Kernel
from minidl.backends.compiled.launch import pack, run
from minidl.backends.compiled.memory import at, empty
from minidl.backends.compiled.memory import dense as contiguous
from minidl.backends.compiled.product import multiply
from minidl.backends.compiled.simd import lane_count, lanes
from minidl.backends.compiled.tile import TILE_ROWS
from minidl.typing import Array

ROWS = 3 * TILE_ROWS
"""Lines of C that a task computes, at most, of a panel of two vectors of columns."""


class Job(IntEnum):
    """The places of the kernel's integers."""

    a = 0
    b = auto()
    c = auto()
    start = auto()
    start_stride = auto()
    has_floor = auto()
    rows = auto()
    row = auto()
    depth = auto()
    table = auto()
    columns = auto()
    blocks = auto()


@Kernel
def _product(memory, ints, job, task, own):
    """A block of lines of C = max(floor, start + A B), in one panel of its columns."""
    rows, columns, blocks = ints[job + Job.rows], ints[job + Job.columns], ints[job + Job.blocks]
    start_stride = ints[job + Job.start_stride]
    width = 2 * lanes(memory)
    j, block = task // blocks * width, task % blocks
    first, last = block * rows // blocks, (block + 1) * rows // blocks
    multiply(
        memory,
        ints,
        last - first,
        ints[job + Job.row] + first,
        ints[job + Job.depth],
        ints[job + Job.table],
        min(columns - j, width),
        ints[job + Job.a],
        ints[job + Job.b] + j,
        ints[job + Job.c] + first * columns + j,
        columns,
        ints[job + Job.start] + first * start_stride + j,
        start_stride,
        0.0 if ints[job + Job.has_floor] else -math.inf,
    )


@functools.lru_cache(maxsize=256)
def _tables(rows: int, row_stride: int, depth: int, column_stride: int, line_stride: int) -> tuple[Any, Any]:
    table = np.stack([np.arange(depth) * column_stride, np.arange(depth) * line_stride], axis=1)
    return np.arange(rows, dtype=np.int64) * row_stride, np.ascontiguousarray(table.reshape(-1), np.int64)


def product(
    a: Array, b: Array, c: Array, start: Array, *, a_strides: tuple[int, int], floor: bool = False
) -> launch.Job:
    """C (m, n) = start (n,) + A B: A (m, k) has these strides, in elements; B (k, n) and C are contiguous."""
    (rows, columns), depth = c.shape, b.shape[0]
    row, table = _tables(rows, a_strides[0], depth, a_strides[1], columns)
    blocks = -(-rows // ROWS)
    job = pack(
        Job,
        a=at(a),
        b=at(b),
        c=at(c),
        start=at(start),
        start_stride=0,
        has_floor=int(floor),
        rows=rows,
        row=at(row),
        depth=depth,
        table=at(table),
        columns=columns,
        blocks=blocks,
    )
    return launch.Job(_product, job, blocks * -(-columns // (2 * lane_count(c.dtype))), rows * columns * depth)


def dense(x: Array, w: Array, b: Array | None) -> Array:
    """y = x W^T + b."""
    return _affine(x, w, b, False)


def dense_relu(x: Array, w: Array, b: Array | None) -> Array:
    """y = max(x W^T + b, 0): ReLU as the product is stored."""
    return _affine(x, w, b, True)


def _affine(x: Array, w: Array, b: Array | None, floor: bool) -> Array:
    units, features = w.shape
    start = np.zeros(units, x.dtype) if b is None else contiguous(b)
    source, transposed, y = contiguous(x), contiguous(w.T), empty((len(x), units), x.dtype)
    run(x.dtype, product(source, transposed, y, start, a_strides=(features, 1), floor=floor))
    return y


def dense_backward(dy: Array, x: Array, w: Array, *, need_dx: bool = True) -> tuple[Array | None, Array, Array]:
    """dx = dy W, dw = dy^T x, and the sum of dy."""
    (units, features), n = w.shape, len(x)
    slopes, source, weights, zeros = contiguous(dy), contiguous(x), contiguous(w), np.zeros(features, x.dtype)
    dw = empty((units, features), x.dtype)
    jobs = [product(slopes, source, dw, zeros, a_strides=(1, units))]
    dx = empty((n, features), x.dtype) if need_dx else None
    if dx is not None:
        jobs.append(product(slopes, weights, dx, zeros, a_strides=(units, 1)))
    run(x.dtype, *jobs)
    return dx, dw, slopes.sum(axis=0)
