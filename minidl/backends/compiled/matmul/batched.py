"""Matrix products of stacks of matrices. One that is repeated has its gradient in one product, of a longer depth."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from minidl.backends.compiled.codegen.jit import kernel
from minidl.backends.compiled.graph.lowered import Lowered, as_kernels_see, new
from minidl.backends.compiled.matmul.dense import FEWEST_ROWS, TASKS
from minidl.backends.compiled.matmul.gather_matmul import gather_matmul
from minidl.backends.compiled.runtime.copy import prepare_copy
from minidl.backends.compiled.runtime.memory import contiguous, empty
from minidl.backends.compiled.runtime.program import Job
from minidl.backends.compiled.runtime.replay import Replay
from minidl.description.operators import MatMul
from minidl.typing import Array, IntArray, Pair, Shape

__all__ = ["matmul", "matmul_backward"]


class _Products(NamedTuple):
    a: Array
    b: Array
    c: Array  # (products, rows, columns)
    start: Array  # zeros (columns,)
    rows: int
    row_offsets: IntArray
    depth: int
    table: IntArray
    columns: int
    places: IntArray  # where the matrices of each product begin in A and in B
    blocks: int  # of rows


@kernel(_Products)
def _products(memory, ints, job, task, scratch):
    """A block of rows of one product."""
    product, block = task // job.blocks, task % job.blocks
    first, last = block * job.rows // job.blocks, (block + 1) * job.rows // job.blocks
    a, b = job.a + ints[job.places + 2 * product], job.b + ints[job.places + 2 * product + 1]
    c = job.c + (product * job.rows + first) * job.columns
    gather_matmul(
        *(memory, ints, last - first, job.row_offsets + first, job.depth, job.table, job.columns),
        *(a, b, c, job.columns, job.start, 0, -math.inf),
    )


def _offsets(sizes: Sequence[int], strides: Sequence[int]) -> IntArray:
    """Where the matrices of a stack begin, in their order."""
    found = np.zeros(1, np.int64)
    for size, stride in zip(sizes, strides, strict=True):
        found = (found[:, None] + np.arange(size) * stride).reshape(-1)
    return found


def _strides(stack: Shape, shape: Shape) -> list[int]:
    """How far apart the matrices of a dense array are along each axis of a larger stack: 0 where it's repeated."""
    found, step = [], math.prod(shape[-2:])
    for size in reversed(shape[:-2]):
        found.append(0 if size == 1 else step)
        step *= size
    return [*[0] * (len(stack) - len(found)), *reversed(found)]


