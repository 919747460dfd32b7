"""Changes of images by settings for each: what augmentations are made of, an image a task.

The kernels read images in any memory order, by their strides, and write them channels last. What isn't a mere copy is
computed in float64 and rounded once, so that the bits are those of the NumPy backend.
"""

from typing import Any, NamedTuple

import numpy as np

from minidl.backends.compiled.codegen.jit import Kernel, inlined, kernel
from minidl.backends.compiled.runtime.memory import contiguous, empty
from minidl.backends.compiled.runtime.program import Job, run
from minidl.typing import Array, IntArray, Pair

__all__ = ["adjust_brightness", "crop", "erase_images", "mix_images", "warp_images"]


class _Images(NamedTuple):
    """Images to read, by their strides in elements, and those to write, dense and channels last."""

    x: Array
    y: Array
    by_image: int
    by_channel: int
    by_row: int
    by_column: int
    channels: int
    height: int
    width: int


@inlined
def _copy_pixel(memory, images, image, row, column, is_seen, target):
    """Write a pixel of an image, or zeros where it isn't seen."""
    pixel = image + row * images.by_row + column * images.by_column
    for c in range(images.channels):
        memory[target + c] = memory[pixel + c * images.by_channel] if is_seen else 0


class _Crop(NamedTuple):
    images: _Images
    place: IntArray
    height: int
    width: int


@kernel(_Crop)
def _crop(memory, ints, job, task, scratch):
    images, place = job.images, job.place + 3 * task
    image, target = images.x + task * images.by_image, images.y + task * job.height * job.width * images.channels
    top, left, flipped = ints[place], ints[place + 1], ints[place + 2]
    for row in range(top, top + job.height):
        for j in range(job.width):
            column = left + (job.width - 1 - j if flipped else j)
            is_inside = row >= 0 and row < images.height and column >= 0 and column < images.width
            _copy_pixel(memory, images, image, row, column, is_inside, target)
            target += images.channels


class _Warp(NamedTuple):
    images: _Images
    place: IntArray
    height: int
    width: int
    repeats_edge: int


@kernel(_Warp)
def _warp(memory, ints, job, task, scratch):
    images, channels, height, width = job.images, job.images.channels, job.images.height, job.images.width
    by_channel, by_row, by_column = images.by_channel, images.by_row, images.by_column
    source, target = images.x + task * images.by_image, images.y + task * job.height * job.width * channels
    place = job.place + 6 * task
    down_by_i, down_by_j, first_row = ints[place], ints[place + 1], ints[place + 2]
    across_by_i, across_by_j, first_column = ints[place + 3], ints[place + 4], ints[place + 5]
    last_row, last_column = (height - 1) << 31, (width - 1) << 31
    for i in range(job.height):
        for j in range(job.width):
            place_down = down_by_i * i + down_by_j * j + first_row
            place_across = across_by_i * i + across_by_j * j + first_column
            if job.repeats_edge:
                place_down = min(max(place_down, 0), last_row)
                place_across = min(max(place_across, 0), last_column)
            row, column = place_down >> 31, place_across >> 31
            below, right = ((place_down >> 7) & 0xFFFFFF) * 2.0**-24, ((place_across >> 7) & 0xFFFFFF) * 2.0**-24
            pixel = source + row * by_row + column * by_column
            has_top, has_bottom = row >= 0 and row < height, row >= -1 and row < height - 1
            has_left, has_right = column >= 0 and column < width, column >= -1 and column < width - 1
            for _ in range(channels):
                first = memory[pixel] * 1.0 if has_top and has_left else 0.0
                second = memory[pixel + by_column] * 1.0 if has_top and has_right else 0.0
                third = memory[pixel + by_row] * 1.0 if has_bottom and has_left else 0.0
                fourth = memory[pixel + by_row + by_column] * 1.0 if has_bottom and has_right else 0.0
                upper = first * (1.0 - right) + second * right
                lower = third * (1.0 - right) + fourth * right
                memory[target] = upper * (1.0 - below) + lower * below
                target += 1
                pixel += by_channel


class _AdjustBrightness(NamedTuple):
    images: _Images
    light: Array
    limits: Array


