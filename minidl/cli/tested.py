"""The images that a trained model is tested with: those of its run, or others by `--data`, by the names of classes."""

import argparse
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from minidl.cli.choices import DATA, TRAINED_ON_TEST, class_names, load_parts, make_loss
from minidl.cli.configuration import DEFAULTS, checked, overridden
from minidl.cli.images import begun_with, mark
from minidl.cli.messages import UsageError, complain
from minidl.cli.one_image import check_one_image
from minidl.datasets import Dataset, layout
from minidl.datasets.path import divided
from minidl.losses.loss import Loss
from minidl.model import SavedModel

READING = ("size", "resize", "grey", "background", "lazy", "on_error", "channels_last", "max_pixels")
"""How a run's pictures are read, and so are others that it is tested with."""

SHOWN = 10
"""How many classes a message names."""


class Tested(NamedTuple):
    """Images to test with: their data set's name, which part of it they are, and the run's loss."""

    name: str
    split: str
    images: Dataset
    loss: Loss

    def text(self) -> str:
        """In a line."""
        part = "all of its" if self.split == "all" else f"{self.split} split,"
        return f"{self.name}, {part} {len(self.images):,} images"


def add_data_argument(parser: argparse.ArgumentParser) -> None:
    """Add `--data`."""
    parser.add_argument(
        "--data",
        metavar="DATA",
        help=f"{', '.join(DATA)}, a folder or an .npz file (default: what the run was trained on)",
    )


def tested(run: str, config: Mapping[str, Any], data: str | None, model: SavedModel) -> Tested:
    """The images to test a run's model with, by default the run's; labels count through the run's classes.

    Of other data, that is the part to test with, else to validate with, else all. Warns where the run has been trained
    on these images, or they lack a class. Raises UsageError where the run doesn't say what it was trained on, and for
    classes that it doesn't know.
    """
    check_one_image(run, model)
    trained_on = config.get("data")
    chosen = trained_on if data is None else data
    if chosen is None:
        raise UsageError(
            f"{run} doesn't say what it was trained on; add --data with a path, or one of {', '.join(DATA)}"
        )
    given = {"data": chosen, "loss": config.get("loss", "cross-entropy")}
    tables = overridden(DEFAULTS, checked(given, run if data is None else "the command line"))
    own = None if trained_on is None else checked({"data": trained_on}, run)["data"]
    names = () if own is None else class_names(own)
    if not names and model.preprocessing is not None:
        names = model.preprocessing.class_names
    table = tables["data"]
    is_own = own is not None and (data is None or _same(table, own))
    if is_own:
        table = own
    elif "path" in table:
        table = table | _read_as(model, own) | table
        if names:
            table |= _named(table["path"], names)
    name = str(next(iter(table.values())))
    if isinstance(trained_on, str) and (trained_on, name) in TRAINED_ON_TEST:
        complain(f"warning: the run was trained on {trained_on}, which includes the test images of {name}")
    split, images = _chosen(load_parts(table), table, own, is_own, begun_with(config))
    return Tested(name, split, _by_name(images, names, model, name, run), make_loss(tables["loss"]))


def _read_as(model: SavedModel, own: Mapping[str, Any] | None) -> dict[str, Any]:
    """How other pictures are read for a model: as its run's were, else as its file says."""
    look = model.preprocessing
    if own is None or "path" not in own:
        return {} if look is None else {key: each for key, each in look.as_dict().items() if key in READING}
    return {key: value for key, value in own.items() if key in READING}


def _same(table: Mapping[str, Any], own: Mapping[str, Any]) -> bool:
    if "path" in table and "path" in own:
        return bool(os.path.realpath(table["path"]) == os.path.realpath(own["path"]))
    return "name" in table and bool(table["name"] == own.get("name"))


def _named(path: str, names: tuple[str, ...]) -> dict[str, Any]:
    """The class names to read other data with. Raises UsageError where a folder has classes that aren't among `names`.

    Arrays have numbers of classes, and no names; a folder may lack some.
    """
    root = Path(path)
    if not root.is_dir():
        return {"class_names": list(names)}
    inside = layout.folders_in(root)
    if layout.parts_among(root, inside) and not set(inside) <= set(names):
        return {}
    _check_known([name for name in inside if layout.has_pictures(root / name)], names, path)
    return {"class_names": [name for name in names if name in inside] or list(names)}


def _chosen(
    parts: Mapping[str, Dataset], table: Mapping[str, Any], own: Mapping[str, Any] | None, is_own: bool, begun: Any
) -> tuple[str, Dataset]:
    """The part to test with, and what it's called; `begun` is the mark of the images that the run was trained with."""
    test_size = (own or {}).get("test_size", 0.2)
    if is_own or own is None:
        try:
            splits = divided(parts, test_size=test_size)
        except ValueError:  # too few to set any aside, of a model that hasn't been trained on them here
            if own is not None or len(parts) > 1:
                raise
            return "all", parts["train"]
        # A share that is set aside of other images is another share.
        if begun is not None and "test" not in parts and mark(splits, table) != begun:
            complain(
                f"warning: {table['path']} has changed since the run began, with {begun}: some of the "
                "test images may have been trained on"
            )
        return "test", splits.test
    for split in ("test", "validation"):
        if split in parts:
            return split, parts[split]
    try:
        splits = divided(parts, test_size=test_size)
    except ValueError:  # too few to set any aside
        return "all", parts["train"]
    # The run's own images, in another place.
    return ("test", splits.test) if mark(splits, table) == begun else ("all", parts["train"])


def _by_name(data: Dataset, names: tuple[str, ...], model: SavedModel, name: str, run: str) -> Dataset:
    """The data set with the run's classes. Raises UsageError for images of classes that the run doesn't know."""
    assert model.input_shape is not None  # load builds it
    scores = model.output_shape(model.input_shape)
    if not names:
        if len(scores) == 1 and scores[0] != len(data.class_names):
            raise UsageError(
                f"{name} has {len(data.class_names)} classes and the model {scores[0]}, and {run} doesn't name them"
            )
        return data
    if len(scores) == 1 and scores[0] != len(names):
        raise UsageError(f"{run} names {len(names)} classes, but its model has {scores[0]}")
    counts = data.class_counts()
    present = [own for own, count in zip(data.class_names, counts, strict=True) if count]
    _check_known(present, names, name)
    missing = [own for own in names if own not in present]
    if missing:
        complain(f"warning: {name} has no test images of the classes {_some(missing)}")
    if data.class_names == names:
        return data
    numbers = np.array([names.index(own) if own in names else -1 for own in data.class_names])
    return Dataset(data.images, numbers[data.labels], names, paths=data.paths, preprocessing=data.preprocessing)


def _check_known(present: Sequence[str], names: tuple[str, ...], name: str) -> None:
    unknown = [own for own in present if own not in names]
    if unknown:
        raise UsageError(f"{name}: the run doesn't know the classes {_some(unknown)}; its own are {_some(names)}")


def _some(names: Any) -> str:
    return ", ".join(list(names)[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
