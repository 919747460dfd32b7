"""Images in another light: brighter or darker, with more or less contrast."""

from collections.abc import Sequence

import numpy as np

from minidl import backends
from minidl.augment.augmentation import Augmentation, Numbers
from minidl.typing import Array


class RandomBrightness(Augmentation):
    """All values of the image plus one random number from -factor to factor, and no further than `value_range`.

    `value_range` (lowest, highest) may be None for no limits. Values are summed in float64 and rounded once.
    """

    def __init__(self, factor: float, *, value_range: Sequence[float] | None = (0.0, 1.0)) -> None:
        if not 0 <= factor < float("inf"):
            raise ValueError(f"factor: expected a number of at least 0, got {factor!r}")
        self.factor = factor
        self.value_range = check_range(value_range)

    def apply(self, x: Array, y: object, numbers: Numbers) -> tuple[Array, object]:
        light = np.ones((len(x), 2), x.dtype)
        light[:, 1] = (2 * numbers[:, 0] - 1) * self.factor
        return backends.current().adjust_brightness(x, light, limits=self.value_range), y


class RandomContrast(Augmentation):
    """The image's differences from its mean times a random number from 1 - factor to 1 + factor, within `value_range`.

    The mean is over all channels and pixels of the image; `value_range` is as in RandomBrightness.
    """

    def __init__(self, factor: float, *, value_range: Sequence[float] | None = (0.0, 1.0)) -> None:
        if not 0 <= factor <= 1:
            raise ValueError(f"factor: expected a number from 0 to 1, got {factor!r}")
        self.factor = factor
        self.value_range = check_range(value_range)

    def apply(self, x: Array, y: object, numbers: Numbers) -> tuple[Array, object]:
        light = np.zeros((len(x), 2), x.dtype)
        light[:, 0] = 1 + (2 * numbers[:, 0] - 1) * self.factor
        return backends.current().adjust_brightness(x, light, limits=self.value_range), y


def check_range(value_range: Sequence[float] | None) -> tuple[float, float]:
    """(lowest, highest) value, infinite for None. Raises ValueError for anything else than two numbers in order."""
    if value_range is None:
        return float("-inf"), float("inf")
    values = tuple(value_range)
    if len(values) != 2 or not values[0] < values[1]:
        raise ValueError(f"value_range: expected None or (lowest, highest), got {value_range!r}")
    return float(values[0]), float(values[1])