@kernel(_AdjustBrightness)
def _adjust_brightness(memory, ints, job, task, scratch):
    images, channels, height, width = job.images, job.images.channels, job.images.height, job.images.width
    by_channel, by_row, by_column = images.by_channel, images.by_row, images.by_column
    source, target = images.x + task * images.by_image, images.y + task * height * width * channels
    contrast, offset = memory[job.light + 2 * task] * 1.0, memory[job.light + 2 * task + 1] * 1.0
    low, high = memory[job.limits], memory[job.limits + 1]
    if contrast != 1.0:
        total = 0.0
        for i in range(height):
            for j in range(width):
                for c in range(channels):
                    total += memory[source + i * by_row + j * by_column + c * by_channel]
        offset = total / (height * width * channels) * (1.0 - contrast) + offset
    for i in range(height):
        for j in range(width):
            for c in range(channels):
                value = memory[source + i * by_row + j * by_column + c * by_channel] * contrast + offset
                # Limits after rounding or before it come to the same, since they are of the same precision.
                memory[target] = low if value < low else high if value > high else value
                target += 1


class _Erase(NamedTuple):
    images: _Images
    corner: IntArray
    height: int
    width: int


@kernel(_Erase)
def _erase(memory, ints, job, task, scratch):
    images = job.images
    image = images.x + task * images.by_image
    target = images.y + task * images.height * images.width * images.channels
    top, left = ints[job.corner + 2 * task], ints[job.corner + 2 * task + 1]
    for i in range(images.height):
        for j in range(images.width):
            is_erased = i >= top and i < top + job.height and j >= left and j < left + job.width
            _copy_pixel(memory, images, image, i, j, not is_erased, target)
            target += images.channels


class _Mix(NamedTuple):
    images: _Images
    partner: IntArray
    share: Array


@kernel(_Mix)
def _mix(memory, ints, job, task, scratch):
    images, channels = job.images, job.images.channels
    source, partner = images.x + task * images.by_image, images.x + ints[job.partner + task] * images.by_image
    share = memory[job.share + task] * 1.0
    rest = 1.0 - share
    target = images.y + task * images.height * images.width * channels
    for i in range(images.height):
        for j in range(images.width):
            for c in range(channels):
                pixel = i * images.by_row + j * images.by_column + c * images.by_channel
                memory[target] = share * memory[source + pixel] + rest * memory[partner + pixel]
                target += 1


def crop(x: Array, place: IntArray, *, size: Pair) -> Array:
    """A window of `size` (h, w) of each image, zero outside of it; place[n] = (top, left, whether flipped)."""
    return _changed(_crop, x, size, contiguous(place), *size)


def warp_images(x: Array, place: IntArray, *, size: Pair, repeats_edge: bool) -> Array:
    """A picture of `size` of each image: pixel (i, j) is what the image has at (a i + b j + c, d i + e j + f).

    place[n] = (a, b, c, d, e, f), whole numbers of 2^-31 pixels.
    """
    return _changed(_warp, x, size, contiguous(place), *size, int(repeats_edge), cost=20)


def adjust_brightness(x: Array, light: Array, *, limits: tuple[float, float]) -> Array:
    """y = x a + m (1 - a) + b, from limits[0] to limits[1]; light[n] = (a, b), and m is the mean of the image."""
    return _changed(_adjust_brightness, x, x.shape[2:], contiguous(light), np.array(limits, x.dtype))


def erase_images(x: Array, corner: IntArray, *, size: Pair) -> Array:
    """Each image with zeros in the window of `size` (h, w) whose top and left are corner[n]."""
    return _changed(_erase, x, x.shape[2:], contiguous(corner), *size)


def mix_images(x: Array, partner: IntArray, share: Array) -> Array:
    """share[n] x[n] + (1 - share[n]) x[partner[n]]."""
    return _changed(_mix, x, x.shape[2:], contiguous(partner), contiguous(share))


def _changed(kernel: Kernel, x: Array, size: tuple[int, ...], *settings: Any, cost: int = 10) -> Array:
    """What a kernel makes of images, in `cost` multiply-adds for each value, or what takes as long."""
    if not x.flags.aligned:
        x = np.array(x)
    y = empty((len(x), *size, x.shape[1]), x.dtype)
    images = _Images(x, y, *(stride // x.itemsize for stride in x.strides), *x.shape[1:])
    run(x.dtype, Job(kernel, kernel.record(images, *settings), len(x), cost * y.size))
    return y.transpose(0, 3, 1, 2)
