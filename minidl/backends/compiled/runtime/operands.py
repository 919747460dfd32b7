"""Passes over two arrays into a third, number by number, wherever they lie: dense, in a block, or repeated."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from minidl.backends.compiled.codegen.by_vectors import by_vectors, named
from minidl.backends.compiled.codegen.jit import Kernel, inlined
from minidl.backends.compiled.codegen.load_store import load, splat, store
from minidl.backends.compiled.runtime.memory import contiguous
from minidl.backends.compiled.runtime.program import pieces
from minidl.typing import Array


class Axes(NamedTuple):
    """Sizes, or floats from one place to the next: 0 where an array is repeated."""

    outer: int
    middle: int
    inner: int
    numbers: int


class Operands(NamedTuple):
    """Two arrays that are read and one that is written; without tasks, 0 of each, and any place in memory instead."""

    a: Array | None
    b: Array | None
    y: Array | None
    sizes: Axes
    of_a: Axes
    of_b: Axes
    of_y: Axes
    tasks: int


_ONE = Axes(1, 1, 1, 1)
ANYWHERE = Operands(None, None, None, _ONE, _ONE, _ONE, _ONE, 0)
"""For a kernel that others call for numbers that lie side by side, from `task` to `scratch`, and are written over."""


def kernel_by_operands(record: Any) -> Callable[[Callable[..., Any]], Kernel]:
    """Make a kernel of body(memory, a, b, job), which gives a vector of y; `operands` of its record say where."""

    def make(body: Callable[..., Any]) -> Kernel:
        value = inlined(body)

        def part(memory, i, count, job, a, b, y):
            of_a, of_b = job.operands.of_a.numbers, job.operands.of_b.numbers
            left = load(memory, a + i, count) if of_a else splat(memory, memory[a])
            right = load(memory, b + i, count) if of_b else splat(memory, memory[b])
            store(memory, y + i, value(memory, left, right, job), count)

        loop = by_vectors(named(part, body, "part"))

        def share(memory, ints, job, task, scratch):
            operands, sizes = job.operands, job.operands.sizes
            of_a, of_b, of_y = operands.of_a, operands.of_b, operands.of_y
            rows, first, last, begin, end = sizes.outer * sizes.middle * sizes.inner, 0, 1, task, scratch
            if operands.tasks:
                if rows == 1:
                    begin, end = task * sizes.numbers // operands.tasks, (task + 1) * sizes.numbers // operands.tasks
                else:
                    first, last = task * rows // operands.tasks, (task + 1) * rows // operands.tasks
                    begin, end = 0, sizes.numbers
            i, j, k = first // sizes.inner // sizes.middle, first // sizes.inner % sizes.middle, first % sizes.inner
            for _ in range(first, last):
                loop(
                    *(memory, begin, end, job),
                    operands.a + i * of_a.outer + j * of_a.middle + k * of_a.inner,
                    operands.b + i * of_b.outer + j * of_b.middle + k * of_b.inner,
                    operands.y + i * of_y.outer + j * of_y.middle + k * of_y.inner,
                )
                k += 1
                if k == sizes.inner:
                    j, k = j + 1, 0
                    if j == sizes.middle:
                        i, j = i + 1, 0

        return Kernel(named(share, body, "share"), record)

    return make


def operands_of(a: Array, b: Array, y: Array) -> Operands:
    """Of arrays of at most four axes that broadcast to y, in any order of its axes in memory.

    Copied is what has its numbers neither side by side nor evenly spaced nor repeated.
    """
    if not y.size:
        return ANYWHERE._replace(a=a, b=b, y=y, sizes=Axes(1, 1, 1, 0), tasks=1)
    order = np.argsort([-stride for stride in y.strides], kind="stable")
    y = y.transpose(order)
    a, b = (_readable(array.transpose(order)) for array in (a, b))
    sizes, strides = _merged(y.shape, [a, b, y])
    if len(sizes) > len(Axes._fields):
        a, b = contiguous(a), contiguous(b)
        sizes, strides = _merged(y.shape, [a, b, y])
    missing = len(Axes._fields) - len(sizes)
    of_a, of_b, of_y = (Axes(*[0] * missing, *each) for each in strides)
    rows, most = y.size // max(sizes[-1], 1), pieces(y.size)
    tasks = most if rows == 1 else max(min(rows, most), 1)
    return Operands(a, b, y, Axes(*[1] * missing, *sizes), of_a, of_b, of_y, tasks)


def _readable(array: Array) -> Array:
    """The array, or a copy where its last axis of more than one number skips some, as do others."""
    sizes, (strides,) = _merged(array.shape, [array])
    fits = strides[-1] <= 1 or len(sizes) == 1 or (len(sizes) == 2 and sizes[-1] == 1)
    return array if fits and array.flags.aligned and min(strides) >= 0 else contiguous(array)


def _merged(shape: tuple[int, ...], arrays: list[Array]) -> tuple[list[int], list[list[int]]]:
    """(sizes, strides in elements) of as few axes as tell where the numbers of all arrays lie.

    Along the last one, numbers lie side by side in what is written, and side by side or repeated in all else.
    """
    sizes, found = [1], [[0] for _ in arrays]
    for axis, size in enumerate(shape):
        strides = [0 if array.shape[axis] == 1 else array.strides[axis] // array.itemsize for array in arrays]
        if (
            size != 1
            and sizes[-1] != 1
            and any(one[-1] != size * stride for one, stride in zip(found, strides, strict=True))
        ):
            sizes.append(1)
            for one in found:
                one.append(0)
        if size != 1:
            sizes[-1] *= size
            for one, stride in zip(found, strides, strict=True):
                one[-1] = stride
    if max(one[-1] for one in found) > 1 or (found[-1][-1] == 0 and sizes[-1] > 1):
        sizes.append(1)
        for one in found:
            one.append(0)
    return sizes, found
