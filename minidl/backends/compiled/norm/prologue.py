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
def _normalize_pixels(memory, c, count, prologue, pixels, x, step, y, y_step):
    mean, scale, shift = load_affine(memory, prologue, c, count)
    for i in range(pixels):
        value = multiply_add(subtract(load(memory, x + i * step + c, count), mean), scale, shift)
        store(memory, y + i * y_step + c, rectify(value) if prologue.relu else value, count)


@by_vectors
def _copy_pixels(memory, c, count, pixels, x, step, y, y_step):
    for i in range(pixels):
        store(memory, y + i * y_step + c, load(memory, x + i * step + c, count), count)


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
    padded_row, before = geometry.padded_width * step, geometry.left * step
    for i in range(first, last):
        line, row = target + (i - first) * padded_row, i - geometry.top
        if row < 0 or row >= geometry.height:
            clear(memory, line, padded_row)
            continue
        clear(memory, line, before)
        source, place = image + row * width * pixel, line + before - channel
        if prologue.scale == 0:
            _copy_pixels(memory, channel, channel + count, width, source, pixel, place, step)
        else:
            _normalize_pixels(memory, channel, channel + count, prologue, width, source, pixel, place, step)
        clear(memory, line + before + width * step, padded_row - before - width * step)
