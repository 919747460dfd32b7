"""Images moved: cropped, flipped, shifted, turned and zoomed."""

import math
from collections.abc import Sequence

import numpy as np

from minidl import backends
from minidl.augment.augmentation import Augmentation, Numbers, integers, whole_pixels
from minidl.errors import ShapeError
from minidl.typing import Array, IntArray, Pair, Size

FRACTION_BITS = 30
"""Of cosines and sines: backends take places as whole numbers of 2^-31 pixels, so that all find the same pixels."""


class RandomCrop(Augmentation):
    """A window of `size` (int or (h, w)) at a random place of the image, zero-padded by `padding` on each side.

    Every place is equally likely. `RandomCrop(32, padding=4)` is usual for CIFAR-10. Raises ShapeError for an image
    that is smaller than the window, its padding included.
    """

    moves_pixels = True

    def __init__(self, size: Size, *, padding: Size = 0) -> None:
        self.size = whole_pixels(size, "size")
        self.padding = whole_pixels(padding, "padding", minimum=0)

    def apply(self, x: Array, y: object, numbers: Numbers) -> tuple[Array, object]:
        padded = x.shape[2] + 2 * self.padding[0], x.shape[3] + 2 * self.padding[1]
        if padded[0] < self.size[0] or padded[1] < self.size[1]:
            raise ShapeError(
                f"RandomCrop: expected images of at least {self.size[0]} x {self.size[1]} with their padding, got "
                f"{padded[0]} x {padded[1]}"
            )
        place = np.zeros((len(x), 3), np.int64)
        for axis in (0, 1):
            place[:, axis] = integers(numbers[:, axis], 0, padded[axis] - self.size[axis]) - self.padding[axis]
        return backends.current().crop(x, place, size=self.size), y


class RandomHorizontalFlip(Augmentation):
    """The image's columns in reverse order, with probability `rate`."""

    moves_pixels = True

    def __init__(self, *, rate: float = 0.5) -> None:
        if not 0 <= rate <= 1:
            raise ValueError(f"rate: expected a probability from 0 to 1, got {rate!r}")
        self.rate = rate

    def apply(self, x: Array, y: object, numbers: Numbers) -> tuple[Array, object]:
        place = np.zeros((len(x), 3), np.int64)
        place[:, 2] = numbers[:, 0] < self.rate
        return backends.current().crop(x, place, size=(x.shape[2], x.shape[3])), y


class RandomShift(Augmentation):
    """The image moved by whole pixels, at most `pixels` (int or (down, across)) to each side, with zeros behind it."""

    moves_pixels = True

    def __init__(self, pixels: Size) -> None:
        self.pixels = whole_pixels(pixels, "pixels", minimum=0)

    def apply(self, x: Array, y: object, numbers: Numbers) -> tuple[Array, object]:
        place = np.zeros((len(x), 3), np.int64)
        for axis in (0, 1):
            place[:, axis] = integers(numbers[:, axis], -self.pixels[axis], self.pixels[axis])
        return backends.current().crop(x, place, size=(x.shape[2], x.shape[3])), y


class RandomRotation(Augmentation):
    """The image turned about its centre by a random angle from -degrees to degrees, counter-clockwise if positive.

    With (r, q) measured from the centre ((h - 1) / 2, (w - 1) / 2), rows downwards, the value at (r, q) is that of the
    image at (r cos a + q sin a, q cos a - r sin a), by bilinear interpolation between its four neighbours, where those
    outside of the image are 0. Cosine and sine are rounded to multiples of 2^-30, and the neighbours' shares down to
    multiples of 2^-24; sums are in float64, rounded once.
    """

    moves_pixels = True

    def __init__(self, degrees: float) -> None:
        if not 0 <= degrees <= 180:
            raise ValueError(f"degrees: expected an angle from 0 to 180, got {degrees!r}")
        self.degrees = degrees

    def apply(self, x: Array, y: object, numbers: Numbers) -> tuple[Array, object]:
        size = x.shape[2], x.shape[3]
        place = turns((2 * numbers[:, 0] - 1) * self.degrees, size)
        return backends.current().warp_images(x, place, size=size, repeats_edge=False), y


class RandomZoom(Augmentation):
    """The image enlarged about its centre, 1 - factor to 1 + factor times, with zeros around it where it gets smaller.

    Both axes alike; every number of times is equally likely. Bilinear, as in RandomRotation. (Keras's RandomZoom has
    the inverse: its 0.2 shows a part that is 1.2 times as large.)
    """

    moves_pixels = True

    def __init__(self, factor: float) -> None:
        if not 0 <= factor < 1:
            raise ValueError(f"factor: expected a number from 0 to below 1, got {factor!r}")
        self.factor = factor

    def apply(self, x: Array, y: object, numbers: Numbers) -> tuple[Array, object]:
        step = 1 / (1 + (2 * numbers[:, 0] - 1) * self.factor)
        size = x.shape[2], x.shape[3]
        top, left = (size[0] - 1) / 2 * (1 - step), (size[1] - 1) / 2 * (1 - step)
        return backends.current().warp_images(x, _windows(top, left, step, step), size=size, repeats_edge=False), y


