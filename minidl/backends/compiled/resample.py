"""Images of another size, borders that repeat what is inside, and places along an axis: sums by tables.

Each axis has a pass of its own, in which a row of numbers, of pixels or of their channels, is a sum of others.
"""

import math
from typing import NamedTuple

from minidl.backends.compiled.codegen.by_vectors import kernel_by_vectors
from minidl.backends.compiled.codegen.jit import kernel
from minidl.backends.compiled.codegen.lanewise import multiply, multiply_add
from minidl.backends.compiled.codegen.load_store import clear, copy, lanes, load, splat, store
from minidl.backends.compiled.graph.lowered import Lowered, as_kernels_see, new, through
from minidl.backends.compiled.rearrange import prepare_copy_into
from minidl.backends.compiled.runtime.memory import contiguous, spaced
from minidl.backends.compiled.runtime.program import Job, pieces, shared_job
from minidl.backends.compiled.runtime.replay import Replay
from minidl.backends.vectorized.taps import Taps, taps_of_indices, taps_of_pad, taps_of_resize
from minidl.description.operators import Gather, Pad, Resize
from minidl.typing import Array, IntArray, Pair

__all__ = ["gather", "gather_backward", "pad2d", "pad2d_backward", "resize2d", "resize2d_backward"]


class _Along(NamedTuple):
    x: Array  # (outer, length, inner)
    y: Array  # (outer, made, inner), its rows `step` apart
    length: int
    made: int
    inner: int
    step: int
    rows: int
    starts: IntArray
    places: IntArray
    weights: Array
    tasks: int


