"""How far numbers are from their targets, as metrics."""

import math
from typing import Any

import numpy as np

from minidl import shapes
from minidl.data.labels import as_numbers, column_hint, fits
from minidl.errors import ShapeError
from minidl.metrics.metric import Metric, checked_weights
from minidl.typing import Array, Shape


class _MeanError(Metric):
    """A mean over all elements, added up in double precision."""

    better = "smaller"

    def __init__(self, *, name: str | None = None) -> None:
        self._take_name(name)
        self.reset()

    def reset(self) -> None:
        self._total, self._seen = 0.0, 0.0

    def check_targets(self, shape: Shape, targets: Any) -> None:
        check_numbers_fit(shape, targets)

    def update(self, scores: Array, labels: Any, sample_weight: Any = None) -> None:
        """Count a batch: scores (n, ...) and targets of their shape, or (n,) for (n, 1)."""
        scores, labels = rows_of_numbers(scores, labels)
        weights = checked_weights(sample_weight, len(scores))
        with np.errstate(invalid="ignore", over="ignore"):
            errors = self._error(scores - labels)
            if weights is None:
                self._total += float(errors.sum())
                self._seen += scores.size
            else:  # of a sample that counts nothing not even an infinite error does
                self._total += float(errors[weights > 0].sum(axis=1) @ weights[weights > 0])
                self._seen += float(weights.sum()) * errors.shape[1]

    def result(self) -> float:
        return self._total / self._seen if self._seen else math.nan

    def _error(self, differences: Array) -> Array:
        raise NotImplementedError


class MeanAbsoluteError(_MeanError):
    """The mean of |score - target| over all elements."""

    name = "mean_absolute_error"

    def _error(self, differences: Array) -> Array:
        return np.abs(differences)


class MeanSquaredError(_MeanError):
    """The mean of (score - target) squared over all elements."""

    name = "mean_squared_error"

    def _error(self, differences: Array) -> Array:
        return differences * differences


class RootMeanSquaredError(MeanSquaredError):
    """The square root of the mean of (score - target) squared over all elements.

    Of several outputs scikit-learn's `root_mean_squared_error` is the mean of each one's; this is Keras's.
    """

    name = "root_mean_squared_error"

    def result(self) -> float:
        return math.sqrt(super().result())


def check_numbers_fit(shape: Shape, targets: Any) -> None:
    """Raise ShapeError unless targets are of the shape of the scores, (n, ...), or (n,) for (n, 1)."""
    if not fits(shape, targets.shape):
        hint = column_hint(shape, targets.shape, "labels")
        raise ShapeError(f"labels: expected {shapes.show(shape)}, got {shapes.show(targets.shape)}{hint}")


def rows_of_numbers(scores: Any, labels: Any) -> tuple[Array, Array]:
    """Scores and targets in double precision, (n, outputs). Raises ShapeError and DTypeError for what doesn't fit."""
    scores, labels = np.asarray(scores), as_numbers(labels, "labels")
    check_numbers_fit(scores.shape, labels)
    wanted = (len(scores), math.prod(scores.shape[1:]))
    return scores.reshape(wanted).astype(np.float64), labels.reshape(wanted).astype(np.float64)
