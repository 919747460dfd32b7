"""The data sets that minidl knows by name: what is in them, and whether they are on this machine and whole."""

import errno
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from minidl.datasets import cifar, digits, fashion
from minidl.datasets.dataset import Dataset
from minidl.datasets.download import download
from minidl.datasets.files import Collection, find_file
from minidl.datasets.locate import download_folder, find, places
from minidl.errors import FormatError


@dataclass(frozen=True)
class Known:
    """A data set as it is listed: numbers of images, (c, h, w), and the bytes of its files."""

    train: int
    test: int
    shape: tuple[int, int, int]
    size: int
    class_names: tuple[str, ...]
    collection: Callable[[], Collection]
    load: Callable[[], tuple[Dataset, Dataset]]


# Looked up when called, like any attribute of a module.
KNOWN: dict[str, Known] = {
    "fashion-mnist-10k": Known(
        5_000,
        5_000,
        (1, 28, 28),
        4_352_509,
        fashion.CLASS_NAMES,
        lambda: fashion.packaged_collection(),
        lambda: fashion.fashion_mnist_10k(),
    ),
    "fashion-mnist": Known(
        60_000,
        10_000,
        (1, 28, 28),
        30_878_645,
        fashion.CLASS_NAMES,
        lambda: fashion.collection(),
        lambda: fashion.fashion_mnist(),
    ),
    "mnist": Known(
        60_000,
        10_000,
        (1, 28, 28),
        11_594_722,
        digits.CLASS_NAMES,
        lambda: digits.collection(),
        lambda: digits.mnist(),
    ),
    "cifar10": Known(
        50_000,
        10_000,
        (3, 32, 32),
        170_052_171,
        cifar.CLASS_NAMES,
        lambda: cifar.collection(),
        lambda: cifar.cifar10(),
    ),
}


def fetch(known: Known, *, address: str | None = None, again: bool = False) -> tuple[Path, bool]:
    """The folder that has a data set's files, and whether they were downloaded to it just now.

    They are where they are found, unless `again`, and else downloaded to the user's cache: from `address` in the place
    of the original one. Raises ImportError without pooch, OSError if the server or the disk fails, and FormatError,
    naming the address, if a file isn't the original; then what was there stays as it was.
    """
    collection = known.collection()
    found = find(collection)
    if found is not None and (not again or collection.packaged_in is not None):
        return found, False
    if address is not None:
        collection = collection._replace(address=address.rstrip("/") + "/")
    folder = download_folder(collection)
    download(collection, folder)
    return folder, True


def verify(known: Known, folder: Path | None = None) -> dict[Path, str | None]:
    """What is wrong with each file of a data set, in `folder` or else where it is found; None where nothing is.

    Raises FileNotFoundError if there isn't any of the files.
    """
    collection = known.collection()
    candidates = places(collection) if folder is None else [folder]
    place = find(collection) if folder is None else folder
    if place is None:  # a part of it may be somewhere
        place = next((p for p in candidates if any(_files(collection, p).values())), None)
    paths = {} if place is None else _files(collection, place)
    if place is None or not any(paths.values()):
        raise FileNotFoundError(f"{collection.title} is in none of {', '.join(map(str, candidates))}")
    return {
        path or place / f"{name}{collection.suffix}": _trouble(collection, name, path) for name, path in paths.items()
    }


def _files(collection: Collection, folder: Path) -> dict[str, Path | None]:
    found = {name: find_file(folder, name, collection.suffix) for name in collection.digests}
    return {name: None if path is None else Path(path) for name, path in found.items()}


def _trouble(collection: Collection, name: str, path: Path | None) -> str | None:
    if path is None:
        return os.strerror(errno.ENOENT)
    try:
        collection.read(path, collection.digests[name], str(path))
    except FormatError as error:
        return str(error).removeprefix(f"{path}: ")
    return None
