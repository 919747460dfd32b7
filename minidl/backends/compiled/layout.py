"""Arrays copied into another order of their axes, and sums over the parts that a batch was taken apart into."""

import numpy as np

from minidl.backends.compiled.jit import Kernel
from minidl.backends.compiled.lanewise import add
from minidl.backends.compiled.launch import Job, pieces
from minidl.backends.compiled.memory import empty
from minidl.backends.compiled.simd import lanes, load, splat, store
from minidl.typing import Array

AXES = 5


@Kernel
def _permute(memory, ints, job, task, own):
    """Copy index `task` of the first axis of a strided array into a dense one, or add it there."""
    sizes, strides, onto = job + 3, job + 3 + AXES, ints[job + 2]
    n1, n2, n3, n4 = ints[sizes + 1], ints[sizes + 2], ints[sizes + 3], ints[sizes + 4]
    s1, s2, s3, s4 = ints[strides + 1], ints[strides + 2], ints[strides + 3], ints[strides + 4]
    origin = ints[job] + task * ints[strides]
    target = ints[job + 1] + task * n1 * n2 * n3 * n4
    for i in range(n1):
        for j in range(n2):
            for k in range(n3):
                source = origin + i * s1 + j * s2 + k * s3
                if onto:
                    for m in range(n4):
                        memory[target + m] += memory[source + m * s4]
                else:
                    for m in range(n4):
                        memory[target + m] = memory[source + m * s4]
                target += n4


def permuted(source: Array, target: Array, *, onto: bool = False) -> Job:
    """Copy an array of any strides and at most AXES axes into a dense one of the same shape, or add it to that."""
    missing = AXES - source.ndim
    sizes = [*source.shape[:1], *[1] * missing, *source.shape[1:]]
    strides = [stride // source.itemsize for stride in source.strides]
    strides = [*strides[:1], *[0] * missing, *strides[1:]]
    return Job(_permute, [source, target, int(onto), *sizes, *strides], sizes[0], 8 * source.size)


def packed(array: Array) -> tuple[Array, list[Job]]:
    """(dense, jobs): the array itself if it is C-contiguous, or a copy that is, once the jobs have been done."""
    if not array.flags.aligned:
        return np.array(array, order="C"), []
    if array.flags.c_contiguous:
        return array, []
    target = empty(array.shape, array.dtype)
    return target, [permuted(array, target)]


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


def summed(parts: Array, target: Array, *, onto: bool) -> Job:
    """The sum over the first axis of `parts`, one after the other, written to `target` or added to what is there."""
    size, tasks = target.size, pieces(target.size)
    return Job(_sum_parts, [parts, target, len(parts), size, int(onto), tasks], tasks, 8 * parts.size)
