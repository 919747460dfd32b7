"""Garments of Fashion-MNIST pasted on noise, and how well U-Net tells which pixels are of which kind of garment."""

import math
import time
from typing import Any

import numpy as np

import minidl
from minidl import schedules
from minidl.datasets import Dataset
from minidl.typing import Array, IntArray

SIZE = 48
KINDS = ("background", "top", "trousers", "shoe", "bag")
KIND_OF_CLASS = np.array([1, 2, 1, 1, 1, 3, 1, 3, 4, 3])
"""For each class of Fashion-MNIST the number of its kind: a T-shirt is a top, a sandal a shoe."""
VISIBLE = 0.1
"""Pixels of a garment that are brighter cover what is below; the others are the background of its own image."""
WIDTH, BATCH, LEARNING_RATE, EPOCHS = 0.25, 16, 5e-3, 6


def scenes(data: Dataset, count: int, *, seed: int) -> tuple[Array, IntArray]:
    """(images (n, 1, 48, 48), masks (n, 48, 48) of kinds): one to three garments on noise, some mirrored.

    Each kind comes as often as the others; what is pasted later covers what is there.
    """
    rng = np.random.default_rng(seed)
    images = rng.uniform(0, 0.4, (count, 1, SIZE, SIZE)).astype(np.float32)
    masks = np.zeros((count, SIZE, SIZE), np.int64)
    of_kind = [np.flatnonzero(KIND_OF_CLASS[data.labels] == kind) for kind in range(len(KINDS))]
    side = data.images.shape[-1]
    for image, mask in zip(images[:, 0], masks, strict=True):
        for kind in rng.integers(1, len(KINDS), size=rng.integers(1, 4)):
            i = rng.choice(of_kind[kind])
            garment = data.images[i, 0, :, :: rng.choice((-1, 1))]
            top, left = rng.integers(SIZE - side + 1, size=2)
            place = np.s_[top : top + side, left : left + side]
            np.copyto(image[place], garment, where=garment > VISIBLE)
            np.copyto(mask[place], kind, where=garment > VISIBLE)
    return images, masks


def train(*, count: int = 2000, epochs: int = EPOCHS, seed: int = 0, verbose: int = 2) -> dict[str, Any]:
    """{"iou" on scenes of held-out garments, "ious" of kinds, "accuracy" of pixels, "epochs", "scenes", "seconds"}.

    U-Net of a quarter of the paper's filters, by Adam and `OneCycle`, on `count` scenes of the package's images.
    """
    garments, held_out = minidl.datasets.fashion_mnist_10k()
    images, masks = scenes(garments, count, seed=seed)
    test_images, test_masks = scenes(held_out, max(1, count // 4), seed=seed + 1)
    model = minidl.models.unet(input_shape=(1, SIZE, SIZE), classes=len(KINDS), width=WIDTH, seed=seed)
    optimizer = minidl.Adam(model.parameters(), lr=LEARNING_RATE)
    steps = epochs * math.ceil(count / BATCH)
    begin = time.perf_counter()
    model.fit(
        images,
        masks,
        loss=minidl.CrossEntropy(),
        optimizer=optimizer,
        schedule=schedules.OneCycle(optimizer, max_lr=LEARNING_RATE, total_steps=steps),
        epochs=epochs,
        batch_size=BATCH,
        seed=seed,
        verbose=verbose,
    )
    seconds = time.perf_counter() - begin
    scores = model.predict(test_images)
    return {
        "iou": float(minidl.MeanIoU()(scores, test_masks)),
        "ious": dict(zip(KINDS, _ious(scores, test_masks), strict=True)),
        "accuracy": float(minidl.Accuracy()(scores, test_masks)),
        "epochs": epochs,
        "scenes": count,
        "seconds": seconds,
    }


def _ious(scores: Array, masks: IntArray) -> list[float]:
    """Intersection over union of each kind."""
    counts = minidl.ConfusionMatrix()(scores, masks)  # a row for each true kind
    right = counts.diagonal()
    with np.errstate(invalid="ignore"):
        return [float(each) for each in right / (counts.sum(axis=0) + counts.sum(axis=1) - right)]
