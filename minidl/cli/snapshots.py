"""What a run keeps for `minidl explain --epochs`: how the network sees a few pictures as it learns."""

import shlex
from pathlib import Path

import numpy as np

from minidl.callbacks import Callback
from minidl.cli.messages import UsageError
from minidl.cli.run import Run, regular_file
from minidl.datasets import Dataset
from minidl.display.quantity import count
from minidl.explain import Snapshots
from minidl.explain.steps import check_explained
from minidl.model import SavedModel
from minidl.module import Module

PICTURES = 4
"""How many, each of another class."""

MOST = 10_000_000
"""The most numbers in a network: a page, which has all its weights, is of no use with more."""


def snapshots(run: Run, model: Module, data: Dataset) -> list[Callback]:
    """The callback that keeps them of the first pictures of a few classes; none for what no page explains."""
    if not isinstance(model, SavedModel) or sum(each.value.size for _, each in model.named_parameters()) > MOST:
        return []
    try:
        if len(check_explained(model)) != 1:
            return []
    except ValueError:
        return []
    classes = np.flatnonzero(data.class_counts())
    some = classes[np.arange(min(PICTURES, len(classes))) * len(classes) // min(PICTURES, len(classes))]
    places = [int(np.flatnonzero(data.labels == number)[0]) for number in some]
    few = data[places]
    return [Snapshots(run.snapshots, np.asarray(few.images), few.labels)]


def snapshots_of(path: str) -> Path:
    """The file of a run's snapshots. Raises UsageError, which says what to do, where there is none."""
    run = Run(Path(path))
    if not run.folder.is_dir():
        raise UsageError(f"argument --epochs: expected the folder of a run, as minidl train makes it, got {path}")
    if not run.snapshots.exists():
        again = f"minidl train --config {shlex.quote(str(run.config))} --out FOLDER"
        raise UsageError(
            f"argument --epochs: {path} has no {run.snapshots.name}: an older version trained it, or its network isn't "
            f"one that minidl explain explains, or has more than {count(MOST)} numbers; train it again: {again}"
        )
    return regular_file(run.snapshots)
