"""The area under the ROC curve: how often one of a class scores higher than one that isn't."""

import warnings
from typing import Any

import numpy as np

from minidl import functional as F
from minidl.errors import did_you_mean
from minidl.metrics.metric import Metric, class_indices, is_binary, yes_or_no
from minidl.typing import Array, IntArray

AVERAGES = ("macro", "weighted")


class ROCAUC(Metric):
    """The probability that a sample of a class has a higher score than one of another; equal scores count half.

    Scores (n,) or (n, 1) with labels 0 and 1 give the area of class 1. Scores (n, classes) give that of each class
    against the rest: their mean ("macro"), that weighted by the samples ("weighted"), or an array (average None).
    Logits of several classes become probabilities first, since those of different rows don't compare;
    `from_logits=False` takes probabilities. NaN where a class, or the rest, has no samples. It keeps all scores, and
    `fit` asks for it once an epoch.
    """

    name = "roc_auc"
    better = "larger"
    each_batch = False

    def __init__(self, average: str | None = "macro", *, from_logits: bool = True) -> None:
        if average is not None and average not in AVERAGES:
            hint = did_you_mean(str(average), AVERAGES)
            raise ValueError(f"average: expected None or one of {', '.join(AVERAGES)}, got {average!r}; {hint}")
        self.average, self.from_logits = average, from_logits
        self.reset()

    def reset(self) -> None:
        self._scores: list[Array] = []
        self._labels: list[IntArray] = []

    def update(self, scores: Array, labels: Any) -> None:
        if is_binary(scores):
            values, indices = yes_or_no(scores, labels)
        else:
            indices = class_indices(scores, labels)
            if self.from_logits and len(scores):
                if scores.min() >= 0 and np.allclose(scores.sum(axis=1), 1, atol=1e-4):
                    warnings.warn(
                        "ROCAUC takes logits, and these scores look like probabilities: use ROCAUC(from_logits=False)",
                        stacklevel=2,
                    )
                scores = F.softmax(scores)[0]
            values = scores
        self._scores.append(values.copy())
        self._labels.append(indices.copy())

    def result(self) -> Any:
        if not self._scores:
            return float("nan")
        scores, labels = np.concatenate(self._scores), np.concatenate(self._labels)
        if scores.ndim == 1:
            return _area(scores, labels == 1)
        areas = np.array([_area(scores[:, k], labels == k) for k in range(scores.shape[1])])
        if self.average is None:
            return areas
        weights = np.bincount(labels, minlength=len(areas)) if self.average == "weighted" else np.ones(len(areas))
        return float(np.average(areas, weights=weights)) if weights.any() else float("nan")


def _area(scores: Array, own: Any) -> float:
    """Mann and Whitney's count of the pairs that are in order, over that of all pairs."""
    count, rest = int(own.sum()), int(len(own) - own.sum())
    if not count or not rest or np.isnan(scores).any():
        return float("nan")
    _, place, ties = np.unique(scores, return_inverse=True, return_counts=True)
    last = np.cumsum(ties)
    ranks = (last - (ties - 1) / 2)[place]  # from 1; equal scores share the mean of theirs
    return float((ranks[own].sum() - count * (count + 1) / 2) / (count * rest))
