"""Changes of images by settings of their own: what augmentations are made of, an image a task.

The kernels read images in any memory order, by their strides, and write them channels last. What isn't a mere copy is
computed in float64 and rounded once, so that the bits are those of the NumPy backend.
"""

from enum import IntEnum, auto
from typing import Any

import numpy as np

from minidl.backends.compiled.codegen.jit import Kernel
from minidl.backends.compiled.runtime.memory import contiguous, empty
from minidl.backends.compiled.runtime.program import Job, pack, run
from minidl.typing import Array, IntArray, Pair


class _Fields(IntEnum):
    x = 0
    y = auto()
    settings = auto()
    by_image = auto()  # strides of x, in elements
    by_channel = auto()
    by_row = auto()
    by_column = auto()
    channels = auto()
    height = auto()
    width = auto()
    size = auto()  # of a window
    size_across = auto()
    more = auto()


@Kernel
def _window(memory, ints, job, task, own):
    source = ints[job + _Fields.x] + task * ints[job + _Fields.by_image]
    by_channel, by_row, by_column = (
        ints[job + _Fields.by_channel],
        ints[job + _Fields.by_row],
        ints[job + _Fields.by_column],
    )
    channels, height, width = ints[job + _Fields.channels], ints[job + _Fields.height], ints[job + _Fields.width]
    window_height, window_width = ints[job + _Fields.size], ints[job + _Fields.size_across]
    place = ints[job + _Fields.settings] + 3 * task
    top, left, flipped = ints[place], ints[place + 1], ints[place + 2]
    target = ints[job + _Fields.y] + task * window_height * window_width * channels
    for i in range(window_height):
        row = top + i
        for j in range(window_width):
            column = left + j
            if flipped != 0:
                column = left + window_width - 1 - j
            if row >= 0 and row < height and column >= 0 and column < width:
                pixel = source + row * by_row + column * by_column
                for c in range(channels):
                    memory[target + c] = memory[pixel + c * by_channel]
            else:
                for c in range(channels):
                    memory[target + c] = 0
            target += channels


@Kernel
def _rotate(memory, ints, job, task, own):
    source = ints[job + _Fields.x] + task * ints[job + _Fields.by_image]
    by_channel, by_row, by_column = (
        ints[job + _Fields.by_channel],
        ints[job + _Fields.by_row],
        ints[job + _Fields.by_column],
    )
    channels, height, width = ints[job + _Fields.channels], ints[job + _Fields.height], ints[job + _Fields.width]
    turn = ints[job + _Fields.settings] + 2 * task
    cosine, sine = ints[turn], ints[turn + 1]
    target = ints[job + _Fields.y] + task * height * width * channels
    for i in range(height):
        down = 2 * i - (height - 1)
        for j in range(width):
            across = 2 * j - (width - 1)
            # In 2^-31 pixels, since `down` and `across` are twice the distance from the centre.
            place_down = cosine * down + sine * across + ((height - 1) << 30)
            place_across = cosine * across - sine * down + ((width - 1) << 30)
            row, column = place_down >> 31, place_across >> 31
            below, right = ((place_down >> 7) & 0xFFFFFF) * 2.0**-24, ((place_across >> 7) & 0xFFFFFF) * 2.0**-24
            pixel = source + row * by_row + column * by_column
            has_top, has_bottom = row >= 0 and row < height, row >= -1 and row < height - 1
            has_left, has_right = column >= 0 and column < width, column >= -1 and column < width - 1
            for _ in range(channels):
                first, second, third, fourth = 0.0, 0.0, 0.0, 0.0
                if has_top and has_left:
                    first = memory[pixel] * 1.0
                if has_top and has_right:
                    second = memory[pixel + by_column] * 1.0
                if has_bottom and has_left:
                    third = memory[pixel + by_row] * 1.0
                if has_bottom and has_right:
                    fourth = memory[pixel + by_row + by_column] * 1.0
                upper = first * (1.0 - right) + second * right
                lower = third * (1.0 - right) + fourth * right
                memory[target] = upper * (1.0 - below) + lower * below
                target += 1
                pixel += by_channel


@Kernel
def _light(memory, ints, job, task, own):
    source = ints[job + _Fields.x] + task * ints[job + _Fields.by_image]
    by_channel, by_row, by_column = (
        ints[job + _Fields.by_channel],
        ints[job + _Fields.by_row],
        ints[job + _Fields.by_column],
    )
    channels, height, width = ints[job + _Fields.channels], ints[job + _Fields.height], ints[job + _Fields.width]
    light, limits = ints[job + _Fields.settings] + 2 * task, ints[job + _Fields.more]
    contrast, offset = memory[light] * 1.0, memory[light + 1] * 1.0
    if contrast != 1.0:
        total = 0.0
        for i in range(height):
            for j in range(width):
                for c in range(channels):
                    total += memory[source + i * by_row + j * by_column + c * by_channel]
        offset = total / (height * width * channels) * (1.0 - contrast) + offset
    target = ints[job + _Fields.y] + task * height * width * channels
    for i in range(height):
        for j in range(width):
            for c in range(channels):
                value = memory[source + i * by_row + j * by_column + c * by_channel] * contrast + offset
                # Limits after rounding or before it come to the same, since they are of the same precision.
                if value < memory[limits]:
                    memory[target] = memory[limits]
                elif value > memory[limits + 1]:
                    memory[target] = memory[limits + 1]
                else:
                    memory[target] = value
                target += 1


