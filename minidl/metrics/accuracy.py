"""Accuracy: how often the largest score, or one of the largest, is that of the right class; and which are mixed up."""

from typing import Any

import numpy as np

from minidl import shapes
from minidl.data.labels import check_ignore_index
from minidl.errors import ShapeError
from minidl.metrics.labels import (
    above,
    answer_rows,
    check_labels,
    check_threshold,
    class_indices,
    class_rows,
    is_binary,
    several_rows,
)
from minidl.metrics.metric import Metric, Share, checked_weights
from minidl.typing import Array, IntArray, Shape


class _OfClasses(Share):
    """The share of samples that `_hits` marks; one whose scores have a NaN is never right."""

    def __init__(self, *, ignore_index: int | None = None, name: str | None = None) -> None:
        check_ignore_index(ignore_index)
        self.ignore_index = ignore_index
        self._take_name(name)
        self.reset()

    def check_targets(self, shape: Shape, targets: Any) -> None:
        check_labels(shape, targets, ignore_index=self.ignore_index)

    def update(self, scores: Array, labels: Any, sample_weight: Any = None) -> None:
        scores = np.asarray(scores)
        indices = class_indices(scores, labels, self.ignore_index)
        weights = checked_weights(sample_weight, len(indices))
        if self.ignore_index is not None:  # pixel by pixel, since some of an image may count
            scores, indices, weights = class_rows(scores, indices, weights, self.ignore_index)
        self.add(self._hits(scores, indices) & ~np.isnan(scores).any(axis=1), weights)

    def _hits(self, scores: Array, labels: IntArray) -> Any:
        raise NotImplementedError


class Accuracy(_OfClasses):
    """The share of samples whose highest score is that of the right class; of equal scores, the first counts.

    Labels are class indices (n,) or rows (n, classes): one-hot, or probabilities, the highest of which is the right
    class. For scores (n, classes, h, w) with labels (n, h, w), it's the share of pixels. Labels equal to `ignore_index`
    aren't counted.
    """

    name = "accuracy"

    def _hits(self, scores: Array, labels: IntArray) -> Any:
        return scores.argmax(axis=1) == labels


class BinaryAccuracy(Share):
    """The share of scores, (n,) or (n, 1), that are above `threshold` where the label is 1, else not.

    Of scores (n, 1, h, w) it's the share of pixels, with labels (n, h, w) or of the scores' shape. With
    `multilabel=True` scores and labels are (n, labels), and each of their elements counts, as in Keras. A score that is
    NaN is never right. `threshold` is of what the model gives. None is 0, which suits logits; for a model that
    ends in Sigmoid, `fit` and `evaluate` take it as 0.5.
    """

    name = "accuracy"

    def __init__(self, *, threshold: float | None = None, multilabel: bool = False, name: str | None = None) -> None:
        check_threshold(threshold)
        self.threshold, self.multilabel = threshold, multilabel
        self._take_name(name)
        self.reset()

    def check_targets(self, shape: Shape, targets: Any) -> None:
        if self.multilabel or is_binary(shape):  # else `update` says what fits
            check_labels(shape, targets, or_yes_or_no=True, multilabel=self.multilabel)

    def update(self, scores: Array, labels: Any, sample_weight: Any = None) -> None:
        """Count a batch: scores (n,), (n, 1) or (n, 1, h, w), or (n, labels) with `multilabel`; labels of 0 and 1."""
        scores = np.asarray(scores)
        shapes.expect("scores ", scores.shape[:1], ("n",))
        weights = checked_weights(sample_weight, len(scores))
        if self.multilabel:
            values, answers, weights = several_rows(scores, labels, weights)
        elif is_binary(scores.shape):
            values, answers, weights = answer_rows(scores, labels, weights)
        else:
            raise ShapeError(
                f"expected scores (n,), (n, 1) or (n, 1, h, w), got {shapes.show(scores.shape)}; for exclusive "
                "classes, use Accuracy; for several labels per sample, BinaryAccuracy(multilabel=True)"
            )
        self.add((above(self, values, self.threshold) == answers) & ~np.isnan(values), weights)


class TopKAccuracy(_OfClasses):
    """The share of samples whose right class is among the k largest scores; of equal scores the first count.

    Labels, pixels and `ignore_index` are as for `Accuracy`.
    """

    def __init__(self, k: int = 5, *, ignore_index: int | None = None, name: str | None = None) -> None:
        self.k = shapes.count(k, "k")
        self.name = self._usual_name()
        super().__init__(ignore_index=ignore_index, name=name)

    def _usual_name(self) -> str:
        return f"top_{self.k}_accuracy"

    def _hits(self, scores: Array, labels: IntArray) -> Any:
        own = np.take_along_axis(scores, labels[:, None], axis=1)
        classes = np.arange(scores.shape[1]).reshape(-1, *[1] * (scores.ndim - 2))
        earlier = classes < labels[:, None]
        rank = ((scores > own) | ((scores == own) & earlier)).sum(axis=1)
        return rank < self.k


class ConfusionMatrix(Metric):
    """Counts (classes, classes): row by true class, column by the class of the largest score.

    The number of classes is that of the scores' columns. With `sample_weight` they are sums of weights. Each
    sample is counted, or each pixel of scores (n, classes, h, w), but for those whose class index is `ignore_index`: a
    NaN, if there is one, is its largest score.
    """

    name = "confusion_matrix"
    is_number = False

    def __init__(self, *, ignore_index: int | None = None, name: str | None = None) -> None:
        check_ignore_index(ignore_index)
        self.ignore_index = ignore_index
        self._take_name(name)
        self.reset()

    def reset(self) -> None:
        self._counts: Any = None

    def check_targets(self, shape: Shape, targets: Any) -> None:
        check_labels(shape, targets, ignore_index=self.ignore_index)

    def update(self, scores: Array, labels: Any, sample_weight: Any = None) -> None:
        scores = np.asarray(scores)
        shapes.expect("scores ", scores.shape[:1], ("n",))
        weights = checked_weights(sample_weight, len(scores))
        scores, indices, weights = class_rows(scores, labels, weights, self.ignore_index)
        classes = scores.shape[1]
        pairs = indices * classes + scores.argmax(axis=1)
        counts = np.bincount(pairs, weights, minlength=classes * classes).reshape(classes, classes)
        self._counts = counts if self._counts is None else self._counts + counts

    def result(self) -> Any:
        return np.zeros((0, 0), np.int64) if self._counts is None else self._counts
