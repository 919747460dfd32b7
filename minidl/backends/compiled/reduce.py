"""Sums, means, maxima and lengths along axes, value by value in the order of memory.

Each lane of a vector has a sum of its own, so that the order is the same for vectors of any width.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from minidl.backends.compiled.codegen.by_vectors import kernel_by_vectors
from minidl.backends.compiled.codegen.jit import Kernel, inlined, kernel
from minidl.backends.compiled.codegen.lanewise import (
    add,
    divide,
    multiply,
    multiply_add,
    relu_grad,
    select_max,
    square_root,
)
from minidl.backends.compiled.codegen.load_store import clear, lanes, load, load_strided, splat, store
from minidl.backends.compiled.graph.lowered import Lowered, as_kernels_see, new, through
from minidl.backends.compiled.merge import prepare_multiply
from minidl.backends.compiled.rearrange import prepare_zeros
from minidl.backends.compiled.runtime.copy import prepare_copy
from minidl.backends.compiled.runtime.memory import contiguous, empty
from minidl.backends.compiled.runtime.operands import Operands, kernel_by_operands, operands_of
from minidl.backends.compiled.runtime.program import Job, pieces, shared_job
from minidl.backends.compiled.runtime.replay import Replay
from minidl.description.operators import ArgMax, Expand, Reduce
from minidl.typing import Array

__all__ = ["argmax", "reduce", "reduce_backward"]

BLOCK = 64
"""So many values are added to one another, and then to the sum of those before them, which rounds less."""

CHUNK = 64
"""Sums that a task computes for one place of the outer axes."""


class _Reduce(NamedTuple):
    x: Array  # (outer, length, inner)
    y: Array  # (outer, inner)
    outer: int
    length: int
    inner: int
    tasks: int


@inlined
def _value(memory, place, step, count):
    """The vector of values that lie side by side, or `step` apart."""
    return load(memory, place, count) if step == 1 else load_strided(memory, place, step, count)


def _kernel(name: str, first: Callable[..., Any], combine: Callable[..., Any], last: Callable[..., Any]) -> Kernel:
    """The kernel that combines values: first(value), combine(total, value), last(memory, total, length)."""
    first, combine, last = inlined(first), inlined(combine), inlined(last)
    join = inlined(lambda total, part: select_max(part, total, part, total)) if name == "max" else add

    def reduce(memory, ints, job, task, scratch):
        length, inner = job.length, job.inner
        columns = inner if inner > 1 else job.outer  # what lanes are along, and floats from one to the next
        step, along = (1, inner) if inner > 1 else (length, 1)
        chunks = (columns + CHUNK - 1) // CHUNK
        units = chunks * job.outer if inner > 1 else chunks
        for unit in range(task * units // job.tasks, (task + 1) * units // job.tasks):
            outer, begin = unit // chunks, unit % chunks * CHUNK
            x, y = job.x + outer * length * inner, job.y + outer * inner
            end = min(begin + CHUNK, columns)
            for c in range(begin, end, lanes(memory)):
                count, place = end - c, x + c * step
                total = splat(memory, 0.0)
                for block in range(0, length, BLOCK):
                    part = first(_value(memory, place + block * along, step, count))
                    for k in range(block + 1, min(block + BLOCK, length)):
                        part = combine(part, _value(memory, place + k * along, step, count))
                    total = join(total, part) if block else part
                store(memory, y + c, last(memory, total, length), count)

    reduce.__qualname__ = f"_reduce_{name}"
    return Kernel(reduce, _Reduce)


_KERNELS = {
    "sum": _kernel("sum", lambda value: value, lambda total, value: add(total, value), lambda memory, total, n: total),
    "mean": _kernel(
        "mean",
        lambda value: value,
        lambda total, value: add(total, value),
        lambda memory, total, n: divide(total, splat(memory, n)),
    ),
    "max": _kernel(
        "max",
        lambda value: value,
        lambda total, value: select_max(value, total, value, total),
        lambda memory, total, n: total,
    ),
    "l2": _kernel(
        "l2",
        lambda value: multiply(value, value),
        lambda total, value: multiply_add(value, value, total),
        lambda memory, total, n: square_root(total),
    ),
}


@kernel(_Reduce)
def _argmax(memory, ints, job, task, scratch):
    """The place of the first largest value."""
    length, inner = job.length, job.inner
    columns = inner if inner > 1 else job.outer
    step, along = (1, inner) if inner > 1 else (length, 1)
    chunks = (columns + CHUNK - 1) // CHUNK
    units = chunks * job.outer if inner > 1 else chunks
    for unit in range(task * units // job.tasks, (task + 1) * units // job.tasks):
        outer, begin = unit // chunks, unit % chunks * CHUNK
        x, y = job.x + outer * length * inner, job.y + outer * inner
        end = min(begin + CHUNK, columns)
        for c in range(begin, end, lanes(memory)):
            count, place = end - c, x + c * step
            best, where = _value(memory, place, step, count), splat(memory, 0.0)
            for k in range(1, length):
                value = _value(memory, place + k * along, step, count)
                where = select_max(value, best, splat(memory, k), where)
                best = select_max(value, best, value, best)
            store(memory, y + c, where, count)


class _Winners(NamedTuple):
    x: Array  # (outer, length, inner)
    dy: Array  # (outer, inner)
    dx: Array
    outer: int
    length: int
    inner: int
    tasks: int


@kernel(_Winners)
def _to_winners(memory, ints, job, task, scratch):
    """dx: the gradient to the first largest value, zero to all others."""
    length, inner = job.length, job.inner
    for outer in range(task * job.outer // job.tasks, (task + 1) * job.outer // job.tasks):
        first, dx = job.x + outer * length * inner, job.dx + outer * length * inner
        clear(memory, dx, length * inner)
        for c in range(inner):
            best, where = memory[first + c], 0
            for k in range(1, length):
                value = memory[first + k * inner + c]
                if value > best or (value != value and best == best):
                    best, where = value, k
            memory[dx + where * inner + c] = memory[job.dy + outer * inner + c]


class _Rows(NamedTuple):
    """An array whose values along some axes are combined, as one that has these side by side."""

    x: Array
    outer: int
    length: int
    inner: int
    order: tuple[int, ...] | None
    """That of the axes, as kernels see them, in a copy; None where x itself lies so."""


def _rows(x: Array, axes: tuple[int, ...], jobs: list[Job], *, in_order: bool = False) -> _Rows:
    """Axes of x, which is dense, as one; `in_order` with the first of them before all others."""
    seen = as_kernels_see(x)
    places = [(0, 3, 1, 2)[axis] if x.ndim == 4 else axis for axis in axes]
    long = [place for place in places if seen.shape[place] > 1]
    between = [place for place in range(min(long, default=0), max(long, default=-1) + 1) if seen.shape[place] > 1]
    if sorted(long) == between and (not in_order or sorted(long) == long):
        start, stop = min(long, default=0), max(long, default=-1) + 1
        sizes = [math.prod(part) for part in (seen.shape[:start], seen.shape[start:stop], seen.shape[stop:])]
        return _Rows(x, sizes[0], sizes[1], sizes[2], None)
    order = (*(place for place in range(seen.ndim) if place not in places), *places)
    moved = seen.transpose(order)
    rows = empty(moved.shape, x.dtype)
    jobs.append(prepare_copy(moved, rows))
    length = math.prod(x.shape[axis] for axis in axes)
    return _Rows(rows, x.size // max(length, 1), length, 1, order)


def _reduced(kernel: Kernel, x: Array, axes: tuple[int, ...]) -> tuple[Array, list[Job]]:
    jobs: list[Job] = []
    rows = _rows(x, axes, jobs)
    y = new(tuple(1 if axis in axes else size for axis, size in enumerate(x.shape)), x.dtype)
    columns = rows.inner if rows.inner > 1 else rows.outer
    units = -(-columns // CHUNK) * (rows.outer if rows.inner > 1 else 1)
    tasks = max(min(units, pieces(x.size)), 1)
    record = _Reduce(rows.x, y, rows.outer, rows.length, rows.inner, tasks)
    return y, [*jobs, Job(kernel, record, tasks, 8 * x.size)]


def prepare_reduce(name: str, x: Array, axes: tuple[int, ...]) -> tuple[Array, list[Job]]:
    """(y, jobs) for an array that is dense, images with their channels last."""
    return _reduced(_KERNELS[name], x, axes)


class _Divide(NamedTuple):
    x: Array
    y: Array
    by: int
    size: int
    tasks: int


@kernel_by_vectors(_Divide)
def _divide(memory, i, count, job):
    store(memory, job.y + i, divide(load(memory, job.x + i, count), splat(memory, job.by)), count)


class _Quotient(NamedTuple):
    operands: Operands


@kernel_by_operands(_Quotient)
def _by_length(memory, dy, y, job):
    """The quotient, 0 where y, which isn't below, is 0."""
    return relu_grad(y, divide(dy, y))


