"""Branches that meet: sums, and channels stacked beside each other; and the gradients that they hand back."""

import functools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from minidl.backends.compiled.codegen.jit import inlined, kernel
from minidl.backends.compiled.codegen.lanewise import add, rectify
from minidl.backends.compiled.codegen.load_store import copy, lanes, load, store
from minidl.backends.compiled.graph.lowered import Lowered
from minidl.backends.compiled.runtime.memory import empty, empty_like
from minidl.backends.compiled.runtime.program import Job, pieces
from minidl.description.operators import Add, Concat
from minidl.typing import Array


class _Add(NamedTuple):
    a: Array
    b: Array
    y: Array
    relu: bool
    size: int
    tasks: int


@inlined
def _add_vector(memory, a, b, y, relu, count):
    total = add(load(memory, a, count), load(memory, b, count))
    store(memory, y, rectify(total) if relu else total, count)


@kernel(_Add)
def _add(memory, ints, job, task, scratch):
    first, last = task * job.size // job.tasks, (task + 1) * job.size // job.tasks
    full = last - (last - first) % lanes(memory)
    for i in range(first, full, lanes(memory)):
        _add_vector(memory, job.a + i, job.b + i, job.y + i, job.relu, lanes(memory))
    if full < last:
        _add_vector(memory, job.a + full, job.b + full, job.y + full, job.relu, last - full)


def prepare_add(a: Array, b: Array, *, relu: bool = False) -> tuple[Array, Job]:
    """(a + b, perhaps through a ReLU; job), for arrays that are dense in the same order."""
    y = empty_like(a)
    order = np.argsort(a.strides, kind="stable")[::-1]
    tasks = pieces(a.size)
    record = _Add(*(array.transpose(order) for array in (a, b, y)), relu, a.size, tasks)
    return y, Job(_add, record, tasks, 8 * a.size)


def prepare_sum_of(arrays: Sequence[Array], jobs: list[Job]) -> Array:
    """The sum of arrays in their order; of one, the array itself. What there is to do is appended to the jobs."""

    def added(a: Array, b: Array) -> Array:
        y, job = prepare_add(a, b)
        jobs.append(job)
        return y

    return functools.reduce(added, arrays)


class _CopyChannels(NamedTuple):
    source: Array
    target: Array
    source_step: int  # floats from a pixel to the next
    target_step: int
    channels: int
    pixels: int
    tasks: int


@kernel(_CopyChannels)
def _copy_channels(memory, ints, job, task, scratch):
    """Copy the channels of a share of the pixels from one block into another, which may have more."""
    first, last = task * job.pixels // job.tasks, (task + 1) * job.pixels // job.tasks
    for i in range(first, last):
        copy(memory, job.target + i * job.target_step, job.source + i * job.source_step, job.channels)


def prepare_copy_channels(source: Array, target: Array) -> Job:
    """Copy between parts of the channels of images, or of the features of vectors, whose pixels lie evenly spaced."""
    pixels, channels = source.size // max(source.shape[1], 1), source.shape[1]
    steps = [_step(array) for array in (source, target)]
    tasks = pieces(source.size)
    return Job(_copy_channels, _CopyChannels(source, target, *steps, channels, pixels, tasks), tasks, 8 * source.size)


def _step(array: Array) -> int:
    """Floats from a pixel to the next."""
    stride = next((array.strides[axis] for axis in (3, 2, 0) if axis < array.ndim and array.shape[axis] > 1), 0)
    return stride // array.itemsize


def prepare_concat(parts: Sequence[Array]) -> tuple[Array, list[Job]]:
    """(the parts stacked along the channels, jobs)."""
    n, _, *size = parts[0].shape
    y = empty((n, *size, sum(part.shape[1] for part in parts)), parts[0].dtype)
    stacked = y.transpose(0, y.ndim - 1, *range(1, y.ndim - 1))
    return stacked, [prepare_copy_channels(part, into) for part, into in zip(parts, split(stacked, parts), strict=True)]


def split(stacked: Array, parts: Sequence[Array]) -> list[Array]:
    """The channels of each part."""
    found, start = [], 0
    for part in parts:
        found.append(stacked[:, start : start + part.shape[1]])
        start += part.shape[1]
    return found


def lower_add(operator: Add, *xs: Array) -> Lowered:
    """The sum of branches, in their order."""
    jobs: list[Job] = []
    y = prepare_sum_of(xs, jobs)
    return Lowered(y, jobs, lambda dy, needs: ([dy if need else None for need in needs], []))


def lower_concat(operator: Concat, *xs: Array) -> Lowered:
    """Branches beside each other, channel by channel."""
    y, jobs = prepare_concat(xs)

    def backward(dy: Array, needs: Sequence[bool]) -> tuple[list[Array | None], list[Job]]:
        dxs: list[Array | None] = []
        jobs = []
        for x, part, need in zip(xs, split(dy, xs), needs, strict=True):
            dxs.append(empty_like(x) if need else None)
            if need:
                jobs.append(prepare_copy_channels(part, dxs[-1]))
        return dxs, jobs

    return Lowered(y, jobs, backward)
