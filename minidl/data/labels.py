"""Labels in other forms: one-hot rows, and weights that make up for rare classes."""

from typing import Any

import numpy as np

from minidl import shapes
from minidl.arraylike import array_of, check_numbers
from minidl.errors import DTypeError, ShapeError, keyword_hints
from minidl.typing import Array, IntArray, Shape

USUALLY_IGNORED = (-100, -1, 255)
"""What data and other frameworks mark with that it has no class."""


@keyword_hints
def one_hot(labels: Any, classes: int | None = None, *, dtype: Any = np.float32) -> Array:
    """Rows (n, classes) with a 1 at each label (n,) and 0 elsewhere; `classes` is by default the largest label plus 1.

    Raises DTypeError for labels that aren't integers, ShapeError for another number of axes, and ValueError for a label
    below 0 or beyond the classes.
    """
    labels, classes = _checked(labels, classes)
    rows = np.zeros((len(labels), classes), dtype)
    rows[np.arange(len(labels)), labels] = 1
    return rows


@keyword_hints
def class_weights(labels: Any, classes: int | None = None) -> Array:
    """Weights (classes,) in float64 that balance the classes: n / (classes * samples of the class).

    `class_weights(labels)[labels]` are weights of samples, whose mean is 1. The formula is scikit-learn's
    ("balanced"), after G. King and L. Zeng, "Logistic regression in rare events data", 2001. Raises ValueError, which
    names them, for classes that have no sample, and the errors of `one_hot`.
    """
    counts = class_counts(labels, classes)
    absent = np.flatnonzero(counts == 0)
    if len(absent):
        shown = ", ".join(map(str, absent[:10])) + (", ..." if len(absent) > 10 else "")
        raise ValueError(f"labels: expected each of the {len(counts)} classes at least once, got none of {shown}")
    weights: Array = len(labels) / (len(counts) * counts)
    return weights


def class_counts(labels: Any, classes: int | None = None) -> IntArray:
    """How many labels each class has, (classes,). Raises the errors of `one_hot`."""
    labels, classes = _checked(labels, classes)
    return np.bincount(labels, minlength=classes)


def are_distributions(rows: Array) -> bool:
    """Whether each of the rows (n, classes) is one-hot or of probabilities: of at least 0, with the sum 1."""
    if not rows.size:
        return True
    with np.errstate(invalid="ignore"):
        return bool(rows.min() >= 0 and np.abs(rows.sum(axis=1, dtype=np.float64) - 1).max() <= 1e-3)  # False with NaN


def class_of_rows(rows: Any, name: str = "labels", *, hint: str = "") -> IntArray:
    """The class of the largest number of each of rows (n, classes): (n,).

    Raises ShapeError for a column, and ValueError for rows that aren't distributions.
    """
    rows = np.asarray(rows)
    if rows.ndim != 2 or rows.shape[1] < 2:
        column = column_hint(rows.shape[:1], rows.shape, name)
        raise ShapeError(
            f"{name}: expected class indices (n,) or rows (n, classes), got {shapes.show(rows.shape)}{column}"
        )
    if not are_distributions(rows):
        raise ValueError(f"{name}: expected one-hot rows or rows of probabilities, got rows that don't sum to 1{hint}")
    return np.asarray(rows.argmax(axis=1), np.intp)


def pixel_rows(scores: Any) -> Any:
    """Scores (n, classes, h, w) as rows (n h w, classes), pixel by pixel: a view where channels lie last in memory."""
    return np.moveaxis(scores, 1, -1).reshape(-1, scores.shape[1])


def fits(scores: Shape, targets: Shape) -> bool:
    """Whether targets go with scores, one to one: in the same shape, or without an axis of 1 that is second or last."""
    with_channel = (*targets[:1], 1, *targets[1:])
    return bool(scores) and scores in (targets, (*targets, 1), with_channel)


def check_ignore_index(ignore_index: Any) -> None:
    """Raise TypeError unless it's an integer, or None."""
    if ignore_index is not None and (isinstance(ignore_index, bool) or not hasattr(ignore_index, "__index__")):
        raise TypeError(f"ignore_index: expected an integer, or None, got {ignore_index!r}")


def check_indices(labels: Any, classes: int, ignore_index: int | None, name: str) -> None:
    """Raise ValueError unless the labels are integers from 0 to classes - 1, or `ignore_index`."""
    if not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"{name}: expected class indices as integers, got {labels.dtype}{integer_hint(labels)}")
    if not labels.size or 0 <= labels.min() <= labels.max() < classes:
        return
    beyond = (labels < 0) | (labels >= classes)
    if ignore_index is not None:
        beyond &= labels != ignore_index
    if beyond.any():
        wrong = labels[beyond][0]
        hint = f"; what shall not count, leave out by ignore_index={wrong}" if wrong in USUALLY_IGNORED else ""
        other = "" if ignore_index is None else f", or {ignore_index}"
        raise ValueError(f"{name}: expected class indices from 0 to {classes - 1}{other}, got {wrong}{hint}")


def as_numbers(values: Any, name: str) -> Any:
    """The values as an array. Raises DTypeError unless they are numbers, or bools."""
    array = np.asarray(values)
    if array.dtype.kind not in "biuf":
        raise DTypeError(f"{name}: expected numbers, got {array.dtype}")
    return array


def integer_hint(labels: Any) -> str:
    """What to say of labels that aren't integers where class indices are wanted, if they are whole numbers."""
    with np.errstate(invalid="ignore"):
        is_whole = labels.dtype.kind in "bf" and bool((labels == np.floor(labels.astype(np.float64))).all())
    return "; of whole numbers, use .astype(int)" if is_whole else ""


def column_hint(wanted: Shape, got: Shape, name: str) -> str:
    """What to say where a vector came for a column, or a column for a vector: nothing is ever broadcast."""
    if len(wanted) == 1 and got == (*wanted, 1):
        return f": use {name}[:, 0]"
    if len(got) == 1 and wanted == (*got, 1):
        return f": use {name}[:, None]"
    return ""


def _checked(labels: Any, classes: int | None) -> tuple[IntArray, int]:
    labels = array_of(labels, "labels")
    check_numbers(labels, "labels")
    if labels.ndim != 1:
        hint = "; of pixels, labels.ravel()" if labels.ndim > 2 else ""
        if labels.ndim == 2 and are_distributions(labels):
            hint = "; of one-hot rows, labels.argmax(axis=1)"
        raise ShapeError(f"expected labels (n,), got {shapes.show(labels.shape)}{hint}")
    if labels.dtype.kind not in "iu":
        raise DTypeError(f"expected labels as integers, got {labels.dtype}")
    if classes is None:
        if not len(labels):
            raise ValueError("classes: without labels, give their number")
        classes = int(labels.max()) + 1
    shapes.count(classes, "classes")
    if len(labels) and (labels.min() < 0 or labels.max() >= classes):
        raise ValueError(
            f"labels: expected 0 to {classes - 1} for {classes} classes, got {labels.min()} to {labels.max()}"
        )
    return labels.astype(np.int64, copy=False), classes
