"""Augmentations: images changed at random, by a seed, for training."""

from typing import TYPE_CHECKING

from minidl.augment.augmentation import Augment, Augmentation, Compose, as_augmentation
from minidl.augment.geometry import (
    RandomCrop,
    RandomHorizontalFlip,
    RandomResizedCrop,
    RandomRotation,
    RandomShift,
    RandomZoom,
)
from minidl.augment.light import RandomBrightness, RandomContrast
from minidl.augment.mixing import Cutout, MixUp
from minidl.errors import missing_name

__all__ = [
    "Augment",
    "Augmentation",
    "Compose",
    "Cutout",
    "MixUp",
    "RandomBrightness",
    "RandomContrast",
    "RandomCrop",
    "RandomHorizontalFlip",
    "RandomResizedCrop",
    "RandomRotation",
    "RandomShift",
    "RandomZoom",
    "as_augmentation",
]


if not TYPE_CHECKING:

    def __getattr__(name):
        raise missing_name(__name__, name, __all__)
