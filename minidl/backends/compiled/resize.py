"""Images in a border of zeros, and images made larger: copies of pixels, whose channels lie side by side."""

from typing import Any, NamedTuple

import numpy as np

from minidl.backends.compiled.codegen.jit import inlined, kernel
from minidl.backends.compiled.codegen.lanewise import multiply, multiply_add
from minidl.backends.compiled.codegen.load_store import clear, copy, lanes, load, splat, store
from minidl.backends.compiled.graph.lowered import Lowered, through
from minidl.backends.compiled.runtime.memory import as_nhwc, empty, spaced
from minidl.backends.compiled.runtime.padding import pad_rows
from minidl.backends.compiled.runtime.program import Job
from minidl.backends.compiled.runtime.replay import Replay
from minidl.backends.vectorized.resize import places
from minidl.description.operators import UpSample, ZeroPad
from minidl.typing import Array, Border, IntArray, Pair

__all__ = ["upsample2d", "upsample2d_backward", "zero_pad2d", "zero_pad2d_backward"]


class _Border(NamedTuple):
    """Where images (h, w, c) lie in a border of zeros."""

    height: int
    width: int
    channels: int
    top: int
    left: int
    padded_height: int
    padded_width: int


class _ZeroPad(NamedTuple):
    x: Array  # dx and dy backward
    y: Array
    border: _Border


@kernel(_ZeroPad)
def _zero_pad(memory, ints, job, task, scratch):
    """Image `task` in its border."""
    border = job.border
    height, width, channels, padded_width = border.height, border.width, border.channels, border.padded_width
    rows = border.padded_height
    image, y = job.x + task * height * width * channels, job.y + task * rows * padded_width * channels
    pad_rows(memory, image, height, width, channels, border.top, border.left, padded_width, 0, rows, y)


@kernel(_ZeroPad)
def _zero_pad_backward(memory, ints, job, task, scratch):
    """What is inside of the border of image `task`."""
    border = job.border
    height, row = border.height, border.width * border.channels
    for i in range(height):
        pixel = (task * border.padded_height + border.top + i) * border.padded_width + border.left
        copy(memory, job.x + (task * height + i) * row, job.y + pixel * border.channels, row)


@Replay
def zero_pad2d(x: Array, *, padding: Border) -> tuple[Array, list[Job]]:
    """Image by image."""
    image = as_nhwc(x)
    n, height, width, channels = image.shape
    y = empty((n, height + sum(padding[0]), width + sum(padding[1]), channels), x.dtype)
    border = _Border(height, width, channels, padding[0][0], padding[1][0], *y.shape[1:3])
    return y.transpose(0, 3, 1, 2), [Job(_zero_pad, _ZeroPad(image, y, border), n, 8 * y.size)]


@Replay
def zero_pad2d_backward(dy: Array, *, padding: Border) -> tuple[Array, list[Job]]:
    """Image by image."""
    grads = as_nhwc(dy)
    n, height, width, channels = grads.shape
    dx = empty((n, height - sum(padding[0]), width - sum(padding[1]), channels), dy.dtype)
    _, inner_height, inner_width, _ = dx.shape
    border = _Border(inner_height, inner_width, channels, padding[0][0], padding[1][0], height, width)
    return dx.transpose(0, 3, 1, 2), [Job(_zero_pad_backward, _ZeroPad(dx, grads, border), n, 8 * dx.size)]


class _Sources(NamedTuple):
    """The one, two or four pixels of an image (h, w, c) that make each pixel of a larger one."""

    height: int
    width: int
    channels: int
    out_height: int
    out_width: int
    rows: IntArray  # two for each row of the output
    columns: IntArray
    down: Array  # the share of the second row
    across: Array


class _Upsample(NamedTuple):
    x: Array  # dx and dy backward
    y: Array
    y_step: int  # floats from a pixel to the next
    sources: _Sources


@kernel(_Upsample)
def _upsample(memory, ints, job, task, scratch):
    """Image `task`: each pixel from those that make it, first down, then across."""
    sources, channels = job.sources, job.sources.channels
    row = sources.width * channels
    image = job.x + task * sources.height * row
    target = job.y + task * sources.out_height * sources.out_width * job.y_step
    for i in range(sources.out_height):
        upper, share = image + ints[sources.rows + 2 * i] * row, memory[sources.down + i]
        lower = image + ints[sources.rows + 2 * i + 1] * row
        for j in range(sources.out_width):
            columns, part = sources.columns + 2 * j, memory[sources.across + j]
            left, right = ints[columns] * channels, ints[columns + 1] * channels
            if share == 0 and part == 0:
                copy(memory, target, upper + left, channels)
            else:
                for c in range(0, channels, lanes(memory)):
                    count = channels - c
                    value = load(memory, upper + left + c, count)
                    if share != 0:
                        value = _mixed(memory, share, value, lower + left + c, count)
                    if part != 0:
                        other = load(memory, upper + right + c, count)
                        if share != 0:
                            other = _mixed(memory, share, other, lower + right + c, count)
                        value = multiply(splat(memory, 1 - part), value)
                        value = multiply_add(splat(memory, part), other, value)
                    store(memory, target + c, value, count)
            target += job.y_step


