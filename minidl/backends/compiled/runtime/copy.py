"""Arrays copied into another order of their axes, and sums over the parts that a batch was taken apart into."""

import numpy as np

from minidl.backends.compiled.codegen.interleave import transpose_square
from minidl.backends.compiled.codegen.jit import Kernel, njit
from minidl.backends.compiled.codegen.lanewise import add
from minidl.backends.compiled.codegen.load_store import lanes, load, splat, store
from minidl.backends.compiled.runtime.memory import empty
from minidl.backends.compiled.runtime.program import Job, pieces
from minidl.typing import Array

AXES = 5


@njit
def _transpose(memory, source, source_line, lines, columns, target):
    """target[i, j] = source[j source_line + i] for so many lines i and columns j: by squares, and the rest by ones."""
    n = lanes(memory)
    whole_lines, whole_columns = lines - lines % n, columns - columns % n
    for i in range(0, whole_lines, n):
        for j in range(0, whole_columns, n):
            transpose_square(memory, source + j * source_line + i, source_line, target + i * columns + j, columns)
    for i in range(lines):
        for j in range(whole_columns if i < whole_lines else 0, columns):
            memory[target + i * columns + j] = memory[source + j * source_line + i]


@Kernel
def _permute(memory, ints, job, task, own):
    """Copy a share of a strided array into a dense one, or add it there: of its first axis, or of its last but one."""
    sizes, strides, onto, tasks = job + 4, job + 4 + AXES, ints[job + 2], ints[job + 3]
    n0, n1, n2, n3, n4 = ints[sizes], ints[sizes + 1], ints[sizes + 2], ints[sizes + 3], ints[sizes + 4]
    s0, s1, s2, s3, s4 = ints[strides], ints[strides + 1], ints[strides + 2], ints[strides + 3], ints[strides + 4]
    source, target, lines = ints[job], ints[job + 1], n3
    if n0 == 1:
        first = task * n3 // tasks
        source, target, lines = source + first * s3, target + first * n4, (task + 1) * n3 // tasks - first
    else:
        first = task * n0 // tasks
        source, target = source + first * s0, target + first * n1 * n2 * n3 * n4
        n0 = (task + 1) * n0 // tasks - first
    for h in range(n0):
        for i in range(n1):
            for j in range(n2):
                matrix = source + h * s0 + i * s1 + j * s2
                if s3 == 1 and s4 != 1 and not onto:
                    _transpose(memory, matrix, s4, lines, n4, target)
                    target += lines * n4
                    continue
                for k in range(lines):
                    line = matrix + k * s3
                    if onto:
                        for m in range(n4):
                            memory[target + m] += memory[line + m * s4]
                    else:
                        for m in range(n4):
                            memory[target + m] = memory[line + m * s4]
                    target += n4


def _merged(array: Array) -> tuple[list[int], list[int]]:
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
    sizes, strides = _merged(source)
    apart = len(sizes) > 2  # else it's one matrix, of whose lines tasks take shares
    missing = AXES - len(sizes)
    sizes = [*sizes[:apart], *[1] * missing, *sizes[apart:]]
    strides = [*strides[:apart], *[0] * missing, *strides[apart:]]
    tasks = max(min(sizes[0] if apart else sizes[AXES - 2], pieces(source.size)), 1)
    return Job(_permute, [source, target, int(onto), tasks, *sizes, *strides], tasks, 8 * source.size)


def prepare_packed(array: Array) -> tuple[Array, list[Job]]:
    """(dense, jobs): the array itself if it is C-contiguous, or a copy that is, once the jobs have been done."""
    if not array.flags.aligned:
        return np.array(array, order="C"), []
    if array.flags.c_contiguous:
        return array, []
    target = empty(array.shape, array.dtype)
    return target, [prepare_copy(array, target)]


@Kernel
def _sum_parts(memory, ints, job, task, own):
    parts, target, count, size, onto, tasks = (
        ints[job],
        ints[job + 1],
        ints[job + 2],
        ints[job + 3],
        ints[job + 4],
        ints[job + 5],
    )
    last = (task + 1) * size // tasks
    for i in range(task * size // tasks, last, lanes(memory)):
        left = last - i
        total = load(memory, parts + i, left) if count else splat(memory, 0.0)
        for part in range(1, count):
            total = add(total, load(memory, parts + part * size + i, left))
        if onto:
            total = add(load(memory, target + i, left), total)
        store(memory, target + i, total, left)


def prepare_sum(parts: Array, target: Array, *, onto: bool) -> Job:
    """The sum over the first axis of `parts`, one after the other, written to `target` or added to what is there."""
    size, tasks = target.size, pieces(target.size)
    return Job(_sum_parts, [parts, target, len(parts), size, int(onto), tasks], tasks, 8 * parts.size)
