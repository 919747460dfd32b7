"""Precision, recall and F1: how often a class is seen where it is, and is where it's seen."""

from typing import Any, Literal

import numpy as np

from minidl import shapes
from minidl.data.labels import check_ignore_index
from minidl.errors import did_you_mean
from minidl.metrics.labels import above, answer_rows, check_labels, check_threshold, class_rows, is_binary, several_rows
from minidl.metrics.metric import Metric, checked_weights
from minidl.typing import Array, Shape

AVERAGES = ("macro", "micro", "weighted", "binary")
AVERAGES_OF_LABELS = ("macro", "micro", "weighted", "samples")


class ClassShare(Metric):
    """A share for each class, from what was right, what was seen and what was there."""

    better: Literal["larger", "smaller"] | None = "larger"

    def __init__(
        self,
        average: str | None = "macro",
        *,
        threshold: float | None = None,
        multilabel: bool = False,
        ignore_index: int | None = None,
        name: str | None = None,
    ) -> None:
        check_average(average, AVERAGES_OF_LABELS if multilabel else AVERAGES, multilabel=multilabel)
        check_threshold(threshold)
        check_ignore_index(ignore_index)
        if multilabel and ignore_index is not None:
            raise ValueError("ignore_index: only for labels that are class indices, and multilabel=True is for rows")
        self.average, self.threshold, self.multilabel = average, threshold, multilabel
        self.ignore_index = ignore_index
        if average is None:
            self.better = None
        self._take_name(name)
        self.reset()

    def reset(self) -> None:
        self.of_probabilities = False
        self._counts: Any = None
        self._met: Any = None
        self._of_samples, self._seen = 0.0, 0.0

    def check_targets(self, shape: Shape, targets: Any) -> None:
        check_labels(shape, targets, or_yes_or_no=True, multilabel=self.multilabel, ignore_index=self.ignore_index)

    def update(self, scores: Array, labels: Any, sample_weight: Any = None) -> None:
        """Count a batch: scores (n,), (n, 1) or (n, classes), and labels that fit; (n, labels) with `multilabel`."""
        scores = np.asarray(scores)
        shapes.expect("scores ", scores.shape[:1], ("n",))
        weights = checked_weights(sample_weight, len(scores))
        if self.multilabel:
            counts = self._of_several(scores, labels, weights)
            self._met = np.ones(scores.shape[1], bool)
        else:
            counts, met = self._of_one(scores, labels, weights)
            self._met = met if self._met is None else self._met | met
            self._seen += float(counts[2].sum())
        self._counts = counts if self._counts is None else self._counts + counts

    def _of_one(self, scores: Array, labels: Any, weights: Array | None) -> tuple[Array, Any]:
        """What was right, seen and there, (3, classes), of one class a sample; and which classes were met at all."""
        if is_binary(scores.shape):
            values, indices, weights = answer_rows(scores, labels, weights, self.ignore_index)
            classes, seen = 2, np.asarray(above(self, values, self.threshold), np.intp)
            known: Any = ~np.isnan(values)
        else:
            scores, indices, weights = class_rows(scores, labels, weights, self.ignore_index)
            classes = scores.shape[1]
            # A row with a NaN says nothing of its class, so that none is seen in it.
            seen, known = scores.argmax(axis=1), ~np.isnan(scores).any(axis=1)
        right = known & (seen == indices)
        rows = [(indices[right], right), (seen[known], known), (indices, slice(None))]
        counts = [np.bincount(row, None if weights is None else weights[part], minlength=classes) for row, part in rows]
        met = counts[1:] if weights is None else [np.bincount(row, minlength=classes) for row, _ in rows[1:]]
        return np.array(counts, np.float64), np.any(met, axis=0)

    def _of_several(self, scores: Array, labels: Any, weights: Array | None) -> Array:
        """The same of several labels per sample, and each sample's own share if that is asked for."""
        values, there, weights = several_rows(scores, labels, weights)
        seen = np.asarray(above(self, values, self.threshold), np.intp)
        kinds = (seen & there, seen, there)
        weights = np.ones(len(values)) if weights is None else weights
        self._seen += float(weights.sum())
        if self.average == "samples":
            self._of_samples += float(self._share(*(kind.sum(axis=1) for kind in kinds)) @ weights)
        return np.array([weights @ kind for kind in kinds])

    @property
    def support(self) -> Array:
        """How many samples there are of each class, or label, by weight: (classes,)."""
        counts: Array = self._counts[2]
        return counts

    def result(self) -> Any:
        if not self._seen:
            return float("nan")
        if self.average == "samples":
            return self._of_samples / self._seen
        if self.average == "micro":
            return float(self._share(*self._counts.sum(axis=1)[:, None])[0])
        shares = self._share(*self._counts)
        if self.average is None:
            return shares
        if self.average == "binary":
            if len(shares) != 2:
                raise ValueError(f'average: "binary" is for two classes, and the scores have {len(shares)}')
            return float(shares[1])
        weights = self._counts[2] if self.average == "weighted" else self._met
        return float(np.average(shares, weights=weights)) if weights.any() else 0.0

    def _share(self, right: Array, seen: Array, there: Array) -> Array:
        raise NotImplementedError


class Precision(ClassShare):
    """Of the samples seen as a class, the share that is of it; 0 for a class that is never seen.

    `average` "macro" is the mean over the classes that are there or seen, "weighted" that over the samples by their
    classes, "micro" counts all classes together, "binary" is class 1 of two, and None an array (classes,). Scores are
    (n, classes), or (n, classes, h, w) with labels (n, h, w), of which each pixel counts; or one for each sample, (n,)
    or (n, 1), or for each pixel, (n, 1, h, w), with labels 0 and 1, where above `threshold` means 1. What has the class
    index `ignore_index` isn't counted.

    With `multilabel=True` scores are (n, labels), with multi-hot rows of 0 and 1 for labels: each label is a question
    of its own, answered by `threshold`. "macro" is then the mean over all labels, and "samples" over the samples.

    `threshold` is of what the model gives. None is 0, which suits logits; for a model that ends in Sigmoid, `fit` and
    `evaluate` take it as 0.5. Values are scikit-learn's with zero_division=0.
    """

    name = "precision"

    def _share(self, right: Array, seen: Array, there: Array) -> Array:
        return divided(right, seen)


class Recall(ClassShare):
    """Of the samples of a class, the share seen as it; 0 for a class without samples.

    `average`, `threshold`, `multilabel` and `ignore_index` as of `Precision`.
    """

    name = "recall"

    def _share(self, right: Array, seen: Array, there: Array) -> Array:
        return divided(right, there)


class F1(ClassShare):
    """The harmonic mean of precision and recall of each class; 0 for one that is neither there nor seen.

    `average`, `threshold`, `multilabel` and `ignore_index` as of `Precision`.
    """

    name = "f1"

    def _share(self, right: Array, seen: Array, there: Array) -> Array:
        return divided(2 * right, seen + there)


def divided(part: Array, whole: Array) -> Array:
    """part / whole, and 0 where the whole is."""
    share: Array = np.divide(part, whole, out=np.zeros(np.shape(whole)), where=whole > 0)
    return share


def check_average(average: Any, known: tuple[str, ...], *, multilabel: bool) -> None:
    """Raise ValueError for an average that isn't known."""
    if average is None or average in known:
        return
    hint = did_you_mean(str(average), known)
    if not multilabel and average == "samples":
        hint = "it is for multilabel=True"
    given = " with multilabel=True" if multilabel else ""
    raise ValueError(f"average: expected None or one of {', '.join(known)}{given}, got {average!r}; {hint}")
