"""How a classifier does on images that it's tested with: the numbers of a report."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from minidl.arraylike import array_of, check_numbers
from minidl.errors import ShapeError
from minidl.inspection.samples import probabilities
from minidl.metrics import F1, Accuracy, ConfusionMatrix, Precision, Recall
from minidl.metrics.labels import class_indices
from minidl.module import Module
from minidl.shapes import show
from minidl.training.loop import predict
from minidl.typing import Array, IntArray


@dataclass(frozen=True, eq=False)
class Results:
    """The scores of images, and what metrics say of them."""

    images: Array
    labels: IntArray
    """(n,)."""
    chances: Array
    """(n, classes), the probability of each class."""
    names: list[str]
    """Of the classes."""
    accuracy: float
    counts: IntArray
    """(classes, classes): row by true class, column by predicted class."""
    precision: Array
    """(classes,), as are the next two."""
    recall: Array
    f1: Array
    paths: list[str] | None = None
    """The images' files, where they come from files."""

    @property
    def predicted(self) -> IntArray:
        """The class of the largest score, (n,)."""
        predicted: IntArray = self.chances.argmax(axis=1)
        return predicted

    @property
    def commonest(self) -> tuple[int, float]:
        """(class, its share) of the class that most images are of: who always says it is right as often as that."""
        totals = self.counts.sum(axis=1)
        return int(totals.argmax()), float(totals.max() / totals.sum())

    def example(self, true: int, predicted: int) -> int:
        """The image of a class that is seen as another and is so with the highest probability."""
        places = np.flatnonzero((self.labels == true) & (self.predicted == predicted))
        return int(places[self.chances[places, predicted].argmax()])

    def worst(self, count: int) -> list[int]:
        """The indices of up to `count` mistakes; first those whose right class has the lowest probability."""
        wrong = np.flatnonzero(self.predicted != self.labels)
        order = np.argsort(self.chances[wrong, self.labels[wrong]], kind="stable")
        return [int(i) for i in wrong[order][:count]]

    def mix_ups(self, count: int) -> list[tuple[int, int, int]]:
        """(true class, predicted class, how often) of up to `count` pairs, the most frequent first."""
        classes = len(self.counts)
        wrong = np.where(np.eye(classes, dtype=bool), 0, self.counts).ravel()
        order = np.argsort(-wrong, kind="stable")[:count]
        return [(int(i) // classes, int(i) % classes, int(wrong[i])) for i in order if wrong[i]]


def judge(model: Module, images: Any, labels: Any, class_names: Any, *, batch_size: int, paths: Any = None) -> Results:
    """The Results of a model on images (n, c, h, w) and their labels, (n,) or one-hot rows.

    Raises ShapeError and ValueError where they don't fit one another, or the model doesn't give scores (n, classes),
    and TypeError for one of several inputs.
    """
    images, labels = array_of(images, "images"), array_of(labels, "labels")
    check_numbers(labels, "labels")
    if images.ndim != 4 or not images.size:
        raise ShapeError(f"images: expected at least one (n, c, h, w), got {show(images.shape)}")
    if len(np.atleast_1d(labels)) != len(images):
        raise ShapeError(f"expected a label for each of {len(images)} images, got {len(np.atleast_1d(labels))}")
    if paths is not None and len(paths) != len(images):
        raise ShapeError(f"paths: expected one for each of {len(images)} images, got {len(paths)}")
    scores = predict(model, images, batch_size=batch_size)
    if scores.ndim != 2 or scores.shape[1] < 2:
        raise ShapeError(f"expected a model that gives scores (n, classes), got {show(scores.shape)}")
    classes = scores.shape[1]
    names = [str(k) for k in range(classes)] if class_names is None else [str(name) for name in class_names]
    if len(names) != classes:
        raise ShapeError(f"class_names: expected {classes}, one for each score, got {len(names)}")
    kinds: tuple[Any, ...] = (Precision(None), Recall(None), F1(None))
    precision, recall, f1 = (metric(scores, labels) for metric in kinds)
    return Results(
        images,
        class_indices(scores, labels),
        probabilities(scores),
        names,
        Accuracy()(scores, labels),
        ConfusionMatrix()(scores, labels),
        precision,
        recall,
        f1,
        None if paths is None else [str(path) for path in paths],
    )
