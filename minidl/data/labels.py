"""Labels in other forms: one-hot rows, and weights that make up for rare classes."""

from typing import Any

import numpy as np

from minidl import shapes
from minidl.arraylike import array_of, check_numbers
from minidl.errors import DTypeError, ShapeError, keyword_hints
from minidl.typing import Array, IntArray


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
    """Weights (classes,) in float64 by which every class counts the same: n / (classes * samples of the class).

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


def _checked(labels: Any, classes: int | None) -> tuple[IntArray, int]:
    labels = array_of(labels, "labels")
    check_numbers(labels, "labels")
    if labels.ndim != 1:
        raise ShapeError(f"expected labels (n,), got {shapes.show(labels.shape)}")
    if labels.dtype.kind not in "iu":
        raise DTypeError(f"expected labels as integers, got {labels.dtype}")
    if classes is None:
        if not len(labels):
            raise ValueError("classes: how many they are can't be told from no labels; give the number")
        classes = int(labels.max()) + 1
    shapes.count(classes, "classes")
    if len(labels) and (labels.min() < 0 or labels.max() >= classes):
        raise ValueError(
            f"labels: expected 0 to {classes - 1} for {classes} classes, got {labels.min()} to {labels.max()}"
        )
    return labels.astype(np.int64, copy=False), classes