@inlined
def _mixed(memory, share, value, other, count):
    """The value and a share of the vector at `other`."""
    value = multiply(splat(memory, 1 - share), value)
    return multiply_add(splat(memory, share), load(memory, other, count), value)


@inlined
def _add_share(memory, place, share, grad, count):
    store(memory, place, multiply_add(splat(memory, share), grad, load(memory, place, count)), count)


@kernel(_Upsample)
def _upsample_backward(memory, ints, job, task, scratch):
    """Image `task`: each gradient to the pixels that made its pixel, by their shares."""
    sources, channels = job.sources, job.sources.channels
    row = sources.width * channels
    image = job.x + task * sources.height * row
    dy = job.y + task * sources.out_height * sources.out_width * job.y_step
    clear(memory, image, sources.height * row)
    for i in range(sources.out_height):
        upper, share = image + ints[sources.rows + 2 * i] * row, memory[sources.down + i]
        lower = image + ints[sources.rows + 2 * i + 1] * row
        for j in range(sources.out_width):
            columns, part = sources.columns + 2 * j, memory[sources.across + j]
            left, right = ints[columns] * channels, ints[columns + 1] * channels
            for c in range(0, channels, lanes(memory)):
                count = channels - c
                grad = load(memory, dy + c, count)
                _add_share(memory, upper + left + c, (1 - share) * (1 - part), grad, count)
                if part != 0:
                    _add_share(memory, upper + right + c, (1 - share) * part, grad, count)
                if share != 0:
                    _add_share(memory, lower + left + c, share * (1 - part), grad, count)
                if share != 0 and part != 0:
                    _add_share(memory, lower + right + c, share * part, grad, count)
            dy += job.y_step


def _sources(size: Pair, channels: int, factors: Pair, interpolation: str, dtype: np.dtype[Any]) -> _Sources:
    indices: list[IntArray] = []
    shares: list[Array] = []
    for length, factor in zip(size, factors, strict=True):
        first, second, share = places(length, factor, interpolation, dtype)
        indices.append(np.stack([first, second], axis=1).astype(np.int64))
        shares.append(share)
    out_height, out_width = size[0] * factors[0], size[1] * factors[1]
    (rows, columns), (down, across) = indices, shares
    return _Sources(*size, channels, out_height, out_width, rows, columns, down, across)


def _prepare_upsample(x: Array, factors: Pair, interpolation: str, into: Array | None) -> tuple[Array, list[Job]]:
    """(y, jobs) of `upsample2d`, perhaps written `into` channels of a block."""
    image = as_nhwc(x)
    n, height, width, channels = image.shape
    size = (n, height * factors[0], width * factors[1], channels)
    y = empty(size, x.dtype) if into is None else into.transpose(0, 2, 3, 1)
    sources = _sources((height, width), channels, factors, interpolation, x.dtype)
    record = _Upsample(image, y, y.strides[2] // y.itemsize, sources)
    return y.transpose(0, 3, 1, 2), [Job(_upsample, record, n, 8 * y.size)]


@Replay
def upsample2d(x: Array, *, factors: Pair, interpolation: str) -> tuple[Array, list[Job]]:
    """Image by image, pixel by pixel."""
    return _prepare_upsample(x, factors, interpolation, None)


@Replay
def upsample2d_backward(dy: Array, *, factors: Pair, interpolation: str) -> tuple[Array, list[Job]]:
    """Image by image, pixel by pixel, so that the order of the sums is fixed."""
    grads, step = spaced(dy)
    n, out_height, out_width, channels = grads.shape
    size = out_height // factors[0], out_width // factors[1]
    dx = empty((n, *size, channels), dy.dtype)
    record = _Upsample(dx, grads, step, _sources(size, channels, factors, interpolation, dy.dtype))
    return dx.transpose(0, 3, 1, 2), [Job(_upsample_backward, record, n, 8 * grads.size)]


def lower_zero_pad(operator: ZeroPad, x: Array) -> Lowered:
    """Images in a border of zeros."""
    y, jobs = zero_pad2d.prepare(x, padding=operator.padding)
    return Lowered(y, jobs, through(lambda dy: zero_pad2d_backward.prepare(dy, padding=operator.padding)))


def lower_upsample(operator: UpSample, x: Array, *, into: Array | None = None) -> Lowered:
    """Images made larger."""
    y, jobs = _prepare_upsample(x, *operator, into)
    return Lowered(y, jobs, through(lambda dy: upsample2d_backward.prepare(dy, **operator._asdict())))
