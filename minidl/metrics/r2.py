"""R squared: the share of the targets' variance that the scores explain."""

from typing import Any, Literal

import numpy as np

from minidl.metrics.metric import Metric, checked_weights
from minidl.metrics.precision import check_average
from minidl.metrics.regression import check_numbers_fit, rows_of_numbers
from minidl.typing import Array, Shape

AVERAGES = ("macro", "weighted")


class R2Score(Metric):
    """1 - the sum of (target - score) squared / the sum of (target - mean target) squared, for each output.

    1 is exact, 0 as good as the targets' mean, and below is worse. Scores are (n, ...), targets of their shape, or (n,)
    for (n, 1). `average` "macro" is the mean over the outputs, "weighted" that by the variance of their targets, None
    an array of all; to scikit-learn these are `multioutput` "uniform_average", "variance_weighted" and "raw_values".
    Values are its `r2_score`: where all targets are equal it is 1 if the scores are exact, else 0, and NaN of fewer
    than two samples.
    """

    name = "r2_score"
    better: Literal["larger", "smaller"] | None = "larger"

    def __init__(self, average: str | None = "macro", *, name: str | None = None) -> None:
        check_average(average, AVERAGES, multilabel=False)
        self.average = average
        if average is None:
            self.better = None
        self._take_name(name)
        self.reset()

    def reset(self) -> None:
        self._samples, self._weight = 0, 0.0
        self._origin: Any = None

    def check_targets(self, shape: Shape, targets: Any) -> None:
        check_numbers_fit(shape, targets)

    def update(self, scores: Array, labels: Any, sample_weight: Any = None) -> None:
        """Count a batch: scores (n, ...) and targets of their shape, or (n,) for (n, 1)."""
        scores, targets = rows_of_numbers(scores, labels)
        weights = checked_weights(sample_weight, len(scores))
        self._samples += len(scores)
        if weights is None:
            weights = np.ones(len(scores))
        counted = weights > 0
        scores, targets, weights = scores[counted], targets[counted], weights[counted]
        if not len(scores):
            return
        if self._origin is None:  # differences from one of the targets, so that equal ones have a variance of 0
            self._origin = targets[0]
            self._mean, self._spread, self._rest = np.zeros((3, scores.shape[1]))
        with np.errstate(invalid="ignore", over="ignore"):
            self._rest = self._rest + weights @ (targets - scores) ** 2
            self._add(targets - self._origin, weights)

    def _add(self, targets: Array, weights: Array) -> None:
        """Count a batch's mean and spread, so that nothing cancels: Chan, Golub and LeVeque, 1983."""
        own = weights.sum()
        mean = weights @ targets / own
        step, whole = mean - self._mean, self._weight + own
        self._spread = self._spread + weights @ (targets - mean) ** 2 + step**2 * (self._weight * own / whole)
        self._mean = self._mean + step * (own / whole)
        self._weight = whole

    def result(self) -> Any:
        if self._samples < 2 or self._origin is None:
            return float("nan")
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            values = np.where(self._spread == 0, np.where(self._rest == 0, 1.0, 0.0), 1 - self._rest / self._spread)
        if self.average is None:
            return values
        by_spread = self.average == "weighted" and self._spread.any()
        return float(np.average(values, weights=self._spread if by_spread else None))