def prepare_reduce_backward(
    name: str, dy: Array, x: Array | None, y: Array | None, shape: tuple[int, ...]
) -> tuple[Array, list[Job]]:
    """(dx, jobs) for arrays that are dense, images with their channels last."""
    axes = tuple(axis for axis, size in enumerate(shape) if dy.shape[axis] != size)
    jobs: list[Job] = []
    if name == "max":
        assert x is not None
        return _prepare_to_winners(dy, x, axes)
    if name == "l2":
        assert x is not None
        assert y is not None
        share = new(dy.shape, dy.dtype)
        operands = operands_of(dy, y, share)
        dx, job = prepare_multiply(share, x)
        return dx, [Job(_by_length, _Quotient(operands), operands.tasks, 16 * dy.size), job]
    if name == "mean":
        share = new(dy.shape, dy.dtype)
        count = math.prod(shape[axis] for axis in axes)
        jobs.append(shared_job(_divide, dy, share, count, size=dy.size, work=16))
        dy = share
    dx, more = _prepare_repeated(dy, shape)
    return dx, jobs + more


def _prepare_repeated(x: Array, shape: tuple[int, ...]) -> tuple[Array, list[Job]]:
    """X repeated along its axes of length 1."""
    y = new(shape, x.dtype)
    return y, [prepare_copy(as_kernels_see(np.broadcast_to(x, shape)), as_kernels_see(y))]


