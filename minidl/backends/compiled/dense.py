"""Dense layers: matrix products of the same kernel as convolution's, so that one pool of threads does it all."""

import functools
import math
from typing import Any

import numpy as np

from minidl.backends.compiled.jit import Kernel
from minidl.backends.compiled.launch import run, workers_for
from minidl.backends.compiled.memory import at, empty
from minidl.backends.compiled.memory import dense as contiguous
from minidl.backends.compiled.product import multiply
from minidl.typing import Array


@Kernel
def _product(memory, ints, job, task, worker):
    """C = max(floor, start + A B), the lines of C shared among the tasks."""
    a, b, c, start, start_stride, has_floor = (
        ints[job],
        ints[job + 1],
        ints[job + 2],
        ints[job + 3],
        ints[job + 4],
        ints[job + 5],
    )
    rows, row, depth, table, columns, tasks = (
        ints[job + 6],
        ints[job + 7],
        ints[job + 8],
        ints[job + 9],
        ints[job + 10],
        ints[job + 11],
    )
    first, last = task * rows // tasks, (task + 1) * rows // tasks
    floor = 0.0 if has_floor else -math.inf
    c, start = c + first * columns, start + first * start_stride
    multiply(
        memory, ints, last - first, row + first, depth, table, columns, a, b, c, columns, start, start_stride, floor
    )


@functools.lru_cache(maxsize=256)
def _tables(rows: int, row_stride: int, depth: int, column_stride: int, line_stride: int) -> tuple[Any, Any]:
    table = np.stack([np.arange(depth) * column_stride, np.arange(depth) * line_stride], axis=1)
    return np.arange(rows, dtype=np.int64) * row_stride, np.ascontiguousarray(table.reshape(-1), np.int64)


def product(
    a: Array, b: Array, start: Array, shape: tuple[int, int], *, a_strides: tuple[int, int], floor: bool = False
) -> Array:
    """C (m, n) = start (n,) + A B: A (m, k) has these strides, in elements, and B (k, n) is contiguous."""
    (rows, columns), depth = shape, b.shape[0]
    c = empty(shape, a.dtype)
    row, table = _tables(rows, a_strides[0], depth, a_strides[1], columns)
    tasks = workers_for(rows, rows * columns * depth)
    job = [at(a), at(b), at(c), at(start), 0, int(floor), rows, at(row), depth, at(table), columns, tasks]
    run(_product, a.dtype, job, tasks, workers=tasks)
    return c


def dense(x: Array, w: Array, b: Array | None) -> Array:
    """y = x W^T + b."""
    return _affine(x, w, b, False)


def dense_relu(x: Array, w: Array, b: Array | None) -> Array:
    """y = max(x W^T + b, 0): ReLU as the product is stored."""
    return _affine(x, w, b, True)


def _affine(x: Array, w: Array, b: Array | None, floor: bool) -> Array:
    units, features = w.shape
    start = np.zeros(units, x.dtype) if b is None else contiguous(b)
    transposed = contiguous(w.T)
    return product(contiguous(x), transposed, start, (len(x), units), a_strides=(features, 1), floor=floor)


def dense_backward(dy: Array, x: Array, w: Array, *, need_dx: bool = True) -> tuple[Array | None, Array, Array]:
    """dx = dy W, dw = dy^T x, and the sum of dy."""
    (units, features), n = w.shape, len(x)
    slopes, zeros = contiguous(dy), np.zeros(features, x.dtype)
    dw = product(slopes, contiguous(x), zeros, (units, features), a_strides=(1, units))
    dx = product(slopes, contiguous(w), zeros, (n, features), a_strides=(units, 1)) if need_dx else None
    return dx, dw, slopes.sum(axis=0)
