"""Arrays copied from any strides to any others: parts of arrays, repeated ones, many axes."""

from typing import NamedTuple

import numpy as np

from minidl.backends.compiled.codegen.jit import kernel
from minidl.backends.compiled.codegen.load_store import copy
from minidl.backends.compiled.runtime.program import Job, pieces
from minidl.typing import Array


class _Axes(NamedTuple):
    """The sizes of the axes of both arrays, or the strides of one in elements."""

    a: int
    b: int
    c: int
    d: int
    e: int
    numbers: int


AXES = len(_Axes._fields)


class _Copy(NamedTuple):
    source: Array
    target: Array
    tasks: int
    sizes: _Axes
    of_source: _Axes
    of_target: _Axes


@kernel(_Copy)
def _copy(memory, ints, job, task, scratch):
    """Copy a share of the rows of numbers along the last axis."""
    sizes, of_source, of_target = job.sizes, job.of_source, job.of_target
    rows = sizes.a * sizes.b * sizes.c * sizes.d * sizes.e
    first, last = task * rows // job.tasks, (task + 1) * rows // job.tasks
    e, rest = first % sizes.e, first // sizes.e
    d, rest = rest % sizes.d, rest // sizes.d
    c, rest = rest % sizes.c, rest // sizes.c
    b, a = rest % sizes.b, rest // sizes.b
    n, from_step, to_step = sizes.numbers, of_source.numbers, of_target.numbers
    for _ in range(first, last):
        source = a * of_source.a + b * of_source.b + c * of_source.c + d * of_source.d + e * of_source.e
        target = a * of_target.a + b * of_target.b + c * of_target.c + d * of_target.d + e * of_target.e
        source, target = source + job.source, target + job.target
        if from_step == 1 and to_step == 1 and n > 8:
            copy(memory, target, source, n)
        else:
            for i in range(n):
                memory[target + i * to_step] = memory[source + i * from_step]
        e += 1
        if e == sizes.e:
            e, d = 0, d + 1
            if d == sizes.d:
                d, c = 0, c + 1
                if c == sizes.c:
                    c, b = 0, b + 1
                    if b == sizes.b:
                        b, a = 0, a + 1


def prepare_strided_copy(source: Array, target: Array) -> Job | None:
    """Copy between arrays of one shape and any strides. None where there are too many axes that can't be merged."""
    order = np.argsort([-abs(stride) for stride in target.strides], kind="stable")
    sizes, of_source, of_target = _merged(source.transpose(order), target.transpose(order))
    if len(sizes) > AXES:
        return None
    missing = AXES - len(sizes)
    rows = target.size // max(sizes[-1], 1)
    tasks = max(min(rows, pieces(target.size)), 1)
    record = _Copy(
        *(source, target, tasks, _Axes(*[1] * missing, *sizes)),
        *(_Axes(*[0] * missing, *strides) for strides in (of_source, of_target)),
    )
    return Job(_copy, record, tasks, 8 * target.size)


def _merged(source: Array, target: Array) -> tuple[list[int], list[int], list[int]]:
    """(sizes, strides of the source, of the target, in elements) of as few axes as tell where both lie."""
    if not target.size:
        return [0], [0], [0]
    found: list[tuple[int, int, int]] = []
    size = source.itemsize
    for length, *strides in zip(source.shape, source.strides, target.strides, strict=True):
        one, other = (stride // size for stride in strides)
        if length == 1:
            continue
        if found and found[-1][1] == length * one and found[-1][2] == length * other:
            found[-1] = (found[-1][0] * length, one, other)
        else:
            found.append((length, one, other))
    found = found or [(1, 0, 0)]
    return [length for length, _, _ in found], [one for _, one, _ in found], [other for _, _, other in found]
