"""The data sets and optimizers that can be named on the command line; the models are `minidl.models.MODELS`."""

from collections.abc import Callable, Iterable
from typing import Any

from minidl import datasets
from minidl.datasets import Dataset
from minidl.datasets.fashion import CLASS_NAMES
from minidl.module import Parameter
from minidl.optim import SGD, Adam, Optimizer

# Looked up when called, not when imported, like any attribute of a module.
DATA: dict[str, Callable[[], tuple[Dataset, Dataset]]] = {
    "fashion-mnist-10k": lambda: datasets.fashion_mnist_10k(),
    "fashion-mnist": lambda: datasets.fashion_mnist(),
}
"""Loaders of (train, test)."""

CLASSES: dict[str, tuple[str, ...]] = {"fashion-mnist-10k": CLASS_NAMES, "fashion-mnist": CLASS_NAMES}
"""The names of each data set's classes, known without its files."""

TRAINED_ON_TEST = {("fashion-mnist", "fashion-mnist-10k")}
"""(data trained on, data to test with) where the test images are among those trained on."""

OPTIMIZERS: dict[str, tuple[Callable[..., Optimizer], dict[str, Any]]] = {
    "adam": (Adam, {"lr": 1e-3}),
    "sgd": (SGD, {"lr": 1e-2, "momentum": 0.9}),
}
"""Each optimizer, with arguments that suit the models here."""


def make_optimizer(name: str, parameters: Iterable[Parameter], lr: float | None) -> Optimizer:
    """The optimizer, with `lr` in place of its own where one is given."""
    kind, options = OPTIMIZERS[name]
    return kind(parameters, **(options if lr is None else options | {"lr": lr}))