@Kernel
def _erase(memory, ints, job, task, own):
    source = ints[job + _Fields.x] + task * ints[job + _Fields.by_image]
    by_channel, by_row, by_column = (
        ints[job + _Fields.by_channel],
        ints[job + _Fields.by_row],
        ints[job + _Fields.by_column],
    )
    channels, height, width = ints[job + _Fields.channels], ints[job + _Fields.height], ints[job + _Fields.width]
    corner = ints[job + _Fields.settings] + 2 * task
    top, left = ints[corner], ints[corner + 1]
    bottom, end = top + ints[job + _Fields.size], left + ints[job + _Fields.size_across]
    target = ints[job + _Fields.y] + task * height * width * channels
    for i in range(height):
        for j in range(width):
            if i >= top and i < bottom and j >= left and j < end:
                for c in range(channels):
                    memory[target + c] = 0
            else:
                pixel = source + i * by_row + j * by_column
                for c in range(channels):
                    memory[target + c] = memory[pixel + c * by_channel]
            target += channels


@Kernel
def _mix(memory, ints, job, task, own):
    first, by_image = ints[job + _Fields.x], ints[job + _Fields.by_image]
    by_channel, by_row, by_column = (
        ints[job + _Fields.by_channel],
        ints[job + _Fields.by_row],
        ints[job + _Fields.by_column],
    )
    channels, height, width = ints[job + _Fields.channels], ints[job + _Fields.height], ints[job + _Fields.width]
    source, partner = first + task * by_image, first + ints[ints[job + _Fields.settings] + task] * by_image
    share = memory[ints[job + _Fields.more] + task] * 1.0
    rest = 1.0 - share
    target = ints[job + _Fields.y] + task * height * width * channels
    for i in range(height):
        for j in range(width):
            for c in range(channels):
                pixel = i * by_row + j * by_column + c * by_channel
                memory[target] = share * memory[source + pixel] + rest * memory[partner + pixel]
                target += 1


def crop(x: Array, place: IntArray, *, size: Pair) -> Array:
    """A window of `size` (h, w) of each image, zero outside of it; place[n] = (top, left, whether flipped)."""
    return _changed(_window, x, place, size=size, output=size)


def rotate_images(x: Array, turn: IntArray) -> Array:
    """Each image turned about its centre; turn[n] = cosine and sine of the angle, times 2^30."""
    return _changed(_rotate, x, turn, cost=20)


def adjust_brightness(x: Array, light: Array, *, limits: tuple[float, float]) -> Array:
    """y = x a + m (1 - a) + b, from limits[0] to limits[1]; light[n] = (a, b), and m is the mean of the image."""
    return _changed(_light, x, light, more=np.array(limits, x.dtype))


def erase_images(x: Array, corner: IntArray, *, size: Pair) -> Array:
    """Each image with zeros in the window of `size` (h, w) whose top and left are corner[n]."""
    return _changed(_erase, x, corner, size=size)


def mix_images(x: Array, partner: IntArray, share: Array) -> Array:
    """share[n] x[n] + (1 - share[n]) x[partner[n]]."""
    return _changed(_mix, x, partner, more=contiguous(share))


def _changed(
    kernel: Kernel,
    x: Array,
    settings: Any,
    *,
    size: Pair = (0, 0),
    output: Pair | None = None,
    more: Any = None,
    cost: int = 10,
) -> Array:
    """What a kernel makes of images, in so many multiply-adds for each value, or what takes as long."""
    if not x.flags.aligned:
        x = np.array(x)
    n, channels, height, width = x.shape
    y = empty((n, *(output or (height, width)), channels), x.dtype)
    by_image, by_channel, by_row, by_column = (stride // x.itemsize for stride in x.strides)
    arguments = pack(
        _Fields,
        x=x,
        y=y,
        settings=contiguous(settings),
        by_image=by_image,
        by_channel=by_channel,
        by_row=by_row,
        by_column=by_column,
        channels=channels,
        height=height,
        width=width,
        size=size[0],
        size_across=size[1],
        more=more,
    )
    run(x.dtype, Job(kernel, arguments, n, cost * y.size))
    return y.transpose(0, 3, 1, 2)
