"""How each ready model is trained to its reference accuracy: data, optimizer, schedule, augmentation, epochs."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import minidl
from minidl import Model, Optimizer, augment, schedules
from minidl.datasets import Dataset


@dataclass(frozen=True)
class Recipe:
    """Training on all training images in batches of `batch_size`, by a learning rate that rises to `lr` and falls."""

    epochs: int
    batch_size: int
    lr: float
    optimizer: Callable[[Model, float], Optimizer]
    changes: tuple[augment.Augmentation, ...] = ()

    def text(self) -> str:
        """In a line."""
        changes = "".join(f", {type(change).__name__}" for change in self.changes)
        return f"{self.optimizer.__name__}, OneCycle to {self.lr:g}, batches of {self.batch_size}{changes}"


def adam(model: Model, lr: float) -> Optimizer:
    """Adam as it comes."""
    return minidl.Adam(model.parameters(), lr=lr)


def sgd(model: Model, lr: float) -> Optimizer:
    """SGD as in the papers on residual networks, with Nesterov's momentum."""
    return minidl.SGD(model.parameters(), lr=lr, momentum=0.9, nesterov=True, weight_decay=5e-4)


_MOVED = (augment.RandomCrop(28, padding=2), augment.RandomHorizontalFlip())

_FLIPPED = (augment.RandomHorizontalFlip(),)

RECIPES = {
    "lenet": Recipe(epochs=15, batch_size=64, lr=4e-3, optimizer=adam, changes=_FLIPPED),
    "cnn": Recipe(epochs=10, batch_size=64, lr=5e-3, optimizer=adam, changes=_FLIPPED),
    "vgg": Recipe(epochs=3, batch_size=64, lr=6e-3, optimizer=adam),
    "mobilenet": Recipe(epochs=10, batch_size=64, lr=6e-3, optimizer=adam),
    "resnet20": Recipe(epochs=20, batch_size=128, lr=0.2, optimizer=sgd, changes=_MOVED),
}
"""For Fashion-MNIST, by the names of `minidl.models`."""

CIFAR = {
    "resnet20": Recipe(
        epochs=60,
        batch_size=128,
        lr=0.2,
        optimizer=sgd,
        changes=(augment.RandomCrop(32, padding=4), augment.RandomHorizontalFlip()),
    )
}
"""For CIFAR-10, with the paper's augmentation."""


def data(*, quick: bool) -> tuple[Dataset, Dataset]:
    """(train, test): Fashion-MNIST, or 2,000 and 500 images that the package carries. Raises FileNotFoundError."""
    if not quick:
        return minidl.datasets.fashion_mnist()
    images, tests = minidl.datasets.fashion_mnist_10k()
    return images[:2000], tests[:500]


def train(name: str, *, epochs: int | None = None, seed: int = 0, quick: bool = False) -> dict[str, Any]:
    """{"epochs", "accuracy" on the test images, "curve" of it after each epoch, "seconds"}.

    `epochs` stands in for the recipe's, and the learning rate falls within them.
    """
    images, tests = data(quick=quick)
    model = minidl.models.MODELS[name](input_shape=(1, 28, 28), seed=seed)
    return fit(model, RECIPES[name], images, tests, epochs=epochs, seed=seed, verbose=0 if quick else 2)


def fit(
    model: Model,
    recipe: Recipe,
    images: Dataset,
    tests: Dataset,
    *,
    epochs: int | None = None,
    seed: int = 0,
    verbose: int = 2,
    checkpoint: Path | None = None,
) -> dict[str, Any]:
    """The same, of a model and data that are given.

    After each epoch all that going on needs is written to `checkpoint`; where that file is, training goes on from it.
    """
    epochs = recipe.epochs if epochs is None else epochs
    optimizer = recipe.optimizer(model, recipe.lr)
    steps = epochs * math.ceil(len(images) / recipe.batch_size)
    schedule = schedules.OneCycle(optimizer, max_lr=recipe.lr, total_steps=steps)
    keepers = [] if checkpoint is None else [minidl.TrainingCheckpoint(checkpoint)]
    behind = 0
    if checkpoint is not None and checkpoint.exists():
        behind = minidl.load_training(checkpoint, model, optimizer=optimizer, schedule=schedule, callbacks=keepers)
    begin = time.perf_counter()
    history = model.fit(
        images.images,
        images.labels,
        loss=minidl.CrossEntropy(),
        optimizer=optimizer,
        schedule=schedule,
        augment=list(recipe.changes),
        epochs=epochs,
        initial_epoch=behind,
        batch_size=recipe.batch_size,
        validation_data=(tests.images, tests.labels),
        metrics=[minidl.Accuracy()],
        callbacks=keepers,
        seed=seed,
        verbose=verbose,
    )
    curve = [float(value) for value in (keepers[0].history if keepers else history)["val_accuracy"]]
    return {"epochs": epochs, "accuracy": curve[-1], "curve": curve, "seconds": time.perf_counter() - begin}
