"""Images in a border of zeros, and images made larger: copies of pixels, whose channels lie side by side."""

from typing import Any

import numpy as np

from minidl.backends.compiled.codegen.jit import Kernel
from minidl.backends.compiled.codegen.lanewise import multiply, multiply_add
from minidl.backends.compiled.codegen.load_store import clear, copy, lanes, load, splat, store
from minidl.backends.compiled.runtime.memory import as_nhwc, empty
from minidl.backends.compiled.runtime.padding import pad_image
from minidl.backends.compiled.runtime.program import Job, run
from minidl.backends.vectorized.resize import places
from minidl.typing import Array, Border, Pair


@Kernel
def _pad(memory, ints, job, task, own):
    """Image `task` in its border."""
    x, y, height, width, channels = ints[job], ints[job + 1], ints[job + 2], ints[job + 3], ints[job + 4]
    top, left, padded_height, padded_width = ints[job + 5], ints[job + 6], ints[job + 7], ints[job + 8]
    size = padded_height * padded_width * channels
    image = x + task * height * width * channels
    pad_image(memory, image, height, width, channels, top, left, padded_width, size, y + task * size)


@Kernel
def _crop(memory, ints, job, task, own):
    """What is inside of the border of image `task`."""
    dy, dx, height, width, channels = ints[job], ints[job + 1], ints[job + 2], ints[job + 3], ints[job + 4]
    top, left, padded_height, padded_width = ints[job + 5], ints[job + 6], ints[job + 7], ints[job + 8]
    for i in range(height):
        line = ((task * padded_height + top + i) * padded_width + left) * channels
        copy(memory, dx + (task * height + i) * width * channels, dy + line, width * channels)


def zero_pad2d(x: Array, *, padding: Border) -> Array:
    """Image by image."""
    image = as_nhwc(x)
    n, height, width, channels = image.shape
    y = empty((n, height + sum(padding[0]), width + sum(padding[1]), channels), x.dtype)
    job = [image, y, height, width, channels, padding[0][0], padding[1][0], *y.shape[1:3]]
    run(x.dtype, Job(_pad, job, n, 8 * y.size))
    return y.transpose(0, 3, 1, 2)


def zero_pad2d_backward(dy: Array, *, padding: Border) -> Array:
    """Image by image."""
    slopes = as_nhwc(dy)
    n, height, width, channels = slopes.shape
    dx = empty((n, height - sum(padding[0]), width - sum(padding[1]), channels), dy.dtype)
    job = [slopes, dx, *dx.shape[1:], padding[0][0], padding[1][0], height, width]
    run(dy.dtype, Job(_crop, job, n, 8 * dx.size))
    return dx.transpose(0, 3, 1, 2)


@Kernel
def _upsample(memory, ints, job, task, own):
    """Image `task`: each pixel from the one, two or four that make it, first down, then across."""
    x, y, height, width, channels = ints[job], ints[job + 1], ints[job + 2], ints[job + 3], ints[job + 4]
    rows, columns, out_height, out_width = ints[job + 5], ints[job + 6], ints[job + 7], ints[job + 8]
    down, across = ints[job + 9], ints[job + 10]
    image, line = x + task * height * width * channels, width * channels
    target = y + task * out_height * out_width * channels
    for i in range(out_height):
        upper, share = image + ints[rows + 2 * i] * line, memory[down + i]
        lower = image + ints[rows + 2 * i + 1] * line
        for j in range(out_width):
            left, right, part = (
                ints[columns + 2 * j] * channels,
                ints[columns + 2 * j + 1] * channels,
                memory[across + j],
            )
            if share == 0 and part == 0:
                copy(memory, target, upper + left, channels)
            else:
                for c in range(0, channels, lanes(memory)):
                    count = channels - c
                    value = load(memory, upper + left + c, count)
                    if share != 0:
                        value = multiply(splat(memory, 1 - share), value)
                        value = multiply_add(splat(memory, share), load(memory, lower + left + c, count), value)
                    if part != 0:
                        other = load(memory, upper + right + c, count)
                        if share != 0:
                            other = multiply(splat(memory, 1 - share), other)
                            other = multiply_add(splat(memory, share), load(memory, lower + right + c, count), other)
                        value = multiply(splat(memory, 1 - part), value)
                        value = multiply_add(splat(memory, part), other, value)
                    store(memory, target + c, value, count)
            target += channels


