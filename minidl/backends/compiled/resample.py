"""Images of another size, borders that repeat what is inside, and places along an axis: sums by tables.

A row of pixels is a sum of rows, and each pixel then a sum of pixels in that; channels lie in the lanes.
"""

import math
from typing import NamedTuple

from minidl.backends.compiled.codegen.by_vectors import kernel_by_vectors
from minidl.backends.compiled.codegen.jit import inlined, kernel
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


class _Sizes(NamedTuple):
    """Of images that are read (n, height, width, channels) and written, whose pixels lie `step` floats apart."""

    height: int
    width: int
    channels: int
    out_height: int
    out_width: int
    step: int
    rows: int  # of all images that are written


class _Tables(NamedTuple):
    """`Taps`, as kernels read them."""

    starts: IntArray | None
    places: IntArray | None
    weights: Array | None


class _Combine(NamedTuple):
    """Images, of which each pixel becomes a sum of some; or other arrays, as such."""

    x: Array
    y: Array
    sizes: _Sizes
    down: _Tables
    across: _Tables
    keeps: bool  # whether columns stay as they are, and `across` isn't read
    tasks: int


@inlined
def _sum(memory, ints, y, x, stride, tables, first, last, count):
    """Write the sum of `count` numbers each that lie at x + place stride, by their weights."""
    source = x + ints[tables.places + first] * stride if first < last else 0
    if first == last:
        clear(memory, y, count)
    elif first + 1 == last and memory[tables.weights + first] == 1:
        if count > 256:
            copy(memory, y, source, count)
        else:
            for c in range(0, count, lanes(memory)):
                store(memory, y + c, load(memory, source + c, count - c), count - c)
    elif first + 2 == last:
        other = x + ints[tables.places + first + 1] * stride
        one, two = memory[tables.weights + first], memory[tables.weights + first + 1]
        for c in range(0, count, lanes(memory)):
            total = multiply(splat(memory, one), load(memory, source + c, count - c))
            total = multiply_add(splat(memory, two), load(memory, other + c, count - c), total)
            store(memory, y + c, total, count - c)
    else:
        for c in range(0, count, lanes(memory)):
            total = multiply(splat(memory, memory[tables.weights + first]), load(memory, source + c, count - c))
            for k in range(first + 1, last):
                value = load(memory, x + ints[tables.places + k] * stride + c, count - c)
                total = multiply_add(splat(memory, memory[tables.weights + k]), value, total)
            store(memory, y + c, total, count - c)


@kernel(_Combine)
def _combine(memory, ints, job, task, scratch):
    """A share of the rows of pixels: the sum of rows, in `scratch` unless it is one of them, and of pixels in it."""
    sizes, down, across = job.sizes, job.down, job.across
    size, out_size = sizes.width * sizes.channels, sizes.out_width * sizes.step
    before = 0
    for row in range(task * sizes.rows // job.tasks, (task + 1) * sizes.rows // job.tasks):
        image, i = job.x + row // sizes.out_height * sizes.height * size, row % sizes.out_height
        begin, end = ints[down.starts + i], ints[down.starts + i + 1]
        y, line = job.y + row * out_size, scratch
        if job.keeps:
            _sum(memory, ints, y, image, size, down, begin, end, size)
            continue
        if begin + 1 == end and memory[down.weights + begin] == 1:
            line = image + ints[down.places + begin] * size
            if line == before and sizes.step == sizes.channels:
                copy(memory, y, y - out_size, out_size)
                continue
        else:
            _sum(memory, ints, line, image, size, down, begin, end, size)
        before = line if line != scratch else 0
        for j in range(sizes.out_width):
            first, last = ints[across.starts + j], ints[across.starts + j + 1]
            _sum(memory, ints, y + j * sizes.step, line, sizes.channels, across, first, last, sizes.channels)


def _prepare_images(x: Array, down: Taps, across: Taps, into: Array | None = None) -> tuple[Array, list[Job]]:
    """(y, jobs) of dense images, perhaps written `into` channels of a block."""
    n, channels, height, width = x.shape
    y = new((n, channels, down.length, across.length), x.dtype) if into is None else into
    step = channels if into is None else spaced(into)[1]
    keeps = step == channels and across.keeps(width)
    sizes = _Sizes(height, width, channels, down.length, across.length, step, n * down.length)
    return y, [_job(x, y, sizes, down, None if keeps else across)]


def _prepare_along(x: Array, axis: int, taps: Taps) -> tuple[Array, Job]:
    """(y, job) for a dense x, images with their channels last, whose values along one axis are combined."""
    y = new((*x.shape[:axis], taps.length, *x.shape[axis + 1 :]), x.dtype)
    seen, place = as_kernels_see(x), (0, 3, 1, 2)[axis] if x.ndim == 4 else axis
    inner = math.prod(seen.shape[place + 1 :])
    rows = math.prod(seen.shape[:place]) * taps.length
    return y, _job(x, y, _Sizes(seen.shape[place], 1, inner, taps.length, 1, inner, rows), taps, None)


def _job(x: Array, y: Array, sizes: _Sizes, down: Taps, across: Taps | None) -> Job:
    tasks = max(min(sizes.rows, pieces(y.size)), 1)
    scratch = 0 if across is None else sizes.width * sizes.channels
    record = _Combine(x, y, sizes, _tables(down, x), _tables(across, x), across is None, tasks)
    return Job(_combine, record, tasks, 16 * max(x.size, y.size), scratch)


def _tables(taps: Taps | None, x: Array) -> _Tables:
    """The taps with weights of the dtype of x."""
    return _Tables(None, None, None) if taps is None else _Tables(*taps[:2], taps.weights.astype(x.dtype))


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
