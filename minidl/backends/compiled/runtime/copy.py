"""Arrays copied into another order of their axes, and sums over the parts that a batch was taken apart into."""

from typing import NamedTuple

import numpy as np

from minidl.backends.compiled.codegen.by_vectors import kernel_by_vectors
from minidl.backends.compiled.codegen.interleave import transpose_square
from minidl.backends.compiled.codegen.jit import inlined, kernel, njit
from minidl.backends.compiled.codegen.lanewise import add
from minidl.backends.compiled.codegen.load_store import lanes, load, splat, store
from minidl.backends.compiled.runtime.constants import of_weights
from minidl.backends.compiled.runtime.memory import empty
from minidl.backends.compiled.runtime.parts import part_start, parts_of
from minidl.backends.compiled.runtime.program import Job, pieces, shared_job
from minidl.typing import Array


class _Axes(NamedTuple):
    """The sizes of an array's axes, or its strides in elements."""

    outer: int
    middle: int
    inner: int
    rows: int
    columns: int


AXES = len(_Axes._fields)


class _Permute(NamedTuple):
    source: Array
    target: Array
    onto: bool
    tasks: int
    sizes: _Axes
    strides: _Axes


@njit
def _transpose(memory, source, source_stride, rows, columns, target):
    """target[i, j] = source[j source_stride + i]: by squares, and the rest one by one."""
    n = lanes(memory)
    full_rows, full_columns = rows - rows % n, columns - columns % n
    for i in range(0, full_rows, n):
        for j in range(0, full_columns, n):
            transpose_square(memory, source + j * source_stride + i, source_stride, target + i * columns + j, columns)
    for i in range(rows):
        for j in range(full_columns if i < full_rows else 0, columns):
            memory[target + i * columns + j] = memory[source + j * source_stride + i]


@kernel(_Permute)
def _permute(memory, ints, job, task, scratch):
    """Copy a share of a strided array into a dense one, or add it there: of its first axis, or of its last but one."""
    source, target, onto, tasks, sizes, strides = job.source, job.target, job.onto, job.tasks, job.sizes, job.strides
    outer, rows, columns, column_stride = sizes.outer, sizes.rows, sizes.columns, strides.columns
    if outer == 1:
        first = task * rows // tasks
        rows = (task + 1) * rows // tasks - first
        source, target = source + first * strides.rows, target + first * columns
    else:
        first = task * outer // tasks
        outer = (task + 1) * outer // tasks - first
        source, target = source + first * strides.outer, target + first * sizes.middle * sizes.inner * rows * columns
    for h in range(outer):
        for i in range(sizes.middle):
            for j in range(sizes.inner):
                matrix = source + h * strides.outer + i * strides.middle + j * strides.inner
                if strides.rows == 1 and column_stride != 1 and not onto:
                    _transpose(memory, matrix, column_stride, rows, columns, target)
                    target += rows * columns
                    continue
                for k in range(rows):
                    row = matrix + k * strides.rows
                    if onto:
                        for m in range(columns):
                            memory[target + m] += memory[row + m * column_stride]
                    else:
                        for m in range(columns):
                            memory[target + m] = memory[row + m * column_stride]
                    target += columns


def merged(array: Array) -> tuple[list[int], list[int]]:
    """(sizes, strides in elements) of as few axes, in their order, as tell where the elements lie."""
    sizes, strides = [1], [0]
    for size, stride in zip(array.shape, array.strides, strict=True):
        step = stride // array.itemsize
        if size == 1 or strides[-1] == size * step:
            sizes[-1] *= size
            strides[-1] = strides[-1] if size == 1 else step
        elif sizes[-1] == 1:
            sizes[-1], strides[-1] = size, step
        else:
            sizes.append(size)
            strides.append(step)
    return sizes, strides


def prepare_copy(source: Array, target: Array, *, onto: bool = False) -> Job:
    """Copy an array of any strides and at most AXES axes into a dense one of the same shape, or add it to that."""
    sizes, strides = merged(source)
    apart = len(sizes) > 2  # else it's one matrix, whose rows tasks share
    missing = AXES - len(sizes)
    sizes = [*sizes[:apart], *[1] * missing, *sizes[apart:]]
    strides = [*strides[:apart], *[0] * missing, *strides[apart:]]
    tasks = max(min(sizes[0] if apart else sizes[AXES - 2], pieces(source.size)), 1)
    record = _Permute(source, target, onto, tasks, _Axes(*sizes), _Axes(*strides))
    return Job(_permute, record, tasks, 8 * source.size)


@of_weights
def prepare_packed(array: Array) -> tuple[Array, list[Job]]:
    """(dense, jobs): the weights themselves if they are C-contiguous, or a copy that is, once the jobs are done."""
    if not array.flags.aligned:
        return np.array(array, order="C"), []
    if array.flags.c_contiguous:
        return array, []
    target = empty(array.shape, array.dtype)
    return target, [prepare_copy(array, target)]


class _Sum(NamedTuple):
    rows: Array  # (images, size)
    target: Array
    images: int
    parts: int
    onto: bool
    size: int
    tasks: int


@inlined
def _chain(memory, i, count, job, part):
    """The sum of a part's rows, one after the other."""
    if job.images == job.parts:  # a row of each
        return load(memory, job.rows + part * job.size + i, count)
    first, stop = part_start(job.images, job.parts, part), part_start(job.images, job.parts, part + 1)
    total = load(memory, job.rows + first * job.size + i, count) if first < stop else splat(memory, 0.0)
    for row in range(first + 1, stop):
        total = add(total, load(memory, job.rows + row * job.size + i, count))
    return total


@inlined
def _two(memory, i, count, job, part):
    return add(_chain(memory, i, count, job, part), _chain(memory, i, count, job, part + 1))


@inlined
def _four(memory, i, count, job, part):
    return add(_two(memory, i, count, job, part), _two(memory, i, count, job, part + 2))


@kernel_by_vectors(_Sum)
def _sum(memory, i, count, job):
    if job.parts == 8:
        total = add(_four(memory, i, count, job, 0), _four(memory, i, count, job, 4))
    elif job.parts == 4:
        total = _four(memory, i, count, job, 0)
    elif job.parts == 2:
        total = _two(memory, i, count, job, 0)
    else:
        total = _chain(memory, i, count, job, 0)
    if job.onto:
        total = add(load(memory, job.target + i, count), total)
    store(memory, job.target + i, total, count)


@kernel_by_vectors(_Sum)
def _take(memory, i, count, job):
    """What `_sum` does with a single row, in a third of the time."""
    total = load(memory, job.rows + i, count)
    if job.onto:
        total = add(load(memory, job.target + i, count), total)
    store(memory, job.target + i, total, count)


def prepare_sum(rows: Array, target: Array, *, onto: bool) -> Job:
    """The sum over the first axis of `rows`, written to `target` or added to what is there.

    Rows are of images, or of parts of a batch: those of a part are added one after the other, and the parts by a tree.
    """
    n = len(rows)
    return shared_job(_take if n == 1 else _sum, rows, target, n, parts_of(n), onto, size=target.size, work=8 * n)
