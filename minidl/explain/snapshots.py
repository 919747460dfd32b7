"""A callback that keeps what a page shows of a network as it learns: filters, maps and probabilities."""

import os
from typing import Any

import numpy as np

from minidl.arraylike import array_of
from minidl.callbacks import Callback, Logs
from minidl.callbacks.paths import check_alone, check_place, check_plain
from minidl.errors import DTypeError, FormatError, ShapeError
from minidl.explain.plan import EPOCHS, PICTURES, plan_of, thumbnails
from minidl.explain.record import Record, Snapshot, load_record
from minidl.explain.steps import network_steps
from minidl.explain.watch import Watch
from minidl.model import SavedModel
from minidl.shapes import show
from minidl.typing import Array, StrPath


class Snapshots(Callback):
    """Keep how the model sees a few pictures as it learns, in the file `filepath`, for `write_page(..., epochs=)`.

    `images` are 1 to 16 pictures (n, c, h, w) as the model is given them, best such as it isn't trained on; `labels`
    (n,) are their classes, if known. Kept are, before training and after epochs, the probabilities of the pictures, the
    filters of the first convolution, and maps of three layers, in 8 bits a number. A file has 300 kB at most: of long
    trainings it has the first epoch, the last, and others evenly apart, eleven in all at most, and of large networks
    fewer maps, and smaller ones. Each epoch replaces it whole. A training that goes on with an `initial_epoch` goes on
    with the file. The weights that are learned stay the same, to the last bit.

    Raises ShapeError and DTypeError for other images, and before any work ValueError and its kin for a model that a
    page can't explain, or that gives maps; FormatError for a file of another training to go on with.
    """

    def __init__(self, filepath: StrPath, images: Any, labels: Any = None) -> None:
        self.filepath = os.fsdecode(filepath)
        self.images: Array = array_of(images, "images")
        if self.images.ndim != 4 or not 1 <= len(self.images) <= PICTURES:
            got = show(self.images.shape)
            raise ShapeError(f"images: expected 1 to {PICTURES} pictures (n, c, h, w), got {got}")
        if self.images.dtype.kind != "f":
            raise DTypeError(f"images: expected floats, got {self.images.dtype}")
        self.labels = None if labels is None else array_of(labels, "labels")
        if self.labels is not None:
            if self.labels.shape != self.images.shape[:1] or self.labels.dtype.kind not in "iu":
                got = f"{show(self.labels.shape)} in {self.labels.dtype}"
                raise ShapeError(f"labels: expected a whole number for each of {len(self.images)} images, got {got}")
            if self.labels.min() < 0:
                raise ValueError(f"labels: expected them from 0, got {self.labels.min()}")

    def on_train_begin(self) -> None:
        check_alone(self, self.filepath)
        check_place("Snapshots", self.filepath)
        check_plain("Snapshots", self.filepath, self.logged.names)
        if not isinstance(self.model, SavedModel):
            raise TypeError(f"Snapshots: expected a Sequential or a Graph to train, got {type(self.model).__name__}")
        steps = network_steps(self.model)
        self._check_images(tuple(self.model.input_shape or ()), tuple(steps[-1]["shape"]))
        labels = None if self.labels is None else self.labels.tolist()
        plan = plan_of(steps, self.images, labels)
        self._watch = Watch(self.model, steps, plan)
        self._record = Record(plan, thumbnails(self.images))
        first, self._batches = self.params["initial_epoch"], self.params["initial_batch"]
        if (first or self._batches) and os.path.exists(self.filepath):
            self._record = load_record(self.filepath)
            if self._record.plan != plan:
                raise FormatError(
                    f"Snapshots: {self.filepath} is of another network or of other pictures; give another file, or "
                    "remove it to go on without the epochs before"
                )
            self._record.snapshots = [each for each in self._record.snapshots if each.epoch <= first]

    def on_epoch_begin(self, epoch: int) -> None:
        if not self._record.snapshots and not self._batches:
            self._keep(epoch, {})
        self._batches = 0

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        self._keep(epoch + 1, {name: float(value) for name, value in logs.items() if np.ndim(value) == 0})

    def _check_images(self, shape: tuple[int, ...], scores: tuple[int, ...]) -> None:
        if len(scores) != 1:
            raise ShapeError(f"Snapshots: expected a model that gives scores (classes,), got {show(scores)}")
        if self.images.shape[1:] != shape:
            raise ShapeError(f"images: expected {show(('n', *shape))}, got {show(self.images.shape)}")
        if self.labels is not None and self.labels.max() >= scores[0]:
            raise ValueError(f"labels: expected 0 to {scores[0] - 1}, got {self.labels.max()}")

    def _keep(self, epoch: int, logs: dict[str, float]) -> None:
        before = [each for each in self._record.snapshots if each.epoch < epoch]
        self._record.snapshots = thinned([*before, Snapshot(epoch, logs, self._watch.look(self.images))])
        self._record.save(self.filepath)


def thinned(snapshots: list[Snapshot]) -> list[Snapshot]:
    """The first, the last, and those whose epochs are multiples of a power of two, the least by which they are few."""
    first, last, apart = snapshots[0].epoch, snapshots[-1].epoch, 1
    while (last - 1) // apart - first // apart + 2 > EPOCHS:  # those between, and both ends
        apart *= 2
    return [each for each in snapshots if each.epoch % apart == 0 or each.epoch in (first, last)]
