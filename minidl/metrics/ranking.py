"""What a metric by the order of scores keeps: all of them, with their labels, and how it's averaged over classes."""

from typing import Any, Literal

import numpy as np

from minidl import functional as F
from minidl import shapes
from minidl.errors import ShapeError
from minidl.errors.warned import warn
from minidl.functional.origin import is_from_sigmoid
from minidl.metrics.labels import answer_rows, check_labels, class_indices, is_binary, several_rows
from minidl.metrics.metric import Metric, checked_weights
from minidl.metrics.precision import check_average
from minidl.typing import Array, IntArray, Shape

AVERAGES_OF_LABELS = ("macro", "micro", "weighted")


class Ranking(Metric):
    """A number for each class, or label, by the order of its scores: `_of` gives it, `nothing` is that of no class."""

    better: Literal["larger", "smaller"] | None = "larger"
    each_batch = False
    averages: tuple[str, ...]
    nothing: float

    def __init__(
        self,
        average: str | None = "macro",
        *,
        from_logits: bool | None = None,
        multilabel: bool = False,
        name: str | None = None,
    ) -> None:
        check_average(average, AVERAGES_OF_LABELS if multilabel else self.averages, multilabel=multilabel)
        self.average, self.from_logits, self.multilabel = average, from_logits, multilabel
        if average is None:
            self.better = None
        self._take_name(name)
        self.reset()

    def reset(self) -> None:
        self.of_probabilities = False
        self._scores: list[Array] = []
        self._labels: list[IntArray] = []
        self._weights: list[Array] = []

    def check_targets(self, shape: Shape, targets: Any) -> None:
        if len(shape) > 2:
            name = type(self).__name__
            raise ShapeError(f"{name}: expected scores (n,), (n, 1) or (n, classes), got {shapes.show(shape)}")
        check_labels(shape, targets, or_yes_or_no=True, multilabel=self.multilabel)

    def update(self, scores: Array, labels: Any, sample_weight: Any = None) -> None:
        """Keep a batch: scores (n,), (n, 1) or (n, classes), and labels that fit; (n, labels) with `multilabel`."""
        scores = np.asarray(scores)
        self.check_targets(scores.shape, np.asarray(labels))
        shapes.expect("scores ", scores.shape[:1], ("n",))
        weights = checked_weights(sample_weight, len(scores))
        if self.multilabel:
            values, indices, _ = several_rows(scores, labels, None)
        elif is_binary(scores.shape):
            values, indices, _ = answer_rows(scores, labels, None)
        else:
            indices = class_indices(scores, labels)
            values = self._comparable(scores)
        self._scores.append(values.copy())
        self._labels.append(indices.copy())
        self._weights.append(np.ones(len(values)) if weights is None else weights.copy())

    def _comparable(self, scores: Array) -> Array:
        from_logits = not self.of_probabilities if self.from_logits is None else self.from_logits
        if not from_logits or not len(scores):
            return scores
        if is_from_sigmoid(scores) or (scores.min() >= 0 and np.allclose(scores.sum(axis=1), 1, atol=1e-4)):
            name = type(self).__name__
            warn(f"{name} takes logits, but these scores look like probabilities: use {name}(from_logits=False)")
        return F.softmax(scores if scores.dtype.kind == "f" else scores.astype(np.float64))[0]

    def result(self) -> Any:
        if not self._scores:
            return float("nan")
        scores, labels = np.concatenate(self._scores), np.concatenate(self._labels)
        weights = np.concatenate(self._weights)
        if scores.ndim == 1:
            return self._of(scores, labels == 1, weights)
        rows = labels == 1 if self.multilabel else labels[:, None] == np.arange(scores.shape[1])
        if self.average == "micro":
            return self._of(scores.reshape(-1), rows.reshape(-1), np.repeat(weights, scores.shape[1]))
        values = np.array([self._of(scores[:, k], rows[:, k], weights) for k in range(scores.shape[1])])
        if self.average is None:
            return values
        if self.average == "macro":
            return float(values.mean())
        counts = weights @ rows
        there = counts > 0
        return float(np.average(values[there], weights=counts[there])) if there.any() else self.nothing

    def _of(self, scores: Array, own: Any, weights: Array) -> float:
        """The number of one class, from scores (n,) and whether each sample is of it."""
        raise NotImplementedError


def by_score(scores: Array, own: Any, weights: Array) -> tuple[Array, Array]:
    """What each value among the scores, in ascending order, has of samples of the class, and of others, by weight."""
    _, place = np.unique(scores, return_inverse=True)
    ours, others = (np.asarray(np.bincount(place, weights * part), np.float64) for part in (own, ~own))
    return ours, others
