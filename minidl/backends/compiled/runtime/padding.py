"""Borders of zeros around images, so that windows may reach over the edge unchecked."""

from minidl.backends.compiled.codegen.jit import njit
from minidl.backends.compiled.codegen.load_store import clear, copy


@njit
def pad_rows(memory, image, height, width, channels, top, left, padded_width, first, last, target):
    """Write rows first to last - 1 of an image (h, w, c) in a border of zeros."""
    padded_row, row, before = padded_width * channels, width * channels, left * channels
    for i in range(first - top, last - top):
        if 0 <= i < height:
            clear(memory, target, before)
            copy(memory, target + before, image + i * row, row)
            clear(memory, target + before + row, padded_row - before - row)
        else:
            clear(memory, target, padded_row)
        target += padded_row


@njit
def pad_image(memory, geometry, image, target):
    """Write an image in its border of zeros."""
    pad_rows(
        *(memory, image, geometry.height, geometry.width, geometry.channels, geometry.top, geometry.left),
        *(geometry.padded_width, 0, geometry.padded_height, target),
    )


@njit
def with_border(memory, geometry, image, scratch):
    """Where an image lies in its border of zeros: at `scratch`, or where it is if it has none."""
    if geometry.padded_size == 0:
        return image
    pad_image(memory, geometry, image, scratch)
    return scratch


@njit
def crop_image(memory, geometry, padded, image):
    """Copy what is inside of an image's border."""
    row = geometry.width * geometry.channels
    for i in range(geometry.height):
        inside = padded + ((i + geometry.top) * geometry.padded_width + geometry.left) * geometry.channels
        copy(memory, image + i * row, inside, row)
