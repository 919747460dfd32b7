"""Which garment a small grey image shows, by a network whose weights are part of this package."""

import functools
from pathlib import Path
from typing import Any

import numpy as np

import minidl as ml

NAMES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
WEIGHTS = Path(__file__).with_name("weights.npz")


@functools.cache
def model() -> ml.Sequential:
    """The trained network, images (n, 1, 28, 28) -> probabilities (n, 10): read once, and safe for many threads."""
    return ml.load(WEIGHTS)


def classify(image: Any) -> tuple[str, float]:
    """(name of the garment, its probability) for a grey image (28, 28), the garment bright on a dark background.

    Pixels are bytes where 255 is white, or floats from 0 to 1. Raises ValueError for anything else.
    """
    pixels = np.asarray(image)
    if pixels.shape != (28, 28):
        raise ValueError(f"expected a grey image (28, 28), got {pixels.shape}")
    if pixels.dtype == np.uint8:
        pixels = pixels / np.float32(255)
    elif pixels.dtype.kind != "f" or not (pixels.min() >= 0 and pixels.max() <= 1):  # nor NaN
        raise ValueError(f"expected bytes (uint8) or floats from 0 to 1, got {pixels.dtype}")
    (probabilities,) = model().predict(pixels[np.newaxis, np.newaxis])
    best = int(probabilities.argmax())
    return NAMES[best], float(probabilities[best])
