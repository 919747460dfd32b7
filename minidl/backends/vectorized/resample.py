"""Images of another size, borders that repeat what is inside, and places along an axis: tables, axis by axis."""

import numpy as np

from minidl.backends.vectorized.taps import Taps, taps_of_indices, taps_of_pad, taps_of_resize
from minidl.backends.vectorized.windows import quiet
from minidl.description.operators import Pad, Resize
from minidl.typing import Array, Pair

__all__ = ["gather", "gather_backward", "pad2d", "pad2d_backward", "resize2d", "resize2d_backward"]


@quiet
def _combined(x: Array, axis: int, taps: Taps) -> Array:
    """X with the values along an axis made by the taps."""
    shape = [1] * x.ndim
    shape[axis] = -1
    weighted = x.take(taps.places, axis) * taps.weights.astype(x.dtype).reshape(shape)
    found = np.flatnonzero(np.diff(taps.starts))
    y = np.zeros((*x.shape[:axis], taps.length, *x.shape[axis + 1 :]), x.dtype)
    if found.size:
        np.moveaxis(y, axis, 0)[found] = np.moveaxis(np.add.reduceat(weighted, taps.starts[found], axis), axis, 0)
    return y


def _images(x: Array, down: Taps, across: Taps) -> Array:
    """Images (n, c, h, w), down and then across; channels last in memory."""
    return _combined(_combined(x.transpose(0, 2, 3, 1), 1, down), 2, across).transpose(0, 3, 1, 2)


def resize2d(x: Array, *, resize: Resize) -> Array:
    """Down, then across."""
    return _images(x, *taps_of_resize((x.shape[2], x.shape[3]), resize))


def resize2d_backward(dy: Array, *, size: Pair, resize: Resize) -> Array:
    """By the transposed tables."""
    down, across = taps_of_resize(size, resize)
    return _images(dy, down.transposed(size[0]), across.transposed(size[1]))


def pad2d(x: Array, *, pad: Pad) -> Array:
    """A copy in the middle of a constant, or by tables."""
    n, channels, height, width = x.shape
    if pad.mode != "constant":
        return _images(x, *taps_of_pad((height, width), pad))
    (top, bottom), (left, right) = pad.padding
    padded = np.full((n, top + height + bottom, left + width + right, channels), pad.value, x.dtype)
    padded[:, top : top + height, left : left + width] = x.transpose(0, 2, 3, 1)
    return padded.transpose(0, 3, 1, 2)


def pad2d_backward(dy: Array, *, pad: Pad) -> Array:
    """What is inside, with what was repeated in the border."""
    (top, bottom), (left, right) = pad.padding
    height, width = dy.shape[2] - top - bottom, dy.shape[3] - left - right
    if pad.mode != "constant":
        down, across = taps_of_pad((height, width), pad)
        return _images(dy, down.transposed(height), across.transposed(width))
    inside = dy[:, :, top : top + height, left : left + width]
    return np.array(inside.transpose(0, 2, 3, 1), order="C").transpose(0, 3, 1, 2)


def gather(x: Array, *, axis: int, indices: tuple[int, ...]) -> Array:
    """Places along an axis."""
    return np.take(x, indices, axis)


def gather_backward(dy: Array, *, axis: int, indices: tuple[int, ...], length: int) -> Array:
    """By the transposed table."""
    return _combined(dy, axis, taps_of_indices(indices).transposed(length))
