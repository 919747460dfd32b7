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
def _normalize_pixels(memory, c, count, prologue, channels, size, x, y):
    mean, scale, shift = load_affine(memory, prologue, c, count)
    for place in range(c, size + c, channels):
        value = multiply_add(subtract(load(memory, x + place, count), mean), scale, shift)
        store(memory, y + place, rectify(value) if prologue.relu else value, count)


@njit
def read_in_border(memory, geometry, prologue, image, first, last, target):
    """Where rows first to last - 1 of an image in its border of zeros lie, normalized if there is a prologue.

    That is at `target`, or where they are.
    """
    channels, row = geometry.channels, geometry.width * geometry.channels
    padded_row, before = geometry.padded_width * channels, geometry.left * channels
    if prologue.scale == 0:
        if geometry.padded_size == 0:
            return image + first * row
        pad_rows(
            *(memory, image, geometry.height, geometry.width, channels, geometry.top, geometry.left),
            *(geometry.padded_width, first, last, target),
        )
        return target
    for i in range(first, last):
        line, source = target + (i - first) * padded_row, i - geometry.top
        if 0 <= source < geometry.height:
            clear(memory, line, before)
            _normalize_pixels(memory, 0, channels, prologue, channels, row, image + source * row, line + before)
            clear(memory, line + before + row, padded_row - before - row)
        else:
            clear(memory, line, padded_row)
    return target