def _prepare_products(
    a: Array, a_strides: Pair, b: Array, stack: Shape, kept: Sequence[int], size: tuple[int, int, int]
) -> tuple[Array, list[Job]]:
    """(C (..., rows, columns) for the axes of the stack that are kept, jobs), summed over the others.

    A and B are dense; `a_strides` are those of A's rows and of its `depth`.
    """
    rows, depth, columns = size
    summed = [axis for axis in range(len(stack)) if axis not in kept]
    of_a, of_b = _strides(stack, a.shape), _strides(stack, b.shape)
    places, parts = (
        [_offsets([stack[i] for i in axes], [strides[i] for i in axes]) for strides in (of_a, of_b)]
        for axes in (kept, summed)
    )
    columns_of_a = (parts[0][:, None] + np.arange(depth) * a_strides[1]).reshape(-1)
    rows_of_b = (parts[1][:, None] + np.arange(depth) * columns).reshape(-1)
    c = empty((*(stack[i] for i in kept), rows, columns), a.dtype)
    if not c.size:
        return c, []
    products, table = len(places[0]), np.stack([columns_of_a, rows_of_b], axis=1).astype(np.int64)
    blocks = max(min(-(-rows // FEWEST_ROWS), TASKS // products), 1)
    row_offsets, zeros = np.arange(rows, dtype=np.int64) * a_strides[0], np.zeros(columns, a.dtype)
    starts = np.ascontiguousarray(np.stack(places, axis=1), np.int64)
    record = _Products(a, b, c, zeros, rows, row_offsets, len(table), table, columns, starts, blocks)
    return c, [Job(_products, record, products * blocks, c.size * len(table))]


def _dense(array: Array, jobs: list[Job]) -> Array:
    """The array, or a dense copy that a job makes."""
    if array.flags.c_contiguous or not array.flags.aligned:
        return contiguous(array)
    target = empty(array.shape, array.dtype)
    jobs.append(prepare_copy(array, target))
    return target


def _prepare(a: Array, b: Array) -> tuple[Array, list[Job]]:
    jobs: list[Job] = []
    a, b = _dense(a, jobs), _dense(b, jobs)
    stack = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    size = a.shape[-2], a.shape[-1], b.shape[-1]
    y, products = _prepare_products(a, (a.shape[-1], 1), b, stack, range(len(stack)), size)
    return y, [*jobs, *products]


def _kept(stack: Shape, shape: Shape) -> list[int]:
    """The axes of a stack along which an array isn't repeated."""
    own = (*[1] * (len(stack) - len(shape) + 2), *shape[:-2])
    return [axis for axis, size in enumerate(own) if size == stack[axis]]


def _prepare_backward(
    dy: Array, a: Array, b: Array, needs: Sequence[bool] = (True, True)
) -> tuple[list[Array | None], list[Job]]:
    """([da, db], jobs)."""
    jobs: list[Job] = []
    stack, (rows, depth), columns = dy.shape[:-2], a.shape[-2:], b.shape[-1]
    dy, da, db = _dense(dy, jobs), None, None
    if needs[0]:
        turned, size = _dense(b.swapaxes(-1, -2), jobs), (rows, columns, depth)
        da, products = _prepare_products(dy, (columns, 1), turned, stack, _kept(stack, a.shape), size)
        da, jobs = da.reshape(a.shape), [*jobs, *products]
    if needs[1]:
        a, size = _dense(a, jobs), (depth, rows, columns)
        db, products = _prepare_products(a, (1, depth), dy, stack, _kept(stack, b.shape), size)
        db, jobs = db.reshape(b.shape), [*jobs, *products]
    return [da, db], jobs


@Replay
def matmul(a: Array, b: Array) -> tuple[Array, list[Job]]:
    """Product by product."""
    return _prepare(a, b)


@Replay
def matmul_backward(dy: Array, a: Array, b: Array) -> tuple[tuple[Array, Array], list[Job]]:
    """(da, db): dy b^T and a^T dy, summed over what was repeated."""
    (da, db), jobs = _prepare_backward(dy, a, b)
    return (da, db), jobs  # type: ignore[return-value]  # both are needed


def lower_matmul(operator: MatMul, a: Array, b: Array) -> Lowered:
    """The products of two inputs, sample by sample."""
    axes = max(a.ndim, b.ndim)
    left, right = (each.reshape(len(each), *[1] * (axes - each.ndim), *each.shape[1:]) for each in (a, b))
    y, jobs = _prepare(left, right)

    def backward(dy: Array, needs: Sequence[bool]) -> tuple[list[Array | None], list[Job]]:
        gradients, jobs = _prepare_backward(dy, left, right, needs)
        shaped = [
            None if grad is None else _as_network(grad.reshape(each.shape), jobs)
            for grad, each in zip(gradients, (a, b), strict=True)
        ]
        return shaped, jobs

    return Lowered(_as_network(y, jobs), jobs, backward)


def _as_network(array: Array, jobs: list[Job]) -> Array:
    """A dense array as networks keep it: what has four axes with that of channels last in memory."""
    if array.ndim != 4:
        return array
    images = new(array.shape, array.dtype)
    jobs.append(prepare_copy(as_kernels_see(array), as_kernels_see(images)))
    return images
