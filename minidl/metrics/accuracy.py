"""Accuracy: how often the largest score, or one of the largest, is that of the right class."""

from typing import Any

import numpy as np

from minidl import shapes
from minidl.errors import ShapeError
from minidl.metrics.metric import Metric, class_indices, is_binary, yes_or_no
from minidl.typing import Array, IntArray


class _Share(Metric):
    """The share of samples that `_hits` marks; one whose scores have a NaN is never right."""

    better = "larger"

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._right, self._seen = 0, 0

    def update(self, scores: Array, labels: Any) -> None:
        indices = class_indices(scores, labels)
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


class BinaryAccuracy(Metric):
    """The share of samples whose score, (n,) or (n, 1), is above `threshold` where the label is 1, else not.

    0 suits logits, 0.5 probabilities. A score that is NaN is never right.
    """

    name = "accuracy"
    better = "larger"

    def __init__(self, *, threshold: float = 0.0) -> None:
        self.threshold = threshold
        self.reset()

    def reset(self) -> None:
        self._right, self._seen = 0, 0

    def update(self, scores: Array, labels: Any) -> None:
        """Count a batch: scores (n,) or (n, 1), labels of 0 and 1."""
        if not is_binary(scores):
            raise ShapeError(f"expected scores (n,) or (n, 1), got {shapes.show(scores.shape)}; use Accuracy")
        values, indices = yes_or_no(scores, labels)
        right = ((values > self.threshold) == indices) & ~np.isnan(values)
        self._right += int(np.count_nonzero(right))
        self._seen += len(indices)

    def result(self) -> float:
        return self._right / self._seen if self._seen else float("nan")


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
    is_number = False

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._counts: IntArray | None = None

    def update(self, scores: Array, labels: Any) -> None:
        indices, classes = class_indices(scores, labels), scores.shape[1]
        pairs = indices * classes + scores.argmax(axis=1)
        counts = np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)
        self._counts = counts if self._counts is None else self._counts + counts

    def result(self) -> IntArray:
        return np.zeros((0, 0), np.int64) if self._counts is None else self._counts
