"""What a training does, as events that TensorBoard shows: curves, histograms, the graph, and mistakes."""

import os
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from minidl import shapes
from minidl.callbacks.callback import Callback, Logs
from minidl.callbacks.paths import check_makeable
from minidl.callbacks.tensorboard_graph import graph_of
from minidl.errors import ShapeError
from minidl.process.importing import imported
from minidl.typing import Array, StrPath

PLACES = ("train", "validation", "batches")
"""The folders of the events, which TensorBoard takes for runs of their own."""


class TensorBoard(Callback):
    """Write what `fit` logs to a folder that TensorBoard reads: `tensorboard --logdir FOLDER`.

    Its subfolders `train` and `validation` have the loss and each metric under the same name, so that their curves
    share a chart, by epoch, counted from 0; `train` also has "learning_rate". If `update_freq` is a number, the
    subfolder `batches` has the epoch's means so far after every so many batches, as "batch_loss" and so on, by batch,
    counted through all epochs. Every `histogram_freq` epochs (0: never) it writes histograms of the weights and, with
    `gradients`, of the last batch's gradients. `graph` draws the network, once, if the model knows its `input_shape`.

    With `mistakes`, a Dataset or images (n, c, h, w) of one or three channels and labels (n,), each epoch shows the
    `count` images that the model got wrong with the highest confidence, and a table of its predictions.

    A training that resumes with `initial_epoch` continues the curves. Later epochs that were written before an
    interruption are no longer shown, nor is anything that another training wrote to the same folder.

    Raises ImportError without tensorboardX, `pip install "minidl[tensorboard]"`, and ValueError and OSError, before
    any work, for images that can't be shown and a folder that can't be written to.
    """

    def __init__(
        self,
        folder: StrPath,
        *,
        update_freq: str | int = "epoch",
        histogram_freq: int = 0,
        gradients: bool = False,
        graph: bool = True,
        mistakes: Any = None,
        count: int = 12,
    ) -> None:
        self.folder = os.fsdecode(folder)
        if update_freq != "epoch" and (not shapes.is_int(update_freq) or int(update_freq) < 1):
            raise ValueError(f'update_freq: expected "epoch" or a number of batches, got {update_freq!r}')
        self.update_freq = update_freq
        self.histogram_freq = shapes.count(histogram_freq, "histogram_freq", minimum=0)
        self.gradients = gradients
        self.graph = graph
        self.mistakes = mistakes
        self.count = shapes.count(count, "count")
        self.hears_batches = update_freq != "epoch"
        self._writers: dict[str, Any] = {}
        self._first: dict[str, int] = {}
        self._batches = 0
        _tensorboard_x()

    def on_train_begin(self) -> None:
        who = type(self).__name__
        for other in self.callbacks:
            if other is not self and isinstance(other, TensorBoard) and _same(other.folder, self.folder):
                raise ValueError(f"{who}: another one also writes to {self.folder}")
        for place in PLACES:
            check_makeable(who, os.path.join(self.folder, place, "events"))
        if self.mistakes is not None:
            _check_images(*_images_of(self.mistakes))
            _check_scores(self.model)
        self._writers = {}
        steps = self.params["steps"]
        first = self.params["initial_epoch"]
        self._batches = first * (steps or 0)
        self._first = {"train": first, "validation": first, "batches": self._batches + 1}
        if self.graph and (found := graph_of(self.model)) is not None:
            self._writer("train").file_writer.add_onnx_graph(found)

    def on_train_batch_end(self, batch: int, logs: Logs) -> None:
        self._batches += 1
        if self._batches % int(self.update_freq) == 0:
            for name, value in _numbers(logs).items():
                self._writer("batches").add_scalar(f"batch_{name}", value, self._batches)

    def on_train_epoch_end(self, epoch: int) -> None:
        if not self.histogram_freq or (epoch + 1) % self.histogram_freq:
            return
        for name, parameter in self.model.named_parameters():
            self._histogram(f"weights/{name}", parameter.value, epoch)
            if self.gradients and parameter.trainable:
                self._histogram(f"gradients/{name}", parameter.grad, epoch)

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        numbers = _numbers(logs)
        rate = numbers.pop("lr", self.optimizer.lr)
        for name, value in numbers.items():
            validates = name.startswith("val_")
            self._writer("validation" if validates else "train").add_scalar(name.removeprefix("val_"), value, epoch)
        self._writer("train").add_scalar("learning_rate", rate, epoch)
        if self.mistakes is not None:
            self._show_mistakes(epoch)
        for writer in self._writers.values():
            writer.flush()

    def on_train_end(self) -> None:
        for writer in self._writers.values():
            writer.close()
        self._writers = {}

    def _writer(self, place: str) -> Any:
        """The writer of one of the folders, made when it's first needed."""
        if place not in self._writers:
            self._writers[place] = _tensorboard_x().SummaryWriter(
                os.path.join(self.folder, place),
                purge_step=self._first[place],
                filename_suffix=f".{time.time_ns()}",  # else a second one within a second would replace it
                flush_secs=10,
            )
        return self._writers[place]

    def _histogram(self, tag: str, values: Array, epoch: int) -> None:
        finite = values[np.isfinite(values)]
        if finite.size:
            self._writer("train").add_histogram(tag, finite, epoch)

    def _show_mistakes(self, epoch: int) -> None:
        images, labels, names = _images_of(self.mistakes)
        scores = imported("minidl.training.loop").predict(self.model, images, verbose=0)
        probabilities = imported("minidl.classify").probabilities_of(self.model, scores)
        taken = probabilities.argmax(axis=1)
        wrong = np.flatnonzero(taken != labels)
        wrong = wrong[np.argsort(-probabilities[wrong, taken[wrong]], kind="stable")][: self.count]
        writer = self._writer("validation")
        lines = [
            f"{len(wrong)} of {int((taken != labels).sum())} mistakes",
            "",
            "| | taken for | is |",
            "|---|---|---|",
        ]
        for place, i in enumerate(wrong):
            writer.add_image(f"mistakes/{place}", _pixels(np.asarray(images[i : i + 1])[0]), epoch)
            sure = probabilities[i, taken[i]]
            lines.append(f"| {place} | {_name(names, taken[i])} ({sure:.2f}) | {_name(names, labels[i])} |")
        writer.add_text("mistakes", "\n".join(lines), epoch)


