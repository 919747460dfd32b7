"""Images with noise, or out of focus."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from minidl import shapes
from minidl.augment.augmentation import Augmentation, Numbers
from minidl.augment.light import check_range
from minidl.errors import ShapeError
from minidl.numeric import in_range
from minidl.typing import Array


class GaussianNoise(Augmentation):
    """Each value plus a normally distributed number of deviation `std`, and no further than `value_range`.

    `value_range` is as in RandomBrightness. NumPy's Philox draws an image's numbers, under a key that is a function of
    seed, epoch and sample.
    """

    def __init__(self, std: float, *, value_range: Sequence[float] | None = (0.0, 1.0)) -> None:
        if not in_range(std):
            raise ValueError(f"std: expected a finite number of at least 0, got {std!r}")
        self.std = std
        self.value_range = check_range(value_range)

    def apply(self, x: Array, y: object, numbers: Numbers) -> tuple[Array, object]:
        noise = np.empty((len(x), *x.shape[2:], x.shape[1]), x.dtype)
        keys = (numbers * 2.0**32).astype(np.uint64)
        for image, (first, second, third, fourth) in zip(noise, keys, strict=True):
            key = [first << np.uint64(32) | second, third << np.uint64(32) | fourth]
            np.random.Generator(np.random.Philox(key=key)).standard_normal(out=image, dtype=x.dtype)
        noise *= x.dtype.type(self.std)
        noise += x.transpose(0, 2, 3, 1)
        return np.clip(noise, *self.value_range, out=noise).transpose(0, 3, 1, 2), y


class GaussianBlur(Augmentation):
    """Each value the mean of its `kernel_size` x `kernel_size` neighbours, weighted by a normal distribution.

    Its deviation in pixels is a random number between the two of `sigma`, or `sigma` itself. Images go on beyond their
    edges as their mirror images, without the edge itself. `kernel_size` is odd. Raises ShapeError for images that
    aren't larger than half of it.
    """

    def __init__(self, kernel_size: int, *, sigma: float | Sequence[float] = (0.1, 2.0)) -> None:
        self.kernel_size = shapes.count(kernel_size, "kernel_size")
        if kernel_size % 2 == 0:
            raise ValueError(f"kernel_size: expected an odd number, got {kernel_size}")
        limits: Any = (sigma, sigma) if in_range(sigma) else sigma
        if (
            not isinstance(limits, tuple | list)
            or len(limits) != 2
            or not all(in_range(limit, above=True) for limit in limits)
            or limits[0] > limits[1]
        ):
            raise ValueError(f"sigma: expected a number above 0, or (lowest, highest), got {sigma!r}")
        self.sigma = float(limits[0]), float(limits[1])

    def apply(self, x: Array, y: object, numbers: Numbers) -> tuple[Array, object]:
        half = self.kernel_size // 2
        if min(x.shape[2:]) <= half:
            raise ShapeError(
                f"GaussianBlur: expected images of more than {half} x {half} for a kernel of {self.kernel_size}, got "
                f"{x.shape[2]} x {x.shape[3]}"
            )
        deviations = self.sigma[0] + (self.sigma[1] - self.sigma[0]) * numbers[:, 0]
        weights = np.array([_weights(half, deviation) for deviation in deviations.tolist()], x.dtype)
        weights = weights.reshape(len(x), self.kernel_size)  # also of no images
        pixels = np.pad(x.transpose(0, 2, 3, 1), ((0, 0), (half, half), (half, half), (0, 0)), mode="reflect")
        height, width = x.shape[2:]
        rows = _sums([pixels[:, tap : tap + height] for tap in range(self.kernel_size)], weights)
        blurred = _sums([rows[:, :, tap : tap + width] for tap in range(self.kernel_size)], weights)
        return blurred.transpose(0, 3, 1, 2), y


def _sums(parts: Sequence[Array], weights: Array) -> Array:
    """The sum of parts (n, h, w, c) times weights (n, parts), each added in turn."""
    total = np.zeros_like(parts[0], order="C")
    for tap, part in enumerate(parts):
        total += weights[:, tap, np.newaxis, np.newaxis, np.newaxis] * part
    return total


def _weights(half: int, deviation: float) -> list[float]:
    """Of the pixels from -half to half, their sum 1."""
    heights = [math.exp(-((place / deviation) ** 2) / 2) for place in range(-half, half + 1)]
    total = math.fsum(heights)
    return [height / total for height in heights]
