"""How scores and labels are read: as one class of several, as yes or no, or as several labels for each sample."""

import math
from typing import Any

import numpy as np

from minidl import shapes
from minidl.data.labels import check_indices, class_of_rows, column_hint, pixel_rows
from minidl.errors import ShapeError
from minidl.errors.warned import warn
from minidl.functional.origin import is_from_sigmoid
from minidl.metrics.metric import Metric
from minidl.typing import Array, IntArray, Shape

SEVERAL = (
    "for several labels a sample, BinaryAccuracy, Precision, Recall, F1, ROCAUC and AveragePrecision take "
    "multilabel=True"
)


def class_indices(scores: Array, labels: Any, ignore_index: int | None = None) -> IntArray:
    """The labels as class indices (n,), or (n, h, w) for scores (n, classes, h, w); what is ignored stays as it is.

    Raises ShapeError and ValueError for what doesn't fit.
    """
    if scores.ndim < 3:
        shapes.expect("scores ", scores.shape, ("n", "classes"))
    labels = np.asarray(labels)
    n, classes, *size = scores.shape
    wanted = (n, *size)
    if classes < 2:
        raise ShapeError(
            f"expected scores of at least two classes, got {shapes.show(scores.shape)}; "
            "of yes and no, use BinaryAccuracy, and of numbers, metrics.MeanAbsoluteError"
        )
    if labels.shape == scores.shape:
        if ignore_index is not None:
            raise ValueError("ignore_index: it is for labels that are class indices, and these are rows")
        return class_of_rows(pixel_rows(labels), hint=f"; {SEVERAL}").reshape(wanted)
    if labels.shape != wanted:
        expected = f"{shapes.show(wanted)} class indices or {shapes.show(scores.shape)} one-hot rows"
        got = shapes.show(labels.shape) + column_hint((n,), labels.shape, "labels")
        raise ShapeError(f"labels: expected {expected}, got {got}")
    check_indices(labels, classes, ignore_index, "labels")
    return np.asarray(labels, np.intp)  # ConfusionMatrix computes with them, which bytes would overflow


def class_rows(
    scores: Array, labels: Any, weights: Array | None, ignore_index: int | None = None
) -> tuple[Array, IntArray, Array | None]:
    """Scores (rows, classes), class indices (rows,) and weights, where each pixel of an image is a row.

    Each pixel has the weight of its sample, and those that are ignored are left out. Raises the errors of
    `class_indices`.
    """
    indices = class_indices(scores, labels, ignore_index).reshape(-1)
    if scores.ndim > 2:
        weights = None if weights is None else np.repeat(weights, math.prod(scores.shape[2:]))
        scores = pixel_rows(scores)
    if ignore_index is None:
        return scores, indices, weights
    counted = indices != ignore_index
    return scores[counted], indices[counted], None if weights is None else weights[counted]


def is_binary(scores: Array) -> bool:
    """Whether there's one score for each sample, (n,) or (n, 1), which says yes or no."""
    return scores.ndim == 1 or (scores.ndim == 2 and scores.shape[1] == 1)


def yes_or_no(scores: Array, labels: Any) -> tuple[Array, IntArray]:
    """Scores (n,) and labels (n,) of 0 and 1. Raises ShapeError and ValueError for what doesn't fit."""
    labels = np.asarray(labels)
    if labels.shape not in (scores.shape, scores.shape[:1]):
        got = shapes.show(labels.shape) + column_hint(scores.shape, labels.shape, "labels")
        raise ShapeError(f"labels: expected {shapes.show(scores.shape)}, got {got}")
    return scores.reshape(-1), _zeros_and_ones(labels).reshape(-1)


def several(scores: Array, labels: Any) -> tuple[Array, IntArray]:
    """Scores (n, labels) and multi-hot rows of 0 and 1 of their shape. Raises ShapeError and ValueError for others."""
    shapes.expect("scores ", scores.shape, ("n", "labels"))
    labels = np.asarray(labels)
    if labels.shape != scores.shape:
        hint = "; for class indices leave out multilabel=True" if labels.ndim == 1 else ""
        expected = f"multi-hot rows {shapes.show(scores.shape)}"
        raise ShapeError(f"labels: expected {expected}, got {shapes.show(labels.shape)}{hint}")
    return scores, _zeros_and_ones(labels)


def _zeros_and_ones(labels: Any) -> IntArray:
    if not ((labels == 0) | (labels == 1)).all():
        raise ValueError("labels: expected 0 and 1, got others")
    return np.asarray(labels, np.intp)


def check_labels(
    shape: Shape,
    labels: Any,
    *,
    or_yes_or_no: bool = False,
    multilabel: bool = False,
    ignore_index: int | None = None,
) -> None:
    """Raise ShapeError or ValueError unless these are labels of classes for scores of this shape.

    Or 0 and 1 for one score a sample, or multi-hot rows.
    """
    scores = np.broadcast_to(np.float32(0), shape)  # of which the shape alone is looked at
    if multilabel:
        several(scores, labels)
    elif or_yes_or_no and is_binary(scores):
        yes_or_no(scores, labels)
    else:
        class_indices(scores, labels, ignore_index)


def above(metric: Metric, scores: Array, threshold: float | None) -> Any:
    """Which scores say yes: those above the threshold, which is 0 of logits and 0.5 of probabilities unless given."""
    if threshold is None:
        if not metric.of_probabilities and is_from_sigmoid(scores):
            name = type(metric).__name__
            warn(f"{name} takes logits, and these scores are what a Sigmoid gave: use {name}(threshold=0.5)")
        threshold = 0.5 if metric.of_probabilities else 0.0
    return scores > threshold


def check_threshold(threshold: Any) -> None:
    """Raise ValueError unless it's a number, or None."""
    if threshold is None:
        return
    if isinstance(threshold, str | bool) or not np.isscalar(threshold) or np.isnan(threshold):
        raise ValueError(f"threshold: expected a number, or None, got {threshold!r}")