class RandomResizedCrop(Augmentation):
    """A random window of the image, brought to `size` (int or (h, w)), as networks for ImageNet are trained.

    The window's area is `scale` (lowest, highest) of the image's, its width over its height `ratio` (lowest, highest),
    evenly on a logarithmic scale; a side that would be longer than the image's is as long. Bilinear and without
    smoothing, so that an image should have at most about twice the pixels of `size` along each axis. Source: C. Szegedy
    et al., "Going deeper with convolutions", 2015.
    """

    moves_pixels = True

    def __init__(
        self, size: Size, *, scale: Sequence[float] = (0.08, 1.0), ratio: Sequence[float] = (3 / 4, 4 / 3)
    ) -> None:
        self.size = whole_pixels(size, "size")
        self.scale = _limits(scale, "scale", "shares of the image's area from above 0 to 1", 1)
        self.ratio = _limits(ratio, "ratio", "width over height, above 0", math.inf)

    def apply(self, x: Array, y: object, numbers: Numbers) -> tuple[Array, object]:
        height, width = x.shape[2:]
        area = (self.scale[0] + (self.scale[1] - self.scale[0]) * numbers[:, 0]) * (height * width)
        # The power is the C library's, whose bits don't vary with the width of vectors.
        ratio = np.array([self.ratio[0] * math.pow(self.ratio[1] / self.ratio[0], u) for u in numbers[:, 1].tolist()])
        down, across = np.minimum(np.sqrt(area / ratio), height), np.minimum(np.sqrt(area * ratio), width)
        row_step, column_step = down / self.size[0], across / self.size[1]
        # The middle of a window's first pixel is half a step from its corner, and that of the image's, half a pixel.
        top = numbers[:, 2] * (height - down) + (row_step - 1) / 2
        left = numbers[:, 3] * (width - across) + (column_step - 1) / 2
        place = _windows(top, left, row_step, column_step)
        return backends.current().warp_images(x, place, size=self.size, repeats_edge=True), y


def _limits(values: Sequence[float], name: str, what: str, highest: float) -> tuple[float, float]:
    """(lowest, highest) as floats. Raises ValueError unless they're above 0, in order and not above `highest`."""
    try:
        low, high = map(float, values)
        if 0 < low <= high <= highest and math.isfinite(high):
            return low, high
    except (TypeError, ValueError):
        pass
    raise ValueError(f"{name}: expected (lowest, highest), {what}, got {values!r}")


def _windows(top: Numbers, left: Numbers, down: Numbers, across: Numbers) -> IntArray:
    """Places, as `warp_images` takes them, of pixels `down` and `across` apart from (top, left) on."""
    none = np.zeros(len(top))
    places = np.stack([down, none, top, none, across, left], axis=1)
    return np.rint(places * 2.0 ** (FRACTION_BITS + 1)).astype(np.int64)


def turns(degrees: Numbers, size: Pair) -> IntArray:
    """Places, as `warp_images` takes them, of images of `size` turned by angles from -180 to 180 degrees."""
    turned = np.rint(np.stack(cosine_and_sine(degrees * (np.pi / 180)), axis=1) * 2.0**FRACTION_BITS).astype(np.int64)
    cosine, sine = turned.T
    # Twice the distances from the centre are whole.
    down, across = size[0] - 1, size[1] - 1
    row, column = (down << FRACTION_BITS) - cosine * down - sine * across, sine * down - cosine * across
    column += across << FRACTION_BITS
    return np.stack([2 * cosine, 2 * sine, row, -2 * sine, 2 * cosine, column], axis=1)


def cosine_and_sine(angles: Numbers) -> tuple[Numbers, Numbers]:
    """Of angles from -2 pi to 2 pi, to some 1e-15, by sums and products alone: these have the same bits on every CPU.

    Taylor's series for a 32nd of the angle, which is then doubled five times.
    """
    small = angles / 32
    square = small * small
    # Less the leading 1, so that doubling loses no digits: 1 - cos 2a = 2 (1 - cos a) (1 + cos a)
    versine = square / 2 * (1 - square / 12 * (1 - square / 30 * (1 - square / 56 * (1 - square / 90))))
    sine = small * (1 - square / 6 * (1 - square / 20 * (1 - square / 42 * (1 - square / 72 * (1 - square / 110)))))
    for _ in range(5):
        sine, versine = 2 * sine * (1 - versine), 2 * versine * (2 - versine)
    return 1 - versine, sine
