"""Dense layers: matrix products of the same kernel as convolution's, so that one pool of threads does it all."""

import functools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from minidl.backends.compiled.activation.elementwise import (
    InPlace,
    activate,
    formula_of,
    in_place,
    prepare_elementwise_backward,
)
from minidl.backends.compiled.codegen.cpu import REGISTER_BYTES, TILE_ROWS
from minidl.backends.compiled.codegen.jit import kernel
from minidl.backends.compiled.codegen.load_store import lanes
from minidl.backends.compiled.graph.lowered import Lowered, accumulate, value_of
from minidl.backends.compiled.matmul.gather_matmul import gather_matmul
from minidl.backends.compiled.matmul.panels import prepare_panels, worth_panels
from minidl.backends.compiled.matmul.weight_gradient import prepare_weight_gradient
from minidl.backends.compiled.runtime.copy import prepare_packed, prepare_sum
from minidl.backends.compiled.runtime.memory import contiguous, empty
from minidl.backends.compiled.runtime.program import Job
from minidl.backends.compiled.runtime.replay import Replay
from minidl.description.operators import Activation, Dense, ReLU, is_trained
from minidl.typing import AffineGradients, Array, IntArray

__all__ = ["dense", "dense_backward"]

TASKS, FEWEST_ROWS = 16, 3 * TILE_ROWS
"""A product is cut into about TASKS tasks, for threads to share, if each gets FEWEST_ROWS rows of C or more."""


class _Product(NamedTuple):
    a: Array
    b: Array  # (depth, columns), or its panels
    panel: int  # columns of a panel, or all
    c: Array  # (rows, columns)
    c_step: int  # floats from a row to the next
    start: Array  # (columns,)
    relu: bool
    activation: InPlace  # any other
    rows: int
    row_offsets: IntArray
    depth: int
    table: IntArray
    columns: int
    blocks: int  # of rows


@kernel(_Product)
def _product(memory, ints, job, task, scratch):
    """A block of rows of C = start + A B, through an activation if wanted, in one panel of its columns."""
    rows, columns, blocks = job.rows, job.columns, job.blocks
    width = 2 * lanes(memory)
    j, block = task // blocks * width, task % blocks
    first, last = block * rows // blocks, (block + 1) * rows // blocks
    floor = 0.0 if job.relu else -math.inf
    b = job.b + j // job.panel * job.panel * job.depth + j % job.panel
    c, count = job.c + first * job.c_step + j, min(columns - j, width)
    gather_matmul(
        *(memory, ints, last - first, job.row_offsets + first, job.depth, job.table, count),
        *(job.a, b, c, job.c_step, job.start + j, 0, floor),
    )
    activate(memory, ints, job.activation, c, count, last - first, job.c_step)


@functools.lru_cache(maxsize=256)
def _tables(rows: int, row_stride: int, depth: int, column_stride: int, b_stride: int) -> tuple[Any, Any]:
    """(offsets of A's rows, those of A's columns and B's rows by turns)."""
    table = np.arange(depth)[:, None] * (column_stride, b_stride)
    return np.arange(rows, dtype=np.int64) * row_stride, np.ascontiguousarray(table.reshape(-1), np.int64)


def _prepare_product(
    a: Array, b: Array, c: Array, start: Array, *, a_strides: tuple[int, int], activation: Activation | None = None
) -> Job:
    """C (m, n) = start (n,) + A B: A (m, k) has these strides, in elements; B (k, n), or its panels, is contiguous."""
    (rows, columns), (depth, panel) = c.shape, b.shape[-2:]
    row_offsets, table = _tables(rows, a_strides[0], depth, a_strides[1], panel)
    panels = max(-(-columns // (2 * (REGISTER_BYTES // c.dtype.itemsize))), 1)
    blocks = min(-(-rows // FEWEST_ROWS), -(-TASKS // panels))
    after = isinstance(activation, ReLU), in_place(activation, c.dtype)
    record = _Product(
        a,
        b,
        max(panel, 1),
        c,
        c.strides[0] // c.itemsize,
        start,
        *after,
        rows,
        row_offsets,
        depth,
        table,
        columns,
        blocks,
    )
    return Job(_product, record, blocks * panels, rows * columns * depth)


def prepare(
    x: Array, w: Array, b: Array | None, activation: Activation | None = None, into: Array | None = None
) -> tuple[Array, list[Job]]:
    """(y, jobs) of y = x W^T + b, perhaps through an activation, and written `into` columns of a larger array."""
    units, features = w.shape
    start = np.zeros(units, x.dtype) if b is None else contiguous(b)
    weights, jobs = prepare_packed(w.T)
    if worth_panels(units, features):
        weights, packing = prepare_panels(weights)
        jobs += packing
    y = empty((len(x), units), x.dtype) if into is None else into
    jobs.append(_prepare_product(contiguous(x), weights, y, start, a_strides=(features, 1), activation=activation))
    return y, jobs


def prepare_backward(
    dy: Array, x: Array, w: Array, *, need_dx: bool, need_dw: bool = True
) -> tuple[Array | None, Array | None, Array, list[Job]]:
    """(dx, dw (1, in, out), db by images (n, out), jobs)."""
    (units, features), n = w.shape, len(x)
    grads, jobs = contiguous(dy), []
    zeros = np.zeros(max(units, features), x.dtype)
    dw = None
    if need_dw:
        total, job = prepare_weight_gradient(contiguous(x), grads)
        dw = total[None]
        jobs.append(job)
    if not need_dx:
        return None, dw, grads, jobs
    weights, packing = prepare_packed(w)
    dx = empty((n, features), x.dtype)
    jobs += [*packing, _prepare_product(grads, weights, dx, zeros, a_strides=(units, 1))]
    return dx, dw, grads, jobs


@Replay
def dense(x: Array, w: Array, b: Array | None) -> tuple[Array, list[Job]]:
    """y = x W^T + b."""
    return prepare(x, w, b)


@Replay
def dense_backward(
    dy: Array, x: Array, w: Array, *, need_dx: bool = True, need_dw: bool = True
) -> tuple[AffineGradients, list[Job]]:
    """dx = dy W, dw = dy^T x, and the sum of dy."""
    dx, dw, grads, jobs = prepare_backward(dy, x, w, need_dx=need_dx, need_dw=need_dw)
    if dw is None:
        return (dx, None, None), jobs
    db = empty(w.shape[:1], w.dtype)
    return (dx, dw[0].T, db), [*jobs, prepare_sum(grads, db, onto=False)]


def lower_dense(operator: Dense, x: Array, *, into: Array | None = None) -> Lowered:
    """The layer as an operator of a network."""
    w, b = operator.weight.value, value_of(operator.bias)
    y, jobs = prepare(x, w, b, operator.activation, into)

    def backward(dy: Array, needs: Sequence[bool]) -> tuple[list[Array | None], list[Job]]:
        before: list[Job] = []
        if operator.activation is not None:
            name, settings, _ = formula_of(operator.activation)
            dy, job = prepare_elementwise_backward(name, dy, y, settings)
            before.append(job)
        dx, dw, db, jobs = prepare_backward(dy, x, w, need_dx=needs[0], need_dw=is_trained(operator))
        return [dx], [*before, *jobs, *accumulate(operator.weight, dw, (1, 0)), *accumulate(operator.bias, db, (0,))]

    return Lowered(y, jobs, backward)
