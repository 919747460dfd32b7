"""python -m benchmarks.weights NETWORK:DATA [--data FOLDER] [--epochs N] [--checkpoint FILE] [--out FOLDER] [--quick].

Trains a ready model by its recipe, writes its weights, and prints the line that minidl/models/registry.py has of them.
"""

import argparse
import hashlib
import io
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import minidl
from benchmarks import recipes
from minidl.datasets import Dataset, Preprocessing
from minidl.model import SavedModel
from minidl.models.registry import Weights
from minidl.models.zoo import PACKAGED

DATA = {"fashion-mnist": ("fashion-mnist", recipes.RECIPES), "cifar-10": ("cifar10", recipes.CIFAR)}
"""The data set of minidl's, and the recipes, by the names that weights have."""


def names() -> list[str]:
    """What can be trained."""
    return [f"{network}:{data}" for data, (_, known) in DATA.items() for network in known]


def load(data: str, folder: str | None, *, quick: bool = False) -> tuple[Dataset, Dataset]:
    """(train, test) of a data set, or of copies of its images in a folder, with a folder for each part and class."""
    if quick or data == "fashion-mnist":
        return recipes.data(quick=quick)
    if folder is None:
        return minidl.datasets.cifar10()
    splits = minidl.datasets.from_splits(folder, size=32)
    return splits.train, splits.test


def write(model: SavedModel, path: Path) -> None:
    """Write a model whose arrays have 16 bits a number, but those of one axis, few and sensitive, such as variances."""
    whole = io.BytesIO()
    model.save(whole)
    whole.seek(0)
    arrays = minidl.load_arrays(whole)
    short = {name: array.astype(np.float16) if array.ndim > 1 else array for name, array in arrays.items()}
    minidl.save_arrays(path, short, metadata=arrays.metadata)


def accuracy(path: Path, tests: Dataset) -> float:
    """The share of the images that the model in the file gets right."""
    return float((minidl.load(path).predict(tests.images, verbose=0).argmax(axis=1) == tests.labels).mean())


def make(
    name: str,
    *,
    out: Path = PACKAGED,
    folder: str | None = None,
    epochs: int | None = None,
    checkpoint: Path | None = None,
    quick: bool = False,
) -> Weights:
    """Train, write the file into the folder `out`, and say what the registry has to say of it."""
    network, _, data = name.partition(":")
    own_name, known = DATA[data]
    images, tests = load(data, folder, quick=quick)
    model = minidl.models.MODELS[network](input_shape=images.images.shape[1:], seed=0)
    verbose = 0 if quick else 2
    recipes.fit(model, known[network], images, tests, epochs=epochs, checkpoint=checkpoint, verbose=verbose)
    channels, height, width = images.images.shape[1:]
    model.preprocessing = Preprocessing(images.class_names, (height, width), grey=channels == 1)
    path = out / f"{network}-{data}.npz"
    write(model, path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Weights(own_name, path.name, digest, os.path.getsize(path), accuracy(path, tests))


def line(name: str, weights: Weights) -> str:
    """The registry's line."""
    data, file, digest, size, reached, _ = weights
    return f'    "{name}": Weights(\n        "{data}", "{file}", "{digest}", {size:_}, {reached:.4f}\n    ),'


def main(arguments: Sequence[str] | None = None) -> None:
    """Train what the command line names."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.weights", description=__doc__)
    parser.add_argument("name", choices=names())
    parser.add_argument("--data", metavar="FOLDER", help="copies of CIFAR-10's images as pictures")
    parser.add_argument("--epochs", type=int, help="instead of the recipe's")
    parser.add_argument("--checkpoint", type=Path, help="keeps the training after each epoch, and goes on from it")
    parser.add_argument("--out", type=Path, default=PACKAGED, help="the folder for the file (default: the package's)")
    parser.add_argument("--quick", action="store_true", help="on 2,000 images: a smoke test")
    options = parser.parse_args(arguments)
    given = vars(options)
    name, folder = given.pop("name"), given.pop("data")
    print(line(name, make(name, folder=folder, **given)))


if __name__ == "__main__":
    main()
