"""Borders of zeros around images, so that windows may reach over the edge without asking."""

from minidl.backends.compiled.jit import njit
from minidl.backends.compiled.simd import clear, copy


@njit
def pad_image(memory, image, height, width, channels, top, left, padded_width, padded_size, target):
    """Copy an image (h, w, c) into a border of zeros."""
    clear(memory, target, padded_size)
    line = width * channels
    for i in range(height):
        copy(memory, target + ((top + i) * padded_width + left) * channels, image + i * line, line)
