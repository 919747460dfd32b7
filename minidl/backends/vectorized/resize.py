"""Images in a border of zeros, and images made larger by a whole number, along one axis after the other."""

from typing import Any

import numpy as np

from minidl.backends.vectorized.windows import quiet
from minidl.typing import Array, Border, IntArray, Pair

__all__ = ["upsample2d", "upsample2d_backward", "zero_pad2d", "zero_pad2d_backward"]


def zero_pad2d(x: Array, *, padding: Border) -> Array:
    """The images, copied into zeros."""
    n, channels, height, width = x.shape
    (top, bottom), (left, right) = padding
    padded = np.zeros((n, top + height + bottom, left + width + right, channels), x.dtype)
    padded[:, top : top + height, left : left + width] = x.transpose(0, 2, 3, 1)
    return padded.transpose(0, 3, 1, 2)


def zero_pad2d_backward(dy: Array, *, padding: Border) -> Array:
    """What is inside of the border, copied."""
    (top, bottom), (left, right) = padding
    inside = dy[:, :, top : dy.shape[2] - bottom, left : dy.shape[3] - right]
    return np.array(inside.transpose(0, 2, 3, 1), order="C").transpose(0, 3, 1, 2)


def places(length: int, factor: int, interpolation: str, dtype: np.dtype[Any]) -> tuple[IntArray, IntArray, Array]:
    """(lower, upper, share): values lower and upper of `length`, by 1 - share and share, make each value of the output.

    The arithmetic is that of pixels as areas, whose centres lie at a half: PyTorch's align_corners=False.
    """
    outputs = np.arange(length * factor)
    if interpolation == "nearest":
        lower = outputs // factor
        return lower, lower, np.zeros(outputs.size, dtype)
    halves = np.clip(2 * outputs + 1 - factor, 0, 2 * factor * max(length - 1, 0))  # position times 2 factor: exact
    lower, rest = np.divmod(halves, 2 * factor)
    return lower, lower + (rest > 0), (rest / (2 * factor)).astype(dtype)


@quiet
def _stretch(images: Array, factor: int, interpolation: str) -> Array:
    """Images (n, h, w, c) made higher."""
    lower, upper, share = places(images.shape[1], factor, interpolation, images.dtype)
    y: Array = images[:, lower]
    between = np.flatnonzero(share)
    parts = share[between][:, None, None]
    y[:, between] = (1 - parts) * y[:, between] + parts * images[:, upper[between]]
    return y


@quiet
def _shrink(dy: Array, factor: int, interpolation: str) -> Array:
    """The gradient of what `_stretch` took."""
    length = dy.shape[1] // factor
    lower, upper, share = places(length, factor, interpolation, dy.dtype)
    dx: Array = np.add.reduceat((1 - share)[:, None, None] * dy, np.searchsorted(lower, range(length)), 1)
    between = np.flatnonzero(share)
    if between.size:
        found, starts = np.unique(upper[between], return_index=True)  # they ascend, so that each is one run
        parts = share[between][:, None, None]
        dx[:, found] += np.add.reduceat(parts * dy[:, between], starts, 1)
    return dx


def _turned(images: Array) -> Array:
    """Images (n, h, w, c) as (n, w, h, c)."""
    return images.transpose(0, 2, 1, 3)


def upsample2d(x: Array, *, factors: Pair, interpolation: str) -> Array:
    """Down, then across."""
    higher = _stretch(x.transpose(0, 2, 3, 1), factors[0], interpolation)
    images = _turned(_stretch(_turned(higher), factors[1], interpolation))
    return np.ascontiguousarray(images).transpose(0, 3, 1, 2)


def upsample2d_backward(dy: Array, *, factors: Pair, interpolation: str) -> Array:
    """Across, then down."""
    narrower = _turned(_shrink(_turned(dy.transpose(0, 2, 3, 1)), factors[1], interpolation))
    return np.ascontiguousarray(_shrink(narrower, factors[0], interpolation)).transpose(0, 3, 1, 2)
