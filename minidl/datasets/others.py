"""Data sets from the array files of others: IDX and .npz."""

import os
from collections.abc import Sequence

import numpy as np

from minidl.datasets.dataset import Dataset
from minidl.datasets.idx import AnyArray, read_idx
from minidl.errors import FormatError, did_you_mean, keyword_hints
from minidl.saving.budget import USUAL, Budget
from minidl.saving.npz import load_arrays
from minidl.typing import StrPath

FAR = 8
"""This many channels, beside an axis of 3 or 4, are taken for pixels."""


@keyword_hints
def from_idx(
    images: StrPath, labels: StrPath, *, class_names: Sequence[str] | None = None, budget: Budget = USUAL
) -> Dataset:
    """Read a data set from two IDX files, gzipped or not: images (n, h, w) or (n, c, h, w), and labels (n,).

    Images in bytes are divided by 255, and floats taken as they are. Classes are called "0", "1", ... if not by
    `class_names`. Raises FormatError, naming the file, for other arrays, labels that don't fit, and more bytes than
    `budget` allows, and ValueError for names that aren't different.
    """
    pixels, classes = read_idx(images, budget=budget), read_idx(labels, budget=budget)
    return _dataset(pixels, classes, class_names, os.fspath(images), os.fspath(labels))


@keyword_hints
def from_npz(
    path: StrPath,
    *,
    images: str = "images",
    labels: str = "labels",
    channels_last: bool = False,
    class_names: Sequence[str] | None = None,
    budget: Budget = USUAL,
) -> Dataset:
    """Read a data set from the two arrays of an .npz file that are called `images` and `labels`.

    Keras's mnist.npz has x_train, y_train, x_test and y_test. Images are (n, h, w), or (n, c, h, w), or (n, h, w, c)
    with `channels_last`; labels (n,) or (n, 1) integers. The rest is as in `from_idx`, and the file is read as data.
    """
    arrays, _ = load_arrays(path, budget=budget)
    for name in (images, labels):
        if name not in arrays:
            raise FormatError(f"{os.fspath(path)}: it has no array {name!r}; {did_you_mean(name, arrays)}")
    pixels, classes = arrays[images], arrays[labels]
    if channels_last and pixels.ndim == 4:
        pixels = pixels.transpose(0, 3, 1, 2)
    if classes.ndim == 2 and classes.shape[1] == 1:
        classes = classes[:, 0]
    return _dataset(pixels, classes, class_names, f"{os.fspath(path)}: {images}", f"{os.fspath(path)}: {labels}")


def _dataset(
    pixels: AnyArray, labels: AnyArray, class_names: Sequence[str] | None, images_name: str, labels_name: str
) -> Dataset:
    if pixels.ndim not in (3, 4) or (pixels.dtype != np.uint8 and pixels.dtype.kind != "f"):
        raise FormatError(
            f"{images_name}: expected images (n, h, w) or (n, c, h, w) in bytes or floats, got {pixels.dtype} "
            f"{pixels.shape}"
        )
    if pixels.ndim == 4 and pixels.shape[1] >= FAR and min(pixels.shape[2:]) in (3, 4) and max(pixels.shape[2:]) >= FAR:
        raise FormatError(
            f"{images_name}: expected images (n, c, h, w), got {pixels.shape}, whose channels seem to be elsewhere; "
            "channels_last=True or False says whether they come last"
        )
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise FormatError(f"{labels_name}: expected labels (n,) as integers, got {labels.dtype} {labels.shape}")
    if len(labels) != len(pixels):
        raise FormatError(f"{labels_name}: expected one label for each of the {len(pixels)} images, got {len(labels)}")
    from minidl.datasets.layout import checked_names  # here, as most programs that import minidl read no files

    most = int(labels.max()) if len(labels) else -1
    names = tuple(map(str, range(most + 1))) if class_names is None else checked_names(class_names)
    if len(labels) and (labels.min() < 0 or most >= len(names)):
        raise FormatError(
            f"{labels_name}: expected labels from 0 to {len(names) - 1}, got {labels.min()} to {labels.max()}"
        )
    if pixels.dtype == np.uint8:
        return Dataset.from_bytes(pixels, labels, names)
    images = pixels[:, np.newaxis] if pixels.ndim == 3 else pixels
    return Dataset(images.astype(np.float32), labels.astype(np.int64), names)
