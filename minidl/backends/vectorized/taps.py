"""Which values along an axis make each of another number of them, and by which shares, as tables."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from minidl.description.operators import Pad, Resize
from minidl.typing import Array, IntArray, Pair

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


@functools.lru_cache(maxsize=64)
def _resized(length: int, out: int, scale: float | None, interpolation: str, coordinates: str, rounding: str) -> Taps:
    lower, share = _positions(length, out, scale, coordinates)
    last = length - 1
    if interpolation == "nearest":
        return taps_of_indices(np.clip(lower + ROUNDED[rounding](share), 0, last))
    if interpolation == "linear":
        share = np.where((lower < 0) | (lower >= last), 0.0, share)
        lower = np.clip(lower, 0, last)
        places, weights = np.stack([lower, lower + 1], 1), np.stack([1 - share, share], 1)
    else:
        steps = np.arange(-1, 3)
        places, weights = np.clip(lower[:, None] + steps, 0, last), _cubic(abs(share[:, None] - steps))
    used = weights != 0
    starts = np.concatenate([[0], np.cumsum(used.sum(1))])
    return Taps(starts.astype(np.int64), places[used], weights[used])


def _positions(length: int, out: int, scale: float | None, coordinates: str) -> tuple[IntArray, Array]:
    """(the place before, the share of the way to the next) of `out` values among `length`, exactly for sizes."""
    i = np.arange(out)
    above, below = i, 1
    if coordinates == "align_corners":
        above, below = i * (length - 1), max(out - 1, 1)
    elif coordinates == "pytorch_half_pixel" and out == 1:
        above = 0 * i
    elif scale is not None:
        shift = length / 2 * (1 - out / (scale * length)) if coordinates == "half_pixel_symmetric" else 0.0
        position = i / scale if coordinates == "asymmetric" else shift + (i + 0.5) / scale - 0.5
        lower = np.floor(position)
        return lower.astype(np.int64), position - lower
    elif coordinates == "asymmetric":
        above, below = i * length, out
    else:
        above, below = (2 * i + 1) * length - out, 2 * out
    return above // below, above % below / below


ROUNDED: dict[str, Callable[[Array], Any]] = {
    "round_prefer_floor": lambda share: share > 0.5,
    "round_prefer_ceil": lambda share: share >= 0.5,
    "floor": lambda share: 0,
    "ceil": lambda share: share > 0,
}
"""Whether it's the next place that is nearer, or meant, by the share of the way there."""


def _cubic(d: Array) -> Array:
    """Source: Keys, "Cubic convolution interpolation for digital image processing", 1981."""
    near = (CUBIC + 2) * d**3 - (CUBIC + 3) * d**2 + 1
    return np.where(d <= 1, near, np.where(d < 2, CUBIC * (d**3 - 5 * d**2 + 8 * d - 4), 0.0))
