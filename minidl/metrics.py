"""Metrics: what people want to know of a model, counted batch by batch."""

from typing import Any

import numpy as np

from minidl import shapes
from minidl.errors import KeywordHints, ShapeError
from minidl.typing import Array, IntArray


class Metric(KeywordHints):
    """A running count over batches: `reset()`, `update(scores, labels)` for each, then `result()`.

    metric(scores, labels) is the result for these alone. `name` is its key in a History and in `evaluate`'s dict.
    """

    name: str

    def reset(self) -> None:
        """Forget every batch."""
        raise NotImplementedError

    def update(self, scores: Array, labels: Any) -> None:
        """Count a batch: scores (n, classes), labels as class indices (n,) or one-hot rows (n, classes)."""
        raise NotImplementedError

    def result(self) -> Any:
        """The value over all batches since `reset`; NaN, or zeros, before the first."""
        raise NotImplementedError

    def __call__(self, scores: Array, labels: Any) -> Any:
        """The value for this batch alone; forgets the others."""
        self.reset()
        self.update(scores, labels)
        return self.result()


class _Share(Metric):
    """The share of samples that `_hits` marks; one whose scores have a NaN is never right."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._right, self._seen = 0, 0

    def update(self, scores: Array, labels: Any) -> None:
        indices = _class_indices(scores, labels)
        hits = self._hits(scores, indices) & ~np.isnan(scores).any(axis=1)
        self._right += int(np.count_nonzero(hits))
        self._seen += len(indices)

    def _hits(self, scores: Array, labels: IntArray) -> Any:
        raise NotImplementedError

    def result(self) -> float:
        return self._right / self._seen if self._seen else float("nan")


class Accuracy(_Share):
    """The share of samples whose largest score is that of the right class; the first of equal scores counts."""

    name = "accuracy"

    def _hits(self, scores: Array, labels: IntArray) -> Any:
        return scores.argmax(axis=1) == labels


class TopKAccuracy(_Share):
    """The share of samples whose right class is among the k largest scores; of equal scores the first count."""

    def __init__(self, k: int = 5) -> None:
        self.k = shapes.count(k, "k")
        self.name = f"top_{k}_accuracy"
        super().__init__()

    def _hits(self, scores: Array, labels: IntArray) -> Any:
        own = np.take_along_axis(scores, labels[:, None], axis=1)
        earlier = np.arange(scores.shape[1]) < labels[:, None]
        rank = ((scores > own) | ((scores == own) & earlier)).sum(axis=1)
        return rank < self.k


class ConfusionMatrix(Metric):
    """Counts (classes, classes): row by true class, column by the class of the largest score.

    The number of classes is that of the scores' columns.
    """

    name = "confusion_matrix"

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._counts: IntArray | None = None

    def update(self, scores: Array, labels: Any) -> None:
        indices, classes = _class_indices(scores, labels), scores.shape[1]
        pairs = indices * classes + scores.argmax(axis=1)
        counts = np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)
        self._counts = counts if self._counts is None else self._counts + counts

    def result(self) -> IntArray:
        return np.zeros((0, 0), np.int64) if self._counts is None else self._counts


def _class_indices(scores: Array, labels: Any) -> IntArray:
    shapes.expect("scores ", scores.shape, ("n", "classes"))
    labels = np.asarray(labels)
    if labels.shape == scores.shape:
        return np.asarray(labels.argmax(axis=1), np.intp)
    if labels.shape != scores.shape[:1]:
        expected = f"{shapes.show(scores.shape[:1])} class indices or {shapes.show(scores.shape)} one-hot rows"
        raise ShapeError(f"labels: expected {expected}, got {shapes.show(labels.shape)}")
    if not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"labels: expected class indices as integers, got {labels.dtype}")
    if len(labels) and not 0 <= labels.min() <= labels.max() < scores.shape[1]:
        raise ValueError(f"labels: expected class indices from 0 to {scores.shape[1] - 1}, got others")
    return np.asarray(labels, np.intp)  # ConfusionMatrix computes with them, which bytes would overflow
