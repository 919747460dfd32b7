"""How scores and labels are read: as one class of several, as yes or no, or as several labels for each sample."""

import math
from typing import Any

import numpy as np

from minidl import shapes
from minidl.data.labels import check_indices, class_of_rows, column_hint, pixel_rows
from minidl.errors import ShapeError
from minidl.errors.warned import warn
from minidl.functional.origin import is_from_sigmoid, marked_like
from minidl.metrics.metric import Metric
from minidl.typing import Array, IntArray, Shape

SEVERAL = (
    "for several labels per sample, BinaryAccuracy, Precision, Recall, F1, ROCAUC and AveragePrecision take "
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
            "for yes or no, use BinaryAccuracy; for numbers, metrics.MeanAbsoluteError"
        )
    if labels.shape == scores.shape:
        if ignore_index is not None:
            raise ValueError("ignore_index: only for labels that are class indices, and these are rows")
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
    rows = scores if scores.ndim == 2 else pixel_rows(scores)
    return _counted(rows, indices, _of_pixels(weights, scores), ignore_index)


def is_binary(shape: Shape) -> bool:
    """Whether one score says yes or no of each sample, (n,) or (n, 1), or of each pixel, (n, 1, h, w)."""
    return len(shape) == 1 or (len(shape) > 1 and shape[1] == 1)


def answer_rows(
    scores: Array, labels: Any, weights: Array | None, ignore_index: int | None = None
) -> tuple[Array, IntArray, Array | None]:
    """Scores (rows,), labels (rows,) of 0 and 1 and weights, of samples or pixels, less those that are ignored.

    Raises ShapeError and ValueError for what doesn't fit.
    """
    labels = np.asarray(labels)
    if labels.shape not in (scores.shape, scores.shape[:1] + scores.shape[2:]):
        got = shapes.show(labels.shape) + column_hint(scores.shape, labels.shape, "labels")
        raise ShapeError(f"labels: expected {shapes.show(scores.shape)}, got {got}")
    values = scores.reshape(-1)
    values, answers, weights = _counted(values, labels.reshape(-1), _of_pixels(weights, scores), ignore_index)
    return marked_like(values, scores), _zeros_and_ones(answers), weights


def several_rows(scores: Array, labels: Any, weights: Array | None) -> tuple[Array, IntArray, Array | None]:
    """Scores (rows, labels), multi-hot rows of 0 and 1 and weights, of samples or pixels (n, labels, h, w).

    Raises ShapeError and ValueError for what doesn't fit.
    """
    if scores.ndim < 3:
        shapes.expect("scores ", scores.shape, ("n", "labels"))
    labels = np.asarray(labels)
    if labels.shape != scores.shape:
        hint = "; for class indices leave out multilabel=True" if labels.ndim == scores.ndim - 1 else ""
        expected = f"multi-hot rows {shapes.show(scores.shape)}"
        raise ShapeError(f"labels: expected {expected}, got {shapes.show(labels.shape)}{hint}")
    answers = _zeros_and_ones(labels)
    if scores.ndim == 2:
        return scores, answers, weights
    rows = pixel_rows(scores)
    return marked_like(rows, scores), pixel_rows(answers), _of_pixels(weights, scores)


def _of_pixels(weights: Array | None, scores: Array) -> Array | None:
    """The weight of its sample for each pixel of scores (n, classes, h, w)."""
    return weights if weights is None or scores.ndim < 3 else np.repeat(weights, math.prod(scores.shape[2:]))


def _counted(
    rows: Array, labels: IntArray, weights: Array | None, ignore_index: int | None
) -> tuple[Array, IntArray, Array | None]:
    """The rows, labels and weights without those that are ignored."""
    if ignore_index is None:
        return rows, labels, weights
    counted = labels != ignore_index
    return rows[counted], labels[counted], None if weights is None else weights[counted]


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
        several_rows(scores, labels, None)
    elif or_yes_or_no and is_binary(shape):
        answer_rows(scores, labels, None, ignore_index)
    else:
        class_indices(scores, labels, ignore_index)


def above(metric: Metric, scores: Array, threshold: float | None) -> Any:
    """Which scores say yes: those above the threshold, which is 0 of logits and 0.5 of probabilities unless given."""
    if threshold is None:
        if not metric.of_probabilities and is_from_sigmoid(scores):
            name = type(metric).__name__
            warn(f"{name} takes logits, but these scores come from a Sigmoid: use {name}(threshold=0.5)")
        threshold = 0.5 if metric.of_probabilities else 0.0
    return scores > threshold


def check_threshold(threshold: Any) -> None:
    """Raise ValueError unless it's a number, or None."""
    if threshold is None:
        return
    if isinstance(threshold, str | bool) or not np.isscalar(threshold) or np.isnan(threshold):
        raise ValueError(f"threshold: expected a number, or None, got {threshold!r}")