def _prepare_to_winners(dy: Array, x: Array, axes: tuple[int, ...]) -> tuple[Array, list[Job]]:
    jobs: list[Job] = []
    rows = _rows(x, axes, jobs, in_order=True)
    dx = new(x.shape, x.dtype)
    flat = dx if rows.order is None else empty(rows.x.shape, x.dtype)
    tasks = max(min(rows.outer, pieces(x.size)), 1)
    record = _Winners(rows.x, dy, flat, rows.outer, rows.length, rows.inner, tasks)
    jobs.append(Job(_to_winners, record, tasks, 32 * x.size))
    if rows.order is not None:
        jobs.append(prepare_copy(flat.transpose(np.argsort(rows.order)), as_kernels_see(dx)))
    return dx, jobs


def _dense(array: Array) -> Array:
    """The array with what operators of networks expect: images with their channels last, anything else as it is."""
    return contiguous(array.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2) if array.ndim == 4 else contiguous(array)


@Replay
def reduce(name: str, x: Array, *, axes: tuple[int, ...]) -> tuple[Array, list[Job]]:
    """Along axes, which are 1 long in y."""
    return prepare_reduce(name, _dense(x), axes)


@Replay
def reduce_backward(
    name: str, dy: Array, x: Array | None, y: Array | None, *, shape: tuple[int, ...]
) -> tuple[Array, list[Job]]:
    """Along the axes that are 1 long in dy alone."""
    return prepare_reduce_backward(
        name, _dense(dy), None if x is None else _dense(x), None if y is None else _dense(y), shape
    )


@Replay
def argmax(x: Array, *, axis: int) -> tuple[Array, list[Job]]:
    """The place of the largest value along an axis, as a float."""
    return _reduced(_argmax, _dense(x), (axis,))


def lower_reduce(operator: Reduce, x: Array) -> Lowered:
    """Values along axes combined."""
    name, axes = operator
    y, jobs = prepare_reduce(name, x, axes)
    needs_both = name in ("max", "l2")
    kept = (x, y) if needs_both else (None, None)
    return Lowered(y, jobs, through(lambda dy: prepare_reduce_backward(name, dy, kept[0], kept[1], x.shape)))


def lower_argmax(operator: ArgMax, x: Array) -> Lowered:
    """The place of the largest value along an axis, which has no gradient."""
    y, jobs = _reduced(_argmax, x, (operator.axis,))
    shape = x.shape

    def backward(dy: Array) -> tuple[Array, list[Job]]:
        dx = new(shape, dy.dtype)
        return dx, [prepare_zeros(dx)]

    return Lowered(y, jobs, through(backward))


def lower_expand(operator: Expand, x: Array) -> Lowered:
    """Samples repeated along axes."""
    axes = tuple(axis for axis, size in enumerate(operator.shape, 1) if x.shape[axis] != size)
    if not axes:
        return Lowered(x, [], through(lambda dy: (dy, [])))
    y, jobs = _prepare_repeated(x, (len(x), *operator.shape))
    return Lowered(y, jobs, through(lambda dy: prepare_reduce("sum", dy, axes)))
