"""What branches do: sums, products, channels stacked beside each other; and their gradients."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from minidl.backends.compiled.codegen.jit import Kernel, kernel
from minidl.backends.compiled.codegen.lanewise import add, multiply, rectify
from minidl.backends.compiled.codegen.load_store import copy, lanes, load, splat, store
from minidl.backends.compiled.graph.lowered import Lowered, as_kernels_see, new
from minidl.backends.compiled.runtime.copy import prepare_sum
from minidl.backends.compiled.runtime.memory import address, empty
from minidl.backends.compiled.runtime.operands import Operands, kernel_by_operands, operands_of
from minidl.backends.compiled.runtime.program import Job, pieces
from minidl.description.operators import Add, Concat, Identity, Multiply
from minidl.typing import Array


class _Merge(NamedTuple):
    operands: Operands
    relu: bool


@kernel_by_operands(_Merge)
def _multiply(memory, a, b, job):
    return multiply(a, b)


@kernel_by_operands(_Merge)
def _add(memory, a, b, job):
    total = add(a, b)
    return rectify(total) if job.relu else total


def prepare_add(a: Array, b: Array, *, relu: bool = False, into: Array | None = None) -> tuple[Array, Job]:
    """(a + b, perhaps through a ReLU; job), written `into` channels of a block if they're given."""
    return _prepare(_add, a, b, relu, into)


def prepare_multiply(a: Array, b: Array, *, into: Array | None = None) -> tuple[Array, Job]:
    """(a b, job), written `into` channels of a block if they're given."""
    return _prepare(_multiply, a, b, False, into)


def _prepare(kernel: Kernel, a: Array, b: Array, relu: bool, into: Array | None) -> tuple[Array, Job]:
    y = new(np.broadcast_shapes(a.shape, b.shape), a.dtype) if into is None else into
    operands = operands_of(a, b, y)
    return y, Job(kernel, _Merge(operands, relu), operands.tasks, 8 * y.size)


def prepare_sum_of(arrays: Sequence[Array], jobs: list[Job], into: Array | None = None) -> Array:
    """The sum of arrays in their order; of one, the array itself. What there is to do is appended to the jobs."""
    return _reduced(prepare_add, arrays, jobs, into)


def _reduced(
    prepare: Callable[..., tuple[Array, Job]], arrays: Sequence[Array], jobs: list[Job], into: Array | None = None
) -> Array:
    """Arrays combined from the first to the last, two at a time, the last time `into` what is given."""
    y, *others = arrays
    for other in others:
        y, job = prepare(y, other, into=into if other is others[-1] else None)
        jobs.append(job)
    return y


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
    if source.ndim not in (2, 4):
        source, target = _flat(source), _flat(target)
    pixels, channels = source.size // max(source.shape[1], 1), source.shape[1]
    tasks = pieces(source.size)
    record = _CopyChannels(source, target, _step(source), _step(target), channels, pixels, tasks)
    return Job(_copy_channels, record, tasks, 8 * source.size)


def _flat(samples: Array) -> Array:
    """Samples (n, c, ...) as vectors, also where there are none."""
    return samples.reshape(len(samples), math.prod(samples.shape[1:]))


def _step(array: Array) -> int:
    """Floats from a pixel to the next."""
    stride = next((array.strides[axis] for axis in (3, 2, 0) if axis < array.ndim and array.shape[axis] > 1), 0)
    return stride // array.itemsize


def prepare_concat(parts: Sequence[Array], stacked: Array | None = None) -> tuple[Array, list[Job]]:
    """(the parts stacked along the channels, jobs); in a given block, some may have been written in their place."""
    if stacked is not None:
        pairs = zip(parts, split(stacked, parts), strict=True)
        return stacked, [prepare_copy_channels(part, into) for part, into in pairs if address(part) != address(into)]
    if parts[0].ndim not in (2, 4):  # sequences and volumes, each channel of which lies together
        flat, jobs = prepare_concat([_flat(part) for part in parts])
        return flat.reshape(len(flat), sum(part.shape[1] for part in parts), *parts[0].shape[2:]), jobs
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


def lower_add(operator: Add, *xs: Array, into: Array | None = None) -> Lowered:
    """The sum of branches, in their order."""
    jobs: list[Job] = []
    y = prepare_sum_of(xs, jobs, into)
    return Lowered(y, jobs, lambda dy, needs: ([dy if need else None for need in needs], []))


def lower_identity(operator: Identity, x: Array) -> Lowered:
    """The array itself."""
    return Lowered(x, [], lambda dy, needs: ([dy if needs[0] else None], []))


def lower_multiply(operator: Multiply, *xs: Array, into: Array | None = None) -> Lowered:
    """The product of branches, in their order."""
    jobs: list[Job] = []
    y = _reduced(prepare_multiply, xs, jobs, into)

    def backward(dy: Array, needs: Sequence[bool]) -> tuple[list[Array | None], list[Job]]:
        jobs: list[Job] = []
        others = [[dy, *xs[:i], *xs[i + 1 :]] for i in range(len(xs))]
        dxs = [
            prepare_summed(_reduced(prepare_multiply, each, jobs), x.shape, jobs) if need else None
            for x, each, need in zip(xs, others, needs, strict=True)
        ]
        return dxs, jobs

    return Lowered(y, jobs, backward)


class _SumAxis(NamedTuple):
    x: Array  # (outer, length, inner)
    y: Array  # (outer, inner)
    outer: int
    length: int
    inner: int
    tasks: int


@kernel(_SumAxis)
def _sum_axis(memory, ints, job, task, scratch):
    """The sums along the middle axis, from the first to the last."""
    length, inner = job.length, job.inner
    for i in range(task * job.outer // job.tasks, (task + 1) * job.outer // job.tasks):
        x, y = job.x + i * length * inner, job.y + i * inner
        for j in range(0, inner, lanes(memory)):
            total = load(memory, x + j, inner - j) if length else splat(memory, 0.0)
            for k in range(1, length):
                total = add(total, load(memory, x + k * inner + j, inner - j))
            store(memory, y + j, total, inner - j)


def _sum_along(axis: int, x: Array, y: Array) -> Job:
    if axis == 0:
        return prepare_sum(as_kernels_see(x), as_kernels_see(y), onto=False)
    sizes, place = as_kernels_see(x).shape, (0, 3, 1, 2)[axis] if x.ndim == 4 else axis
    outer, inner = math.prod(sizes[:place]), math.prod(sizes[place + 1 :])
    tasks = max(min(outer, pieces(x.size)), 1)
    return Job(_sum_axis, _SumAxis(x, y, outer, sizes[place], inner, tasks), tasks, 8 * x.size)


def prepare_summed(gradient: Array, shape: tuple[int, ...], jobs: list[Job]) -> Array:
    """The gradient of what was repeated along its axes of length 1, along the last axis first; over images by parts."""
    for axis in reversed(range(len(shape))):
        if gradient.shape[axis] != shape[axis]:
            total = new((*gradient.shape[:axis], 1, *gradient.shape[axis + 1 :]), gradient.dtype)
            jobs.append(_sum_along(axis, gradient, total))
            gradient = total
    return gradient


def lower_concat(operator: Concat, *xs: Array, into: Array | None = None) -> Lowered:
    """Branches beside each other, channel by channel."""
    y, jobs = prepare_concat(xs, into)

    def backward(dy: Array, needs: Sequence[bool]) -> tuple[list[Array | None], list[Job]]:
        return [part if need else None for part, need in zip(split(dy, xs), needs, strict=True)], []

    return Lowered(y, jobs, backward)
