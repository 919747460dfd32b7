"""Augmentations: images changed at random, by a seed, for training."""

from typing import TYPE_CHECKING

from minidl.augment.augmentation import Augment, Augmentation, Compose, as_augmentation
from minidl.augment.color import ColorJitter
from minidl.augment.geometry import (
    RandomCrop,
    RandomHorizontalFlip,
    RandomResizedCrop,
    RandomRotation,
    RandomShift,
    RandomZoom,
)
from minidl.augment.light import RandomBrightness, RandomContrast
from minidl.augment.mixing import CutMix, Cutout, MixUp
from minidl.augment.noise import GaussianBlur, GaussianNoise
from minidl.errors import missing_name

__all__ = [
    "Augment",
    "Augmentation",
    "ColorJitter",
    "Compose",
    "CutMix",
    "Cutout",
    "GaussianBlur",
    "GaussianNoise",
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