@kernel(_Along)
def _along(memory, ints, job, task, scratch):
    """A share of the rows of y, each the sum of rows of x by its taps."""
    inner = job.inner
    for row in range(task * job.rows // job.tasks, (task + 1) * job.rows // job.tasks):
        outer, i = row // job.made, row % job.made
        begin, end = ints[job.starts + i], ints[job.starts + i + 1]
        x, y = job.x + outer * job.length * inner, job.y + row * job.step
        if begin == end:
            clear(memory, y, inner)
        elif begin + 1 == end and memory[job.weights + begin] == 1:
            if inner == 1:
                memory[y] = memory[x + ints[job.places + begin]]
            else:
                copy(memory, y, x + ints[job.places + begin] * inner, inner)
        else:
            for c in range(0, inner, lanes(memory)):
                count = inner - c
                value = load(memory, x + ints[job.places + begin] * inner + c, count)
                total = multiply(splat(memory, memory[job.weights + begin]), value)
                for k in range(begin + 1, end):
                    value = load(memory, x + ints[job.places + k] * inner + c, count)
                    total = multiply_add(splat(memory, memory[job.weights + k]), value, total)
                store(memory, y + c, total, count)


def _prepare_along(x: Array, axis: int, taps: Taps, into: Array | None = None) -> tuple[Array, Job]:
    """(y, job) for a dense x, images with their channels last, perhaps written `into` channels of a block."""
    y = new((*x.shape[:axis], taps.length, *x.shape[axis + 1 :]), x.dtype) if into is None else into
    seen, place = as_kernels_see(x), (0, 3, 1, 2)[axis] if x.ndim == 4 else axis
    inner = math.prod(seen.shape[place + 1 :])
    step = inner if into is None else spaced(into)[1]
    rows = math.prod(seen.shape[:place]) * taps.length
    tasks = max(min(rows, pieces(y.size)), 1)
    tables = taps.starts, taps.places, taps.weights.astype(x.dtype)
    record = _Along(x, y, seen.shape[place], taps.length, inner, step, rows, *tables, tasks)
    return y, Job(_along, record, tasks, 16 * y.size)


def _prepare_images(x: Array, down: Taps, across: Taps, into: Array | None = None) -> tuple[Array, list[Job]]:
    """(y, jobs) of dense images, down and then across, where these change anything."""
    jobs = []
    if not down.keeps(x.shape[2]):
        x, job = _prepare_along(x, 2, down)
        jobs.append(job)
    if into is not None or not jobs or not across.keeps(x.shape[3]):
        x, job = _prepare_along(x, 3, across, into)
        jobs.append(job)
    return x, jobs


def _dense(images: Array) -> Array:
    return contiguous(images.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)


def _prepare_resize(x: Array, resize: Resize, into: Array | None = None) -> tuple[Array, list[Job]]:
    down, across = taps_of_resize((x.shape[2], x.shape[3]), resize)
    return _prepare_images(x, down, across, into)


def _prepare_resize_backward(dy: Array, size: Pair, resize: Resize) -> tuple[Array, list[Job]]:
    down, across = taps_of_resize(size, resize)
    return _prepare_images(dy, down.transposed(size[0]), across.transposed(size[1]))


@Replay
def resize2d(x: Array, *, resize: Resize) -> tuple[Array, list[Job]]:
    """Down, then across."""
    return _prepare_resize(_dense(x), resize)


@Replay
def resize2d_backward(dy: Array, *, size: Pair, resize: Resize) -> tuple[Array, list[Job]]:
    """By the transposed tables, so that the order of the sums is fixed."""
    return _prepare_resize_backward(_dense(dy), size, resize)


class _Fill(NamedTuple):
    y: Array
    value: float
    size: int
    tasks: int


@kernel_by_vectors(_Fill)
def _fill(memory, i, count, job):
    store(memory, job.y + i, splat(memory, job.value), count)


def _inside(images: Array, pad: Pad) -> Array:
    """What is inside of a border."""
    (top, bottom), (left, right) = pad.padding
    return images[:, :, top : images.shape[2] - bottom, left : images.shape[3] - right]


def _prepare_pad(x: Array, pad: Pad) -> tuple[Array, list[Job]]:
    n, channels, height, width = x.shape
    if pad.mode != "constant":
        down, across = taps_of_pad((height, width), pad)
        return _prepare_images(x, down, across)
    y = new((n, channels, height + sum(pad.padding[0]), width + sum(pad.padding[1])), x.dtype)
    return y, [shared_job(_fill, y, pad.value, size=y.size, work=4), prepare_copy_into(x, _inside(y, pad))]


def _prepare_pad_backward(dy: Array, pad: Pad) -> tuple[Array, list[Job]]:
    if pad.mode == "constant":
        inside = _inside(dy, pad)
        dx = new(inside.shape, dy.dtype)
        return dx, [prepare_copy_into(inside, dx)]
    height, width = _inside(dy, pad).shape[2:]
    down, across = taps_of_pad((height, width), pad)
    return _prepare_images(dy, down.transposed(height), across.transposed(width))


@Replay
def pad2d(x: Array, *, pad: Pad) -> tuple[Array, list[Job]]:
    """A copy in the middle of a constant, or by tables."""
    return _prepare_pad(_dense(x), pad)


@Replay
def pad2d_backward(dy: Array, *, pad: Pad) -> tuple[Array, list[Job]]:
    """What is inside, with what was repeated in the border."""
    return _prepare_pad_backward(_dense(dy), pad)


def _of_network(array: Array) -> Array:
    return _dense(array) if array.ndim == 4 else contiguous(array)


@Replay
def gather(x: Array, *, axis: int, indices: tuple[int, ...]) -> tuple[Array, Job]:
    """Places along an axis."""
    return _prepare_along(_of_network(x), axis, taps_of_indices(indices))


@Replay
def gather_backward(dy: Array, *, axis: int, indices: tuple[int, ...], length: int) -> tuple[Array, Job]:
    """By the transposed table."""
    return _prepare_along(_of_network(dy), axis, taps_of_indices(indices).transposed(length))


def lower_resize(operator: Resize, x: Array, *, into: Array | None = None) -> Lowered:
    """Images of another size."""
    y, jobs = _prepare_resize(x, operator, into)
    size = x.shape[2], x.shape[3]
    return Lowered(y, jobs, through(lambda dy: _prepare_resize_backward(dy, size, operator)))


def lower_pad(operator: Pad, x: Array) -> Lowered:
    """Images in a border."""
    y, jobs = _prepare_pad(x, operator)
    return Lowered(y, jobs, through(lambda dy: _prepare_pad_backward(dy, operator)))


def lower_gather(operator: Gather, x: Array) -> Lowered:
    """Places along an axis."""
    axis, indices = operator
    y, job = _prepare_along(x, axis, taps_of_indices(indices))
    back = taps_of_indices(indices).transposed(x.shape[axis])
    return Lowered(y, [job], through(lambda dy: _prepare_along(dy, axis, back)))
