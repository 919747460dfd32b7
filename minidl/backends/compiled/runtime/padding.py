"""Borders of zeros around images, so that windows may reach over the edge without asking."""

from minidl.backends.compiled.codegen.jit import njit
from minidl.backends.compiled.codegen.load_store import clear, copy


@njit
def pad_rows(memory, image, height, width, channels, top, left, padded_width, first, last, target):
    """Write lines first to last - 1 of an image (h, w, c) in a border of zeros."""
    size, line, before = padded_width * channels, width * channels, left * channels
    for i in range(first - top, last - top):
        if 0 <= i < height:
            clear(memory, target, before)
            copy(memory, target + before, image + i * line, line)
            clear(memory, target + before + line, size - before - line)
        else:
            clear(memory, target, size)
        target += size


@njit
def pad_image(memory, image, height, width, channels, top, left, padded_width, padded_size, target):
    """Copy an image (h, w, c) into a border of zeros."""
    lines = padded_size // (padded_width * channels)
    pad_rows(memory, image, height, width, channels, top, left, padded_width, 0, lines, target)
