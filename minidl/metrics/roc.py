"""The area under the ROC curve: how often one of a class scores higher than one that isn't."""

from typing import Any, Literal

import numpy as np

from minidl import functional as F
from minidl import shapes
from minidl.errors import ShapeError
from minidl.errors.warned import warn
from minidl.functional.origin import is_from_sigmoid
from minidl.metrics.labels import check_labels, class_indices, is_binary, several, yes_or_no
from minidl.metrics.metric import Metric, checked_weights
from minidl.metrics.precision import check_average
from minidl.typing import Array, IntArray, Shape

AVERAGES = ("macro", "weighted")
AVERAGES_OF_LABELS = ("macro", "micro", "weighted")


class ROCAUC(Metric):
    """The probability that a sample of a class has a higher score than one of another; equal scores count half.

    Scores (n,) or (n, 1) with labels 0 and 1 give the area of class 1. Scores (n, classes) give that of each class
    against the rest: their mean ("macro"), that weighted by the samples ("weighted"), or an array (average None).
    Logits of several classes become probabilities first, since those of different rows don't compare;
    `from_logits=False` takes probabilities. None is True; for a model that ends in Softmax or Sigmoid, `fit` and
    `evaluate` take it as False.

    With `multilabel=True` scores are (n, labels), with multi-hot rows of 0 and 1 for labels, and each label has an area
    of its own; "micro" is that of all of them together. NaN where a class, or the rest, has no samples: "weighted"
    leaves out classes without samples. It keeps all scores, and `fit` asks for it once an epoch.
    """

    name = "roc_auc"
    better: Literal["larger", "smaller"] | None = "larger"
    each_batch = False

    def __init__(
        self,
        average: str | None = "macro",
        *,
        from_logits: bool | None = None,
        multilabel: bool = False,
        name: str | None = None,
    ) -> None:
        check_average(average, AVERAGES_OF_LABELS if multilabel else AVERAGES, multilabel=multilabel)
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
            raise ShapeError(f"ROCAUC: expected scores (n,), (n, 1) or (n, classes), got {shapes.show(shape)}")
        check_labels(shape, targets, or_yes_or_no=True, multilabel=self.multilabel)

    def update(self, scores: Array, labels: Any, sample_weight: Any = None) -> None:
        """Keep a batch: scores (n,), (n, 1) or (n, classes), and labels that fit; (n, labels) with `multilabel`."""
        scores = np.asarray(scores)
        if self.multilabel:
            values, indices = several(scores, labels)
        elif is_binary(scores):
            values, indices = yes_or_no(scores, labels)
        else:
            self.check_targets(scores.shape, labels)
            indices = class_indices(scores, labels)
            values = self._comparable(scores)
        weights = checked_weights(sample_weight, len(values))
        self._scores.append(values.copy())
        self._labels.append(indices.copy())
        self._weights.append(np.ones(len(values)) if weights is None else weights.copy())

    def _comparable(self, scores: Array) -> Array:
        from_logits = not self.of_probabilities if self.from_logits is None else self.from_logits
        if not from_logits or not len(scores):
            return scores
        if is_from_sigmoid(scores) or (scores.min() >= 0 and np.allclose(scores.sum(axis=1), 1, atol=1e-4)):
            warn("ROCAUC takes logits, and these scores look like probabilities: use ROCAUC(from_logits=False)")
        return F.softmax(scores if scores.dtype.kind == "f" else scores.astype(np.float64))[0]

    def result(self) -> Any:
        if not self._scores:
            return float("nan")
        scores, labels = np.concatenate(self._scores), np.concatenate(self._labels)
        weights = np.concatenate(self._weights)
        if scores.ndim == 1:
            return _area(scores, labels == 1, weights)
        if self.average == "micro":
            return _area(scores.reshape(-1), labels.reshape(-1) == 1, np.repeat(weights, scores.shape[1]))
        rows = labels == 1 if self.multilabel else labels[:, None] == np.arange(scores.shape[1])
        areas = np.array([_area(scores[:, k], rows[:, k], weights) for k in range(scores.shape[1])])
        if self.average is None:
            return areas
        if self.average == "macro":
            return float(areas.mean())
        counts = weights @ rows
        there = counts > 0
        return float(np.average(areas[there], weights=counts[there])) if there.any() else float("nan")


def _area(scores: Array, own: Any, weights: Array) -> float:
    """Mann and Whitney's count of the pairs that are in order, over that of all pairs; a pair weighs as both do."""
    if np.isnan(scores).any():
        return float("nan")
    _, place = np.unique(scores, return_inverse=True)
    ours, others = np.bincount(place, weights * own), np.bincount(place, weights * ~own)
    pairs = ours.sum() * others.sum()
    below = np.cumsum(others) - others
    return float(ours @ (below + others / 2) / pairs) if pairs else float("nan")
