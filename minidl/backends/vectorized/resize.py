"""Images in a border of zeros, and images made larger by a whole number, along one axis after the other."""

from typing import Any

import numpy as np

from minidl.backends.vectorized.windows import Pair, Sides, quiet
from minidl.typing import Array, IntArray


def zero_pad2d(x: Array, *, padding: Sides) -> Array:
    """The images, copied into zeros."""
    n, channels, height, width = x.shape
    (top, bottom), (left, right) = padding
    padded = np.zeros((n, top + height + bottom, left + width + right, channels), x.dtype)
    padded[:, top : top + height, left : left + width] = x.transpose(0, 2, 3, 1)
    return padded.transpose(0, 3, 1, 2)


def zero_pad2d_backward(dy: Array, *, padding: Sides) -> Array:
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
def _stretch(images: Array, axis: int, factor: int, interpolation: str) -> Array:
    lower, upper, share = places(images.shape[axis], factor, interpolation, images.dtype)
    y: Array = images.take(lower, axis)
    between = np.flatnonzero(share)
    shares = share[between].reshape(-1, *[1] * (images.ndim - axis - 1))
    at = (slice(None),) * axis
    y[(*at, between)] = (1 - shares) * y[(*at, between)] + shares * images.take(upper[between], axis)
    return y


@quiet
def _shrink(slopes: Array, axis: int, factor: int, interpolation: str) -> Array:
    length = slopes.shape[axis] // factor
    lower, upper, share = places(length, factor, interpolation, slopes.dtype)
    shares = share.reshape(-1, *[1] * (slopes.ndim - axis - 1))
    gradient: Array = np.add.reduceat((1 - shares) * slopes, np.searchsorted(lower, range(length)), axis)
    between = np.flatnonzero(share)
    if between.size:
        found, starts = np.unique(upper[between], return_index=True)  # they ascend, so that each is one run
        gradient[(slice(None),) * axis + (found,)] += np.add.reduceat(
            shares[between] * slopes.take(between, axis), starts, axis
        )
    return gradient


def upsample2d(x: Array, *, factors: Pair, interpolation: str) -> Array:
    """Down, then across."""
    images = np.ascontiguousarray(x.transpose(0, 2, 3, 1))
    images = _stretch(_stretch(images, 1, factors[0], interpolation), 2, factors[1], interpolation)
    return images.transpose(0, 3, 1, 2)


def upsample2d_backward(dy: Array, *, factors: Pair, interpolation: str) -> Array:
    """Across, then down."""
    slopes = np.ascontiguousarray(dy.transpose(0, 2, 3, 1))
    slopes = _shrink(_shrink(slopes, 2, factors[1], interpolation), 1, factors[0], interpolation)
    return slopes.transpose(0, 3, 1, 2)