@Kernel
def _upsample_backward(memory, ints, job, task, own):
    """Image `task`: each slope to the one, two or four pixels that made its pixel, by their shares."""
    dy, dx, height, width, channels = ints[job], ints[job + 1], ints[job + 2], ints[job + 3], ints[job + 4]
    rows, columns, out_height, out_width = ints[job + 5], ints[job + 6], ints[job + 7], ints[job + 8]
    down, across = ints[job + 9], ints[job + 10]
    image, line = dx + task * height * width * channels, width * channels
    source = dy + task * out_height * out_width * channels
    clear(memory, image, height * line)
    for i in range(out_height):
        upper, share = image + ints[rows + 2 * i] * line, memory[down + i]
        lower = image + ints[rows + 2 * i + 1] * line
        for j in range(out_width):
            left, right, part = (
                ints[columns + 2 * j] * channels,
                ints[columns + 2 * j + 1] * channels,
                memory[across + j],
            )
            for c in range(0, channels, lanes(memory)):
                count = channels - c
                slope = load(memory, source + c, count)
                place = upper + left + c
                factor = splat(memory, (1 - share) * (1 - part))
                store(memory, place, multiply_add(factor, slope, load(memory, place, count)), count)
                if part != 0:
                    place = upper + right + c
                    factor = splat(memory, (1 - share) * part)
                    store(memory, place, multiply_add(factor, slope, load(memory, place, count)), count)
                if share != 0:
                    place = lower + left + c
                    factor = splat(memory, share * (1 - part))
                    store(memory, place, multiply_add(factor, slope, load(memory, place, count)), count)
                if share != 0 and part != 0:
                    place = lower + right + c
                    factor = splat(memory, share * part)
                    store(memory, place, multiply_add(factor, slope, load(memory, place, count)), count)
            source += channels


def _tables(size: Pair, factors: Pair, interpolation: str, dtype: np.dtype[Any]) -> tuple[list[Any], list[Any]]:
    """(two indices for each row and for each column of the output, their shares)."""
    indices, shares = [], []
    for length, factor in zip(size, factors, strict=True):
        first, second, share = places(length, factor, interpolation, dtype)
        indices.append(np.stack([first, second], axis=1).astype(np.int64))
        shares.append(share)
    return indices, shares


def upsample2d(x: Array, *, factors: Pair, interpolation: str) -> Array:
    """Image by image, pixel by pixel."""
    image = as_nhwc(x)
    n, height, width, channels = image.shape
    y = empty((n, height * factors[0], width * factors[1], channels), x.dtype)
    indices, shares = _tables((height, width), factors, interpolation, x.dtype)
    job = [image, y, height, width, channels, *indices, *y.shape[1:3], *shares]
    run(x.dtype, Job(_upsample, job, n, 8 * y.size))
    return y.transpose(0, 3, 1, 2)


def upsample2d_backward(dy: Array, *, factors: Pair, interpolation: str) -> Array:
    """Image by image, pixel by pixel, so that the order of the sums is fixed."""
    slopes = as_nhwc(dy)
    n, out_height, out_width, channels = slopes.shape
    dx = empty((n, out_height // factors[0], out_width // factors[1], channels), dy.dtype)
    indices, shares = _tables(dx.shape[1:3], factors, interpolation, dy.dtype)
    job = [slopes, dx, *dx.shape[1:], *indices, out_height, out_width, *shares]
    run(dy.dtype, Job(_upsample_backward, job, n, 8 * slopes.size))
    return dx.transpose(0, 3, 1, 2)
