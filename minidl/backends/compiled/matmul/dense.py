"""Dense layers: matrix products of the same kernel as convolution's, so that one pool of threads does it all."""

import functools
import math
from enum import IntEnum, auto
from typing import Any

import numpy as np

from minidl.backends.compiled.activation.softmax import prepare_relu_backward
from minidl.backends.compiled.codegen.cpu import TILE_ROWS
from minidl.backends.compiled.codegen.jit import Kernel
from minidl.backends.compiled.codegen.llvm import lane_count
from minidl.backends.compiled.codegen.load_store import lanes
from minidl.backends.compiled.matmul.gather_matmul import gather_matmul
from minidl.backends.compiled.runtime import program
from minidl.backends.compiled.runtime.copy import prepare_packed, prepare_sum
from minidl.backends.compiled.runtime.memory import contiguous as contiguous
from minidl.backends.compiled.runtime.memory import empty
from minidl.backends.compiled.runtime.program import pack
from minidl.backends.compiled.runtime.replay import Replay
from minidl.typing import AffineGradients, Array

TASKS, FEWEST_ROWS = 16, 3 * TILE_ROWS
"""A product is cut into so many tasks, for threads to share, if each gets so many lines of C or more."""


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
    gather_matmul(
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
) -> program.Job:
    """C (m, n) = start (n,) + A B: A (m, k) has these strides, in elements; B (k, n) and C are contiguous."""
    (rows, columns), depth = c.shape, b.shape[0]
    row, table = _tables(rows, a_strides[0], depth, a_strides[1], columns)
    panels = max(-(-columns // (2 * lane_count(c.dtype))), 1)
    blocks = min(-(-rows // FEWEST_ROWS), -(-TASKS // panels))
    job = pack(
        Job,
        a=a,
        b=b,
        c=c,
        start=start,
        start_stride=0,
        has_floor=int(floor),
        rows=rows,
        row=row,
        depth=depth,
        table=table,
        columns=columns,
        blocks=blocks,
    )
    return program.Job(_product, job, blocks * panels, rows * columns * depth)


def prepare(x: Array, w: Array, b: Array | None, *, relu: bool) -> tuple[Array, list[program.Job]]:
    """(y, jobs) of the layer, with ReLU as the product is stored if wanted."""
    units, features = w.shape
    start = np.zeros(units, x.dtype) if b is None else contiguous(b)
    weights, jobs = prepare_packed(w.T)
    y = empty((len(x), units), x.dtype)
    jobs.append(product(contiguous(x), weights, y, start, a_strides=(features, 1), floor=relu))
    return y, jobs


def prepare_backward(
    dy: Array, x: Array, w: Array, *, need_dx: bool, need_dw: bool = True, y: Array | None = None
) -> tuple[Array | None, Array | None, Array, list[program.Job]]:
    """(dx, parts of dw (1, in, out), parts of db (n, out), jobs); with y, its output, through a ReLU."""
    (units, features), n = w.shape, len(x)
    slopes, jobs = contiguous(dy), []
    if y is not None:
        slopes, job = prepare_relu_backward(slopes, y)
        jobs.append(job)
    zeros = np.zeros(max(units, features), x.dtype)
    dw = None
    if need_dw:
        dw = empty((1, features, units), x.dtype)
        jobs.append(product(contiguous(x), slopes, dw[0], zeros, a_strides=(1, features)))
    if not need_dx:
        return None, dw, slopes, jobs
    weights, packing = prepare_packed(w)
    dx = empty((n, features), x.dtype)
    jobs += [*packing, product(slopes, weights, dx, zeros, a_strides=(units, 1))]
    return dx, dw, slopes, jobs


@Replay
def dense(x: Array, w: Array, b: Array | None) -> tuple[Array, list[program.Job]]:
    """y = x W^T + b."""
    return prepare(x, w, b, relu=False)


@Replay
def dense_backward(
    dy: Array, x: Array, w: Array, *, need_dx: bool = True, need_dw: bool = True
) -> tuple[AffineGradients, list[program.Job]]:
    """dx = dy W, dw = dy^T x, and the sum of dy."""
    dx, dw, slopes, jobs = prepare_backward(dy, x, w, need_dx=need_dx, need_dw=need_dw)
    if dw is None:
        return (dx, None, None), jobs
    db = empty(w.shape[:1], w.dtype)
    return (dx, dw[0].T, db), [*jobs, prepare_sum(slopes, db, onto=False)]
