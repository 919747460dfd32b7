"""How far numbers are from their targets, as metrics."""

from typing import Any

import numpy as np

from minidl import shapes
from minidl.errors import ShapeError
from minidl.metrics.metric import Metric
from minidl.typing import Array


class _MeanError(Metric):
    """A mean over all elements, added up in double precision."""

    better = "smaller"

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._total, self._seen = 0.0, 0

    def update(self, scores: Array, labels: Any) -> None:
        """Count a batch: scores (n, ...) and targets of their shape."""
        labels = np.asarray(labels)
        if labels.shape != scores.shape:
            raise ShapeError(f"labels: expected {shapes.show(scores.shape)}, got {shapes.show(labels.shape)}")
        with np.errstate(invalid="ignore", over="ignore"):
            self._total += float(self._error(scores.astype(np.float64) - labels).sum())
        self._seen += scores.size

    def result(self) -> float:
        return self._total / self._seen if self._seen else float("nan")

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
