"""What branches do: sums, channels stacked beside each other, values in another shape; and their gradients."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from minidl.backends.compiled.codegen.by_vectors import kernel_by_vectors
from minidl.backends.compiled.codegen.jit import Kernel, kernel
from minidl.backends.compiled.codegen.lanewise import add, multiply, rectify
from minidl.backends.compiled.codegen.load_store import copy, load, store
from minidl.backends.compiled.graph.lowered import Lowered, as_kernels_see, new, through
from minidl.backends.compiled.runtime.copy import prepare_copy
from minidl.backends.compiled.runtime.memory import address, empty, empty_like, in_memory_order
from minidl.backends.compiled.runtime.program import Job, pieces
from minidl.description.operators import Add, Concat, Identity, Multiply, Reshape
from minidl.typing import Array


class _Merge(NamedTuple):
    a: Array
    b: Array
    y: Array
    relu: bool
    size: int
    tasks: int


@kernel_by_vectors(_Merge)
def _multiply(memory, i, count, job):
    store(memory, job.y + i, multiply(load(memory, job.a + i, count), load(memory, job.b + i, count)), count)


@kernel_by_vectors(_Merge)
def _add(memory, i, count, job):
    total = add(load(memory, job.a + i, count), load(memory, job.b + i, count))
    store(memory, job.y + i, rectify(total) if job.relu else total, count)


def prepare_add(a: Array, b: Array, *, relu: bool = False) -> tuple[Array, Job]:
    """(a + b, perhaps through a ReLU; job), for arrays that are dense in the same order."""
    return _prepare(_add, a, b, relu)


def prepare_multiply(a: Array, b: Array) -> tuple[Array, Job]:
    """(a b, job), for arrays that are dense in the same order."""
    return _prepare(_multiply, a, b, False)


def _prepare(kernel: Kernel, a: Array, b: Array, relu: bool) -> tuple[Array, Job]:
    y, tasks = empty_like(a), pieces(a.size)
    left, right, target = in_memory_order(a, b, y)
    return y, Job(kernel, _Merge(left, right, target, relu, a.size, tasks), tasks, 8 * a.size)


def prepare_sum_of(arrays: Sequence[Array], jobs: list[Job]) -> Array:
    """The sum of arrays in their order; of one, the array itself. What there is to do is appended to the jobs."""
    return _reduced(prepare_add, arrays, jobs)


def _reduced(prepare: Callable[[Array, Array], tuple[Array, Job]], arrays: Sequence[Array], jobs: list[Job]) -> Array:
    """Arrays combined from the first to the last, two at a time."""
    y, *others = arrays
    for other in others:
        y, job = prepare(y, other)
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
    if source.ndim == 3:
        source, target = _flat(source), _flat(target)
    pixels, channels = source.size // max(source.shape[1], 1), source.shape[1]
    tasks = pieces(source.size)
    record = _CopyChannels(source, target, _step(source), _step(target), channels, pixels, tasks)
    return Job(_copy_channels, record, tasks, 8 * source.size)


def _flat(sequences: Array) -> Array:
    """Sequences (n, c, length) as vectors, also where there are none."""
    n, channels, length = sequences.shape
    return sequences.reshape(n, channels * length)


def _step(array: Array) -> int:
    """Floats from a pixel to the next."""
    stride = next((array.strides[axis] for axis in (3, 2, 0) if axis < array.ndim and array.shape[axis] > 1), 0)
    return stride // array.itemsize


def prepare_concat(parts: Sequence[Array], stacked: Array | None = None) -> tuple[Array, list[Job]]:
    """(the parts stacked along the channels, jobs); in a given block, some may have been written in their place."""
    if stacked is not None:
        pairs = zip(parts, split(stacked, parts), strict=True)
        return stacked, [prepare_copy_channels(part, into) for part, into in pairs if address(part) != address(into)]
    if parts[0].ndim == 3:  # sequences, each channel of which lies together
        length = parts[0].shape[2]
        flat, jobs = prepare_concat([_flat(part) for part in parts])
        return flat.reshape(len(flat), sum(part.shape[1] for part in parts), length), jobs
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


def lower_identity(operator: Identity, x: Array) -> Lowered:
    """The array itself."""
    return Lowered(x, [], lambda dy, needs: ([dy if needs[0] else None], []))


def lower_multiply(operator: Multiply, *xs: Array) -> Lowered:
    """The product of branches, in their order."""
    jobs: list[Job] = []
    y = _reduced(prepare_multiply, xs, jobs)

    def backward(dy: Array, needs: Sequence[bool]) -> tuple[list[Array | None], list[Job]]:
        jobs: list[Job] = []
        others = [[dy, *xs[:i], *xs[i + 1 :]] for i in range(len(xs))]
        dxs = [
            _reduced(prepare_multiply, each, jobs) if need else None for each, need in zip(others, needs, strict=True)
        ]
        return dxs, jobs

    return Lowered(y, jobs, backward)


def lower_concat(operator: Concat, *xs: Array, into: Array | None = None) -> Lowered:
    """Branches beside each other, channel by channel."""
    y, jobs = prepare_concat(xs, into)

    def backward(dy: Array, needs: Sequence[bool]) -> tuple[list[Array | None], list[Job]]:
        dxs: list[Array | None] = []
        jobs = []
        for x, part, need in zip(xs, split(dy, xs), needs, strict=True):
            dx = empty_like(x) if need else None
            dxs.append(dx)
            if dx is not None:
                jobs.append(prepare_copy_channels(part, dx))
        return dxs, jobs

    return Lowered(y, jobs, backward)


def lower_reshape(operator: Reshape, x: Array) -> Lowered:
    """Each sample in another shape, channel by channel."""
    y, jobs = _prepare_reshape(x, (len(x), *operator.shape))
    return Lowered(y, jobs, through(lambda dy: _prepare_reshape(dy, x.shape)))


def _prepare_reshape(source: Array, shape: tuple[int, ...]) -> tuple[Array, list[Job]]:
    jobs = []
    if not source.flags.c_contiguous:  # images, whose channels lie last
        flat = empty(source.shape, source.dtype)
        jobs.append(prepare_copy(source, flat))
        source = flat
    y = source.reshape(shape)
    if as_kernels_see(y).flags.c_contiguous:
        return y, jobs
    images = new(shape, y.dtype)
    jobs.append(prepare_copy(as_kernels_see(y), as_kernels_see(images)))
    return images, jobs
