"""A batch normalization that the next operator does as it reads images, so that they needn't be written and read."""

from typing import NamedTuple

from minidl.backends.compiled.codegen.by_vectors import by_vectors
from minidl.backends.compiled.codegen.jit import njit
from minidl.backends.compiled.codegen.lanewise import multiply_add, rectify, subtract
from minidl.backends.compiled.codegen.load_store import clear, load, store
from minidl.backends.compiled.norm.batch_forward import load_affine
from minidl.backends.compiled.runtime.padding import pad_rows
from minidl.typing import Array


class Prologue(NamedTuple):
    """(x - mean) scale + shift, each (c,), perhaps through a ReLU."""

    mean: Array | None = None
    scale: Array | None = None  # None for nothing at all
    shift: Array | None = None
    relu: bool = False


NOTHING = Prologue()


@by_vectors
def _normalize_rows(memory, c, count, prologue, height, width, x, x_row, x_pixel, y, y_row, y_pixel):
    mean, scale, shift = load_affine(memory, prologue, c, count)
    for i in range(height):
        source, target = x + i * x_row + c, y + i * y_row + c
        for j in range(width):
            value = multiply_add(subtract(load(memory, source + j * x_pixel, count), mean), scale, shift)
            store(memory, target + j * y_pixel, rectify(value) if prologue.relu else value, count)


@by_vectors
def _copy_rows(memory, c, count, height, width, x, x_row, x_pixel, y, y_row, y_pixel):
    for i in range(height):
        source, target = x + i * x_row + c, y + i * y_row + c
        for j in range(width):
            store(memory, target + j * y_pixel, load(memory, source + j * x_pixel, count), count)


@njit
def copy_channels(memory, height, width, x, pixel, channel, count, target, row, step):
    """Write `count` channels of rows of pixels, `pixel` apart, to where rows lie `row` apart and pixels `step`."""
    _copy_rows(memory, channel, channel + count, height, width, x, width * pixel, pixel, target - channel, row, step)


@njit
def read_channels(memory, prologue, height, width, x, pixel, channel, count, target, row, step):
    """`copy_channels`, normalized if there is a prologue."""
    if prologue.scale == 0:
        copy_channels(memory, height, width, x, pixel, channel, count, target, row, step)
        return
    y, x_row = target - channel, width * pixel
    _normalize_rows(memory, channel, channel + count, prologue, height, width, x, x_row, pixel, y, row, step)


@njit
def read_in_border(memory, geometry, prologue, image, first, last, target):
    """Where rows first to last - 1 of an image in its border of zeros lie, normalized if there is a prologue.

    That is at `target`, or where they are.
    """
    channels = geometry.channels
    if prologue.scale == 0:
        if geometry.padded_size == 0:
            return image + first * geometry.width * channels
        pad_rows(
            *(memory, image, geometry.height, geometry.width, channels, geometry.top, geometry.left),
            *(geometry.padded_width, first, last, target),
        )
        return target
    read_channels_in_border(memory, geometry, prologue, image, first, last, 0, channels, target, channels)
    return target


@njit
def read_channels_in_border(memory, geometry, prologue, image, first, last, channel, count, target, step):
    """Write `count` channels of rows first to last - 1 of an image in its border, whose pixels lie `step` apart there.

    They are normalized if there is a prologue.
    """
    width, pixel = geometry.width, geometry.channels
    row, before = geometry.padded_width * step, geometry.left * step
    begin = min(max(first, geometry.top), last)  # of the rows inside, of which there may be none
    stop = max(min(last, geometry.top + geometry.height), begin)
    clear(memory, target, (begin - first) * row)
    for i in range(begin, stop):
        line = target + (i - first) * row
        clear(memory, line, before)
        clear(memory, line + before + width * step, row - before - width * step)
    clear(memory, target + (stop - first) * row, (last - stop) * row)
    source, inside = image + (begin - geometry.top) * width * pixel, target + (begin - first) * row + before
    read_channels(memory, prologue, stop - begin, width, source, pixel, channel, count, inside, row, step)
