"""The images of a run: those to train on, to validate with and to test with, and how to know them again."""

import math
import os
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from minidl.cli.choices import Table, load_data
from minidl.cli.messages import UsageError, complain
from minidl.datasets import Dataset, Pictures, Preprocessing, Splits, layout
from minidl.errors import did_you_mean

SHARE = 0.1
"""Of the images to train on, held out to validate with unless the configuration says otherwise."""

CHUNK = 1000
"""Images that are copied at a time."""


def load_images(config: dict[str, Any]) -> tuple[dict[str, Any], Splits, str]:
    """The configuration with `validation_split`, the images that it means, and the `mark` of all that was read.

    Where the data have no images to validate with, that share of each class is held out of those to train on, at random
    by the configuration's seed: `train.split(share, seed=seed)`. Raises UsageError where that can't be, and for a
    single class; warns of classes that there is nothing to learn of, and of folders that are ignored.
    """
    data = config["data"]
    splits = load_data(data)
    train, name = splits.train, str(next(iter(data.values())))
    _check_classes(train, name)
    others = passed_by(data)
    if others:
        complain(f"warning: {name}: {', '.join(others)} isn't among the class_names, and is ignored")
    found = mark(splits, data)
    share = config.get("validation_split")
    if splits.validation is not None:
        if share:
            raise UsageError(
                f"validation_split: {name} has images to validate with; leave it out, or 0 to train without validation"
            )
        return config, splits if share is None else splits._replace(validation=None), found
    share = SHARE if share is None else share
    if share:
        train, validation = _held_out(train, share, config["seed"])
        splits = splits._replace(train=train, validation=validation)
    return config | {"validation_split": share}, splits, found


def preprocessing_of(data: Dataset) -> Preprocessing:
    """How the data set's pictures were read, or, of one that doesn't come from pictures, how they would be."""
    channels, height, width = data.images.shape[1:]
    return data.preprocessing or Preprocessing(data.class_names, (height, width), grey=channels == 1)


def mark(splits: Splits, table: Table) -> str:
    """What tells a data set from another: its numbers of images, and a checksum of those that haven't a known one.

    Of pictures that are read lazily it's one of their files' names and sizes.
    """
    counts = [0 if part is None else len(part) for part in splits]
    text = "{} images to train on, {} to validate with, {} to test with".format(*counts)
    if "name" in table:
        return text
    checksum = zlib.crc32(repr(splits.train.class_names).encode())
    for part in splits:
        if part is not None:
            checksum = zlib.crc32(part.labels.tobytes(), checksum)
            if isinstance(part.images, Pictures):  # of which reading all would take as long as an epoch
                sizes = ((os.path.basename(path), os.stat(path).st_size) for path in part.images.paths)
                checksum = zlib.crc32(repr([*sizes]).encode(errors="surrogateescape"), checksum)
                continue
            for start in range(0, len(part), CHUNK):
                checksum = zlib.crc32(part.images[start : start + CHUNK].tobytes(), checksum)
    return f"{text}, CRC-32 {checksum:08x}"


def passed_by(table: Table) -> list[str]:
    """The folders of pictures that aren't among the class names of a data set's table."""
    names, root = table.get("class_names"), Path(table.get("path", ""))
    if names is None or "path" not in table or not root.is_dir():
        return []
    inside = layout.folders_in(root)
    parts = {} if set(names) <= set(inside) else layout.parts_among(root, inside)
    places = [root / name for name in parts.values()] or [root]
    found = {name: place / name for place in places for name in layout.folders_in(place) if name not in names}
    return sorted(name for name, place in found.items() if layout.has_pictures(place))


def begun_with(config: Mapping[str, Any]) -> Any:
    """The mark of the images that a run began with, by its configuration; None where that doesn't say."""
    versions = config.get("versions")
    return versions.get("data") if isinstance(versions, Mapping) else None


def sizes(splits: Splits) -> str:
    """How many images there are of each part, in words."""
    validation = splits.validation
    held = "none to validate with" if validation is None else f"{len(validation):,} to validate with (val_)"
    return f"{len(splits.train):,} images to train on, {held}, {len(splits.test):,} to test with at the end"


def class_weight(config: Mapping[str, Any], train: Dataset) -> Any:
    """What `fit` takes for the configuration's, whose table goes by the names of classes. Raises UsageError."""
    wanted = config.get("class_weight")
    if not isinstance(wanted, Mapping):
        return wanted
    unknown = [name for name in wanted if name not in train.class_names]
    if unknown:
        raise UsageError(
            f"class_weight: there is no class {unknown[0]!r}; {did_you_mean(unknown[0], train.class_names)}"
        )
    return {train.class_names.index(name): float(weight) for name, weight in wanted.items()}


def _check_classes(train: Dataset, name: str) -> None:
    if len(train.class_names) < 2:
        raise UsageError(f"{name}: expected at least two classes to train on, got {', '.join(train.class_names)} alone")
    absent = [train.class_names[k] for k in np.flatnonzero(train.class_counts() == 0)]
    if absent:
        shown = ", ".join(absent[:10]) + (", ..." if len(absent) > 10 else "")
        complain(f"warning: {name} has no training images of the classes {shown}")


def _held_out(train: Dataset, share: float, seed: int) -> tuple[Dataset, Dataset]:
    """`share` of the images, and at least one for each class."""
    counts = train.class_counts()
    rare = np.flatnonzero(counts == 1)
    if len(rare):
        raise UsageError(
            f"validation_split: the class {train.class_names[rare[0]]} has only one training image, and none to "
            "hold out; validation_split=0 trains on all images"
        )
    classes = int((counts > 0).sum())
    count = max(math.ceil(len(train) * share), classes)
    if len(train) - count < classes:
        raise UsageError(
            f"validation_split: {share:g} of {len(train)} images leaves {len(train) - count} to train on, fewer than "
            f"the {classes} classes"
        )
    return train.split(count, seed=seed)
