"""The figure of the page on data: what each augmentation makes of one picture."""

import numpy as np
from matplotlib.figure import Figure

import minidl as ml
from minidl import augment

AUGMENTATIONS = {
    "RandomCrop": augment.RandomCrop(64, padding=16),
    "RandomHorizontalFlip": augment.RandomHorizontalFlip(rate=1),
    "RandomShift": augment.RandomShift(16),
    "RandomRotation": augment.RandomRotation(40),
    "RandomZoom": augment.RandomZoom(0.5),
    "RandomResizedCrop": augment.RandomResizedCrop(64, scale=(0.2, 0.5)),
    "RandomBrightness": augment.RandomBrightness(0.4),
    "RandomContrast": augment.RandomContrast(0.9),
    "ColorJitter": augment.ColorJitter(0.2, 0.2, 0.5, 0.5),
    "GaussianNoise": augment.GaussianNoise(0.1),
    "GaussianBlur": augment.GaussianBlur(9, sigma=2.5),
    "Cutout": augment.Cutout(28),
    "MixUp": augment.MixUp(2),
    "CutMix": augment.CutMix(2),
}
SEED = 9
"""For which every one of them is plain to see."""


def house(night: float) -> np.ndarray:
    """A picture (3, 64, 64): a house and a light in the sky."""
    row, column = np.mgrid[:64, :64]
    parts = {
        (0.55, 0.8, 1.0): row < 48,
        (0.35, 0.65, 0.3): row >= 48,
        (1.0, 0.85, 0.2): (row - 12) ** 2 + (column - 50) ** 2 < 49,
        (0.85, 0.8, 0.7): (row >= 30) & (row < 54) & (column >= 12) & (column < 42),
        (0.75, 0.25, 0.2): (row >= 16) & (row < 30) & (abs(column - 27) < row - 12),
        (0.4, 0.25, 0.15): (row >= 40) & (row < 54) & (column >= 17) & (column < 24),
        (0.95, 0.95, 0.6): (row >= 35) & (row < 43) & (column >= 29) & (column < 37),
    }
    picture = np.zeros((3, 64, 64), np.float32)
    for color, place in parts.items():
        picture[:, place] = np.array(color, np.float32)[:, None] * (1 - night)
    return picture


def augmentations(across: int = 5) -> Figure:
    """The picture, and what each makes of it; those that mix have another beside it."""
    both = np.stack([house(0), house(0.75)[:, :, ::-1]])
    pictures = {"the image": both[0]}
    for name, augmentation in AUGMENTATIONS.items():
        pictures[name] = augmentation(both, ml.one_hot([0, 1]), seed=SEED)[0][0]
    down = len(pictures) // across
    figure = Figure(figsize=(1.52 * across, 1.67 * down) if across == 5 else (3.7, 1.4 * down), layout="constrained")
    for axes, (name, picture) in zip(figure.subplots(down, across).flat, pictures.items(), strict=True):
        axes.imshow(picture.transpose(1, 2, 0), interpolation="nearest")
        axes.set_title(name, fontsize=8)
        axes.set_axis_off()
    return figure


FIGURES = {"augmentations": augmentations}
NARROW = {"augmentations": lambda: augmentations(3)}