def _tensorboard_x() -> Any:
    try:
        return imported("tensorboardX")
    except ImportError as error:
        raise ImportError(
            f'TensorBoard files need tensorboardX ({error}): pip install "minidl[tensorboard]"'
        ) from error


def _same(one: str, other: str) -> bool:
    return os.path.abspath(one) == os.path.abspath(other)


def _numbers(logs: Logs) -> dict[str, float]:
    return {name: float(value) for name, value in logs.items() if np.ndim(value) == 0}


def _images_of(data: Any) -> tuple[Any, Array, Sequence[str]]:
    """Images, labels and what the classes are called. Raises ValueError for anything else."""
    if hasattr(data, "images") and hasattr(data, "labels"):
        return data.images, np.asarray(data.labels), data.class_names
    if not isinstance(data, tuple | list) or len(data) != 2:
        raise ValueError(f"mistakes: expected a Dataset, or images and labels, got {type(data).__name__}")
    return data[0], np.asarray(data[1]), ()


def _check_scores(model: Any) -> None:
    """Raise ShapeError for a model that knows its `input_shape` and gives other things than scores (n, classes)."""
    if getattr(model, "input_shape", None) is not None:
        scores = model.output_shape(model.input_shape)
        if len(scores) != 1 or not isinstance(scores[0], int) or scores[0] < 2:
            raise ShapeError(f"mistakes: expected a model that gives scores (n, classes), got samples {scores}")


def _check_images(images: Any, labels: Array, names: Sequence[str]) -> None:
    """Raise ShapeError unless these are images that can be shown, and labels."""
    shape = np.shape(images) if not hasattr(images, "shape") else tuple(images.shape)
    if len(shape) != 4 or shape[1] not in (1, 3) or labels.shape != shape[:1] or labels.dtype.kind not in "iu":
        raise ShapeError(
            f"mistakes: expected images (n, 1 or 3, h, w) and labels (n,) in integers, got {shapes.show(shape)} and "
            f"{shapes.show(labels.shape)} in {labels.dtype}"
        )


def _pixels(image: Array) -> Array:
    """An image (c, h, w) as bytes; numbers beyond 0 to 1 are stretched to it."""
    if image.dtype == np.uint8:
        return image
    image = np.nan_to_num(image.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = image.min(), image.max()
    if low < 0 or high > 1:
        image = (image - low) / max(high - low, 1e-12)
    pixels: Array = np.rint(255 * image).astype(np.uint8)
    return pixels


def _name(names: Sequence[str], number: Any) -> str:
    return names[number].replace("|", "\\|") if int(number) < len(names) else str(number)
