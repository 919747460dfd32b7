"""Targets of classification: class indices or rows of probabilities, as rows."""

from typing import Any

import numpy as np

from minidl import shapes
from minidl.data.labels import are_distributions, as_numbers, check_indices, column_hint
from minidl.errors import ShapeError
from minidl.errors.warned import warn
from minidl.functional.origin import is_from_sigmoid
from minidl.typing import Array, Shape


def distributions(targets: Any, scores: Array, *, label_smoothing: float = 0.0) -> Array:
    """Rows of probabilities (n, classes) from class indices (n,) or from rows, mixed with the uniform distribution.

    Raises ShapeError and ValueError for what doesn't fit.
    """
    targets = as_numbers(targets, "targets")
    check_classes(scores.shape, targets)
    if targets.ndim == 2:
        rows: Array = targets.astype(scores.dtype)
    else:
        rows = np.zeros(scores.shape, scores.dtype)
        rows[np.arange(len(targets)), targets] = 1
    if label_smoothing:
        rows *= 1 - label_smoothing
        rows += label_smoothing / scores.shape[1]
    return rows


def check_classes(shape: Shape, targets: Any, ignore_index: int | None = None) -> None:
    """Raise ShapeError or ValueError unless targets of classes fit scores (n, classes), or (n, classes, h, w)."""
    if len(shape) < 3:
        shapes.expect("scores ", shape, ("n", "classes"))
    n, classes, *size = shape
    indices = (n, *size)
    if classes < 2:
        raise ShapeError(
            f"expected scores of at least two classes, got {shapes.show(shape)}; "
            "for yes or no, use BinaryCrossEntropy; for numbers, MeanSquaredError"
        )
    if targets.shape == shape:
        if ignore_index is not None:
            raise ValueError("ignore_index: only for targets that are class indices, and these are rows")
        if not are_distributions(targets):
            raise ValueError(
                "targets: expected one-hot rows or rows of probabilities, got rows that don't sum to 1; "
                "for several labels per sample, use BinaryCrossEntropy"
            )
    elif targets.shape == indices:
        check_indices(targets, classes, ignore_index, "targets")
    else:
        expected = f"{shapes.show(indices)} class indices or {shapes.show(shape)} one-hot rows"
        got = shapes.show(targets.shape) + column_hint((n,), targets.shape, "targets")
        if size and targets.shape in ((n,), (n, classes)):
            got += f"; for a class a sample, the scores, {shapes.show(shape)}, must be (n, classes)"
        raise ShapeError(f"targets: expected {expected}, got {got}")


def are_indices(targets: Any) -> bool:
    """Whether the targets are class indices and not rows."""
    return np.ndim(targets) == 1


def warn_of_probabilities(name: str, scores: Array) -> None:
    """Warn of scores that are probabilities where logits are wanted: rows that sum to 1, or what a Sigmoid gave.

    Other scores from 0 to 1 may be logits as well: of them nobody can tell.
    """
    other = f"{name}(from_logits=False)"
    if is_from_sigmoid(scores):
        how, layer = "come from a Sigmoid", "Sigmoid"
        if not name.startswith("Binary"):
            other = "BinaryCrossEntropy for several labels per sample"
    elif scores.ndim == 2 and scores.shape[1] > 1 and len(scores) and scores.min() >= 0 and _sum_to_one(scores):
        how, layer = "look like probabilities", "Softmax"
    else:
        return
    message = f"{name} takes logits, but these scores {how}: leave out the {layer} layer, or use {other}"
    warn(message)


def _sum_to_one(scores: Array) -> bool:
    with np.errstate(invalid="ignore", over="ignore"):
        return bool(np.allclose(scores.sum(axis=1), 1, atol=1e-4))


def check_rows_of_probabilities(scores: Array) -> None:
    """Raise ValueError unless each row sums to 1 or isn't finite."""
    with np.errstate(invalid="ignore"):
        sums = scores.sum(axis=1)
        if (scores < 0).any() or not np.allclose(sums[np.isfinite(sums)], 1, atol=1e-3):
            raise ValueError("scores: expected rows of probabilities, which sum to 1; for logits, use from_logits=True")
