"""Images in a border of zeros, and images made larger: copies of pixels, whose channels lie side by side."""

from typing import NamedTuple

import numpy as np

from minidl.backends.compiled.codegen.jit import inlined
from minidl.backends.compiled.codegen.lanewise import multiply, multiply_add
from minidl.backends.compiled.codegen.load_store import clear, copy, lanes, load, splat, store
from minidl.backends.compiled.graph.lowered import Lowered, through
from minidl.backends.compiled.runtime.by_image import kernel_by_image, prepare_by_image
from minidl.backends.compiled.runtime.memory import as_nhwc
from minidl.backends.compiled.runtime.padding import crop_image, pad_image
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


@kernel_by_image(_Border)
def _zero_pad(memory, ints, job, task, scratch):
    """Image `task` in its border."""
    border = job.geometry
    size, padded_size = border.height * border.width, border.padded_height * border.padded_width
    source, target = job.source + task * size * border.channels, job.target + task * padded_size * border.channels
    pad_image(memory, border, source, target)


@kernel_by_image(_Border)
def _zero_pad_backward(memory, ints, job, task, scratch):
    """What is inside of the border of image `task`."""
    border = job.geometry
    size, padded_size = border.height * border.width, border.padded_height * border.padded_width
    source, target = job.source + task * padded_size * border.channels, job.target + task * size * border.channels
    crop_image(memory, border, source, target)


def _dense(images: Array) -> Array:
    """Images whose pixels lie side by side: whole rows are copied."""
    return as_nhwc(images).transpose(0, 3, 1, 2)


@Replay
def zero_pad2d(x: Array, *, padding: Border) -> tuple[Array, list[Job]]:
    """Image by image."""
    (top, bottom), (left, right) = padding
    _, channels, height, width = x.shape
    size = top + height + bottom, left + width + right
    return prepare_by_image(_zero_pad, _dense(x), size, _Border(height, width, channels, top, left, *size))


@Replay
def zero_pad2d_backward(dy: Array, *, padding: Border) -> tuple[Array, list[Job]]:
    """Image by image."""
    (top, bottom), (left, right) = padding
    _, channels, height, width = dy.shape
    size = height - top - bottom, width - left - right
    return prepare_by_image(_zero_pad_backward, _dense(dy), size, _Border(*size, channels, top, left, height, width))


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


@kernel_by_image(_Sources)
def _upsample(memory, ints, job, task, scratch):
    """Image `task`: each pixel from those that make it, first down, then across."""
    sources, channels = job.geometry, job.geometry.channels
    row = sources.width * job.source_step
    image = job.source + task * sources.height * row
    target = job.target + task * sources.out_height * sources.out_width * job.target_step
    for i in range(sources.out_height):
        upper, share = image + ints[sources.rows + 2 * i] * row, memory[sources.down + i]
        lower = image + ints[sources.rows + 2 * i + 1] * row
        for j in range(sources.out_width):
            columns, part = sources.columns + 2 * j, memory[sources.across + j]
            left, right = ints[columns] * job.source_step, ints[columns + 1] * job.source_step
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
            target += job.target_step


@inlined
def _mixed(memory, share, value, other, count):
    """The value and a share of the vector at `other`."""
    value = multiply(splat(memory, 1 - share), value)
    return multiply_add(splat(memory, share), load(memory, other, count), value)


@inlined
def _add_share(memory, place, share, grad, count):
    store(memory, place, multiply_add(splat(memory, share), grad, load(memory, place, count)), count)


@kernel_by_image(_Sources)
def _upsample_backward(memory, ints, job, task, scratch):
    """Image `task`: each gradient to the pixels that made its pixel, by their shares."""
    sources, channels = job.geometry, job.geometry.channels
    row = sources.width * channels
    image = job.target + task * sources.height * row
    dy = job.source + task * sources.out_height * sources.out_width * job.source_step
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
            dy += job.source_step


def _sources(size: Pair, factors: Pair, interpolation: str, x: Array) -> _Sources:
    """For images of `size` with the channels and dtype of x."""
    tables = [places(length, factor, interpolation, x.dtype) for length, factor in zip(size, factors, strict=True)]
    rows, columns = (np.stack([first, second], axis=1).astype(np.int64) for first, second, _ in tables)
    out = size[0] * factors[0], size[1] * factors[1]
    return _Sources(*size, x.shape[1], *out, rows, columns, tables[0][2], tables[1][2])


def _prepare_upsample(x: Array, factors: Pair, interpolation: str, into: Array | None) -> tuple[Array, list[Job]]:
    """(y, jobs) of `upsample2d`, perhaps written `into` channels of a block."""
    sources = _sources((x.shape[2], x.shape[3]), factors, interpolation, x)
    return prepare_by_image(_upsample, x, (sources.out_height, sources.out_width), sources, into)


@Replay
def upsample2d(x: Array, *, factors: Pair, interpolation: str) -> tuple[Array, list[Job]]:
    """Image by image, pixel by pixel."""
    return _prepare_upsample(x, factors, interpolation, None)


@Replay
def upsample2d_backward(dy: Array, *, factors: Pair, interpolation: str) -> tuple[Array, list[Job]]:
    """Image by image, pixel by pixel, so that the order of the sums is fixed."""
    size = dy.shape[2] // factors[0], dy.shape[3] // factors[1]
    return prepare_by_image(_upsample_backward, dy, size, _sources(size, factors, interpolation, dy))


def lower_zero_pad(operator: ZeroPad, x: Array) -> Lowered:
    """Images in a border of zeros."""
    y, jobs = zero_pad2d.prepare(x, padding=operator.padding)
    return Lowered(y, jobs, through(lambda dy: zero_pad2d_backward.prepare(dy, padding=operator.padding)))


def lower_upsample(operator: UpSample, x: Array, *, into: Array | None = None) -> Lowered:
    """Images made larger."""
    y, jobs = _prepare_upsample(x, *operator, into)
    return Lowered(y, jobs, through(lambda dy: upsample2d_backward.prepare(dy, **operator._asdict())))
