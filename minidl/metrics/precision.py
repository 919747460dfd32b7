"""Precision, recall and F1: how often a class is seen where it is, and is where it's seen."""

from typing import Any

import numpy as np

from minidl.errors import did_you_mean
from minidl.metrics.metric import Metric, class_indices, is_binary, yes_or_no
from minidl.typing import Array, IntArray

AVERAGES = ("macro", "micro", "weighted", "binary")


class _OfClasses(Metric):
    """A share for each class, from what was right, what was seen and what was there."""

    better = "larger"

    def __init__(self, average: str | None = "macro", *, threshold: float = 0.0) -> None:
        if average is not None and average not in AVERAGES:
            hint = did_you_mean(str(average), AVERAGES)
            raise ValueError(f"average: expected None or one of {', '.join(AVERAGES)}, got {average!r}; {hint}")
        self.average, self.threshold = average, threshold
        self.reset()

    def reset(self) -> None:
        self._counts: IntArray | None = None

    def update(self, scores: Array, labels: Any) -> None:
        if is_binary(scores):
            values, indices = yes_or_no(scores, labels)
            classes, seen = 2, np.asarray(values > self.threshold, np.intp)
            known: Any = ~np.isnan(values)
        else:
            indices, classes = class_indices(scores, labels), scores.shape[1]
            # A row with a NaN says nothing of its class, so that none is seen in it.
            seen, known = scores.argmax(axis=1), ~np.isnan(scores).any(axis=1)
        rows = [indices[known & (seen == indices)], seen[known], indices]
        counts = np.array([np.bincount(row, minlength=classes) for row in rows])
        self._counts = counts if self._counts is None else self._counts + counts

    def result(self) -> Any:
        if self._counts is None or not self._counts.any():
            return float("nan")
        if self.average == "micro":
            return float(self._share(*self._counts.sum(axis=1)[:, None])[0])
        shares = self._share(*self._counts)
        if self.average is None:
            return shares
        if self.average == "binary":
            if len(shares) != 2:
                raise ValueError(f'average: "binary" is for two classes, and the scores have {len(shares)}')
            return float(shares[1])
        there = self._counts[2]
        weights = there if self.average == "weighted" else self._counts[1:].any(axis=0)
        return float(np.average(shares, weights=weights))

    def _share(self, right: IntArray, seen: IntArray, there: IntArray) -> Array:
        raise NotImplementedError


class Precision(_OfClasses):
    """Of the samples seen as a class, the share that is of it; 0 for a class that is never seen.

    `average` "macro" is the mean over the classes that are there or seen, "weighted" that over the samples by their
    classes, "micro" counts all classes together, "binary" is class 1 of two, and None an array (classes,). Scores are
    (n, classes); or one for each sample, (n,) or (n, 1), with labels 0 and 1, where above `threshold` means 1: 0 suits
    logits, 0.5 probabilities.
    """

    name = "precision"

    def _share(self, right: IntArray, seen: IntArray, there: IntArray) -> Array:
        share: Array = right / np.maximum(seen, 1)
        return share


class Recall(_OfClasses):
    """Of the samples of a class, the share seen as it; 0 for a class without samples.

    `average` and `threshold` as of `Precision`.
    """

    name = "recall"

    def _share(self, right: IntArray, seen: IntArray, there: IntArray) -> Array:
        share: Array = right / np.maximum(there, 1)
        return share


class F1(_OfClasses):
    """The harmonic mean of precision and recall of each class. `average` and `threshold` as of `Precision`."""

    name = "f1"

    def _share(self, right: IntArray, seen: IntArray, there: IntArray) -> Array:
        share: Array = 2 * right / np.maximum(seen + there, 1)
        return share
