"""Images in other colors."""

from collections.abc import Sequence

import numpy as np

from minidl import shapes
from minidl.augment.augmentation import Augmentation, Numbers
from minidl.augment.geometry import cosine_and_sine
from minidl.augment.light import check_range
from minidl.errors import ShapeError
from minidl.typing import Array

LUMA = np.array([0.299, 0.587, 0.114])
"""Shares of red, green and blue in how bright a color looks: the grey of a picture. Source: ITU-R BT.601."""


class ColorJitter(Augmentation):
    """Brightness, contrast, saturation and hue of images (n, 3, h, w) changed at random, in that order.

    Values are multiplied by a number from 1 - brightness to 1 + brightness; differences from the mean grey of the image
    by one from 1 - contrast to 1 + contrast; those of each pixel from its own grey by one from 1 - saturation to
    1 + saturation; and colors are turned about the axis of greys by up to `hue`, at most half a turn, either way: a
    third of a turn makes green of red. `value_range` is as in RandomBrightness, and limits the result alone. Images of
    one channel have brightness and contrast. Raises ShapeError for others. (torchvision's ColorJitter shuffles the four
    and turns the hue of HSV, which thirds of a turn have in common.)
    """

    def __init__(
        self,
        brightness: float = 0.0,
        contrast: float = 0.0,
        saturation: float = 0.0,
        hue: float = 0.0,
        *,
        value_range: Sequence[float] | None = (0.0, 1.0),
    ) -> None:
        for name, value, highest in (
            ("brightness", brightness, 1),
            ("contrast", contrast, 1),
            ("saturation", saturation, 1),
            ("hue", hue, 0.5),
        ):
            if not 0 <= value <= highest:
                raise ValueError(f"{name}: expected a number from 0 to {highest}, got {value!r}")
        self.brightness = brightness
        self.contrast = contrast
        self.saturation = saturation
        self.hue = hue
        self.value_range = check_range(value_range)

    def apply(self, x: Array, y: object, numbers: Numbers) -> tuple[Array, object]:
        channels = x.shape[1]
        if channels not in (1, 3):
            raise ShapeError(f"ColorJitter: expected images of 1 or 3 channels, got {shapes.show(x.shape)}")
        sides = 2 * numbers - 1
        light = 1 + sides[:, 0] * self.brightness
        contrast = 1 + sides[:, 1] * self.contrast
        turned = np.ones((len(x), 1, 1))
        if channels == 3:
            turned = _turned(sides[:, 3] * self.hue) @ _saturated(1 + sides[:, 2] * self.saturation)
        matrix = turned * (light * contrast)[:, np.newaxis, np.newaxis]
        shares = LUMA if channels == 3 else np.ones(1)
        grey = _sum_of_planes(x, np.broadcast_to(shares, (len(x), channels))).mean(axis=(1, 2))
        offset = (1 - contrast) * light * grey
        return _mixed(x, matrix.astype(x.dtype), offset.astype(x.dtype), self.value_range), y


def _saturated(factor: Numbers) -> Numbers:
    """(n, 3, 3): what stretches colors (3,) about their grey, which stays."""
    grey = np.broadcast_to(LUMA, (3, 3))
    stretched: Numbers = grey + factor[:, np.newaxis, np.newaxis] * (np.eye(3) - grey)
    return stretched


def _turned(turns: Numbers) -> Numbers:
    """(n, 3, 3): what turns colors (3,) about the axis of greys, by Rodrigues' formula."""
    cosine, sine = (values[:, np.newaxis, np.newaxis] for values in cosine_and_sine(2 * np.pi * turns))
    across = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / np.sqrt(3)
    turned: Numbers = cosine * np.eye(3) + sine * across + (1 - cosine) / 3
    return turned


def _mixed(x: Array, matrix: Array, offset: Array, limits: tuple[float, float]) -> Array:
    """matrix[n] times each pixel (c,) of image n, plus offset[n], from limits[0] to limits[1]; channels last."""
    y = np.empty((len(x), *x.shape[2:], x.shape[1]), x.dtype)
    for channel in range(x.shape[1]):
        y[..., channel] = _sum_of_planes(x, matrix[:, channel]) + offset[:, np.newaxis, np.newaxis]
    return np.clip(y, *limits, out=y).transpose(0, 3, 1, 2)


def _sum_of_planes(x: Array, shares: Array) -> Array:
    """(n, h, w): the channels of x times shares (n, c), each added in turn, so that bits are the same everywhere."""
    total: Array = shares[:, 0, np.newaxis, np.newaxis] * x[:, 0]
    for channel in range(1, x.shape[1]):
        total += shares[:, channel, np.newaxis, np.newaxis] * x[:, channel]
    return total
