"""Images moved: cropped, flipped, shifted and turned."""

import numpy as np

from minidl import backends
from minidl.augment.augmentation import Augmentation, Numbers, integers, whole_pixels
from minidl.errors import ShapeError
from minidl.typing import Array, IntArray, Size

FRACTION_BITS = 30
"""Of the cosines and sines that the backends take: whole numbers, so that every backend finds the same pixels."""


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
        turn = turns((2 * numbers[:, 0] - 1) * self.degrees)
        return backends.current().rotate_images(x, turn), y


def turns(degrees: Numbers) -> IntArray:
    """(n, 2): cosine and sine of angles from -180 to 180 degrees, times 2^30 and rounded."""
    return np.rint(np.stack(cosine_and_sine(degrees * (np.pi / 180)), axis=1) * 2.0**FRACTION_BITS).astype(np.int64)


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
