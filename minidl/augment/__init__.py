"""Augmentations: images changed at random, by a seed, for training."""

from minidl.augment.augmentation import Augment, Augmentation, Compose, as_augmentation
from minidl.augment.geometry import RandomCrop, RandomHorizontalFlip, RandomRotation, RandomShift
from minidl.augment.light import RandomBrightness, RandomContrast
from minidl.augment.mixing import Cutout, MixUp

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
    "RandomRotation",
    "RandomShift",
    "as_augmentation",
]
