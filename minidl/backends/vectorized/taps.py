"""Which values along an axis make each of another number of them, and by which shares, as tables."""

import functools
import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from minidl.description.operators import Pad, Resize
from minidl.typing import Array, IntArray, Pair

HALF = Fraction(1, 2)
CUBIC = -0.75
"""The coefficient of Keys's kernel, which PyTorch and ONNX have, too."""


class Taps(NamedTuple):
    """Value i is the sum of weights[k] times value places[k], for k from starts[i] to starts[i + 1] - 1."""

    starts: IntArray
    places: IntArray
    weights: Array

    @property
    def length(self) -> int:
        """How many values they make."""
        return len(self.starts) - 1

    def keeps(self, length: int) -> bool:
        """Whether what they make of so many values is these values."""
        return (
            self.length == len(self.places) == length
            and bool((self.places == np.arange(length)).all())
            and bool((self.weights == 1).all())
        )

    def transposed(self, length: int) -> "Taps":
        """Those of the gradient of `length` values, in the order of what they made."""
        order = np.argsort(self.places, kind="stable")
        made = np.repeat(np.arange(self.length), np.diff(self.starts))[order]
        starts = np.concatenate([[0], np.cumsum(np.bincount(self.places, minlength=length))])
        return Taps(starts.astype(np.int64), made.astype(np.int64), self.weights[order])


def taps_of_indices(indices: Any) -> Taps:
    """Those that pick values by their numbers."""
    places = np.asarray(indices, np.int64)
    return Taps(np.arange(len(places) + 1), places, np.ones(len(places)))


def taps_of_pad(size: Pair, pad: Pad) -> tuple[Taps, Taps]:
    """Down and across, of a border that repeats what is inside of images of `size`."""
    found = []
    for length, (before, after) in zip(size, pad.padding, strict=True):
        places = np.arange(-before, length + after)
        if pad.mode == "reflect":
            places = np.abs(places)
            places = np.minimum(places, 2 * (length - 1) - places)
        found.append(taps_of_indices(np.clip(places, 0, length - 1)))
    return found[0], found[1]


def taps_of_resize(size: Pair, resize: Resize) -> tuple[Taps, Taps]:
    """Down and across, of images of `size`."""
    down, across = resize.scale or (None, None)
    how = resize.interpolation, resize.coordinates, resize.rounding
    return _resized(size[0], resize.size[0], down, *how), _resized(size[1], resize.size[1], across, *how)


@functools.lru_cache(maxsize=256)
def _resized(length: int, out: int, scale: float | None, interpolation: str, coordinates: str, rounding: str) -> Taps:
    """Positions are exact, so that no rounding decides which of two values is the nearer."""
    ratio = Fraction(out, length) if scale is None else Fraction(scale)
    starts, places, weights = [0], [], []
    for i in range(out):
        position = _position(i, length, out, ratio, coordinates)
        for place, weight in _shares(position, length, interpolation, rounding).items():
            places.append(place)
            weights.append(weight)
        starts.append(len(places))
    return Taps(np.array(starts, np.int64), np.array(places, np.int64), np.array(weights))


def _position(i: int, length: int, out: int, scale: Fraction, coordinates: str) -> Fraction:
    if coordinates == "asymmetric":
        return i / scale
    if coordinates == "align_corners":
        return Fraction(i * (length - 1), max(out - 1, 1))
    if coordinates == "pytorch_half_pixel" and out == 1:
        return Fraction(0)
    centre = (i + HALF) / scale - HALF
    return centre + (length - out / scale) / 2 if coordinates == "half_pixel_symmetric" else centre


ROUNDED: dict[str, Callable[[Fraction], int]] = {
    "round_prefer_floor": lambda position: math.ceil(position - HALF),
    "round_prefer_ceil": lambda position: math.floor(position + HALF),
    "floor": math.floor,
    "ceil": math.ceil,
}


def _shares(position: Fraction, length: int, interpolation: str, rounding: str) -> dict[int, float]:
    """The shares of values by their places; beyond the ends, those at the ends count."""
    last = length - 1
    if interpolation == "nearest":
        return {min(max(ROUNDED[rounding](position), 0), last): 1.0}
    if interpolation == "linear":
        position = min(max(position, Fraction(0)), Fraction(last))
    lower = math.floor(position)
    share = float(position - lower)
    if interpolation == "linear":
        return {lower: 1 - share, lower + 1: share} if share else {lower: 1.0}
    found: dict[int, float] = {}
    for k in range(-1, 3):
        weight = _cubic(abs(share - k))
        if weight:
            place = min(max(lower + k, 0), last)
            found[place] = found.get(place, 0.0) + weight
    return found


def _cubic(d: float) -> float:
    """Source: Keys, "Cubic convolution interpolation for digital image processing", 1981."""
    if d <= 1:
        return (CUBIC + 2) * d**3 - (CUBIC + 3) * d**2 + 1
    return CUBIC * (d**3 - 5 * d**2 + 8 * d - 4) if d < 2 else 0.0
