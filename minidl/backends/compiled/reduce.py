"""Sums, means, maxima and lengths along axes, value by value in the order of memory.

Each lane of a vector has a sum of its own, so that the order is the same for vectors of any width.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from minidl.backends.compiled.codegen.jit import Kernel, inlined, kernel
from minidl.backends.compiled.codegen.lanewise import (
    add,
    divide,
    multiply,
    multiply_add,
    select_max,
    square_root,
)
from minidl.backends.compiled.codegen.load_store import lanes, load, load_strided, splat, store
from minidl.backends.compiled.graph.lowered import as_kernels_see, new
from minidl.backends.compiled.runtime.copy import prepare_copy
from minidl.backends.compiled.runtime.memory import contiguous, empty
from minidl.backends.compiled.runtime.program import Job, pieces
from minidl.backends.compiled.runtime.replay import Replay
from minidl.typing import Array

__all__ = ["argmax", "reduce"]

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
    values: int  # what a mean is divided by
    tasks: int


@inlined
def _value(memory, place, step, count):
    """The vector of values that lie side by side, or `step` apart."""
    return load(memory, place, count) if step == 1 else load_strided(memory, place, step, count)


def _kernel(name: str, first: Callable[..., Any], combine: Callable[..., Any], last: Callable[..., Any]) -> Kernel:
    """The kernel that combines values: first(value), combine(total, value), last(memory, total, count of values)."""
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
                store(memory, y + c, last(memory, total, job.values), count)

    reduce.__qualname__ = f"_reduce_{name}"
    return Kernel(reduce, _Reduce)


def _same(value):
    return value


def _added(total, value):
    return add(total, value)


def _total(memory, total, n):
    return total


def _square(value):
    return multiply(value, value)


def _square_added(total, value):
    return multiply_add(value, value, total)


def _root(memory, total, n):
    return square_root(total)


_KERNELS = {
    "sum": _kernel("sum", _same, _added, _total),
    "mean": _kernel("mean", _same, _added, lambda memory, total, n: divide(total, splat(memory, n))),
    "max": _kernel("max", _same, lambda total, value: select_max(value, total, value, total), _total),
    "l2": _kernel("l2", _square, _square_added, _root),
    "squares": _kernel("squares", _square, _square_added, _total),
    "root": _kernel("root", _same, _added, _root),
}
_IN_TWO = {"sum": ("sum", "sum"), "mean": ("sum", "mean"), "max": ("max", "max"), "l2": ("squares", "root")}
"""What a reduction of many values that lie side by side is made of: of columns of them, and of what comes of that."""


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


class Rows(NamedTuple):
    """An array whose values along some axes are combined, as one that has these side by side."""

    x: Array
    outer: int
    length: int
    inner: int
    order: tuple[int, ...] | None
    """That of the axes, as kernels see them, in a copy; None where x itself lies so."""


def as_rows(x: Array, axes: tuple[int, ...], jobs: list[Job], *, in_order: bool = False) -> Rows:
    """Axes of x, which is dense, as one; `in_order` with the first of them before all others."""
    seen = as_kernels_see(x)
    places = [(0, 3, 1, 2)[axis] if x.ndim == 4 else axis for axis in axes]
    long = [place for place in places if seen.shape[place] > 1]
    between = [place for place in range(min(long, default=0), max(long, default=-1) + 1) if seen.shape[place] > 1]
    if sorted(long) == between and (not in_order or sorted(long) == long):
        start, stop = min(long, default=0), max(long, default=-1) + 1
        sizes = [math.prod(part) for part in (seen.shape[:start], seen.shape[start:stop], seen.shape[stop:])]
        return Rows(x, sizes[0], sizes[1], sizes[2], None)
    order = (*(place for place in range(seen.ndim) if place not in places), *places)
    moved = seen.transpose(order)
    rows = empty(moved.shape, x.dtype)
    jobs.append(prepare_copy(moved, rows))
    length = math.prod(x.shape[axis] for axis in axes)
    return Rows(rows, x.size // max(length, 1), length, 1, order)


def _reduced(x: Array, axes: tuple[int, ...], kernel: Kernel, *in_two: Kernel) -> tuple[Array, list[Job]]:
    """(y, jobs) of a kernel, or of two where the values along all axes lie side by side and are many."""
    jobs: list[Job] = []
    rows = as_rows(x, axes, jobs)
    y = new(tuple(1 if axis in axes else size for axis, size in enumerate(x.shape)), x.dtype)
    columns = _columns(rows) if in_two else 0
    if not columns:
        return y, [*jobs, _job(kernel, rows.x, y, rows.outer, rows.length, rows.inner, rows.length)]
    first, second = in_two
    between = empty((rows.outer, columns), x.dtype)
    length = rows.length // columns
    return y, [
        *jobs,
        _job(first, rows.x, between, rows.outer, length, columns, length),
        _job(second, between, y, rows.outer, columns, 1, rows.length),
    ]


def _columns(rows: Rows) -> int:
    """In how many columns values that lie side by side are combined before all are; 0 where it is done at once."""
    if rows.inner > 1 or rows.length < 4 * CHUNK:
        return 0
    return next((size for size in range(2 * CHUNK, 7, -1) if rows.length % size == 0), 0)


def _job(kernel: Kernel, x: Array, y: Array, outer: int, length: int, inner: int, count: int) -> Job:
    units = -(-inner // CHUNK) * outer if inner > 1 else -(-outer // CHUNK)
    tasks = max(min(units, pieces(outer * length * inner)), 1)
    return Job(kernel, _Reduce(x, y, outer, length, inner, count, tasks), tasks, 8 * outer * length * inner)


def prepare_reduce(name: str, x: Array, axes: tuple[int, ...]) -> tuple[Array, list[Job]]:
    """(y, jobs) for an array that is dense, images with their channels last."""
    first, second = _IN_TWO[name]
    return _reduced(x, axes, _KERNELS[name], _KERNELS[first], _KERNELS[second])


def dense(array: Array) -> Array:
    """The array with what operators of networks expect: images with their channels last, anything else as it is."""
    return contiguous(array.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2) if array.ndim == 4 else contiguous(array)


@Replay
def reduce(name: str, x: Array, *, axes: tuple[int, ...]) -> tuple[Array, list[Job]]:
    """Along axes, which are 1 long in y."""
    return prepare_reduce(name, dense(x), axes)


@Replay
def argmax(x: Array, *, axis: int) -> tuple[Array, list[Job]]:
    """The place of the largest value along an axis, as a float."""
    return prepare_argmax(dense(x), axis)


def prepare_argmax(x: Array, axis: int) -> tuple[Array, list[Job]]:
    """(y, jobs) for an array that is dense, images with their channels last."""
    return _reduced(x, (axis,), _argmax)
