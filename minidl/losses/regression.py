"""Losses of numbers: how far scores are from targets of their shape."""

from typing import Any

import numpy as np

from minidl.losses.loss import Each, Loss, check_shape, mean_over_elements, quiet, same_shape
from minidl.typing import Array, Shape


class MeanSquaredError(Loss):
    """The mean of (score - target) squared over all elements; targets have the shape of the scores, (n, ...).

    Targets (n,) also go with scores (n, 1).
    """

    def check_targets(self, shape: Shape, targets: Any) -> None:
        check_finite(shape, targets)

    def each(self, scores: Array, targets: Any) -> Each:
        with quiet():
            differences = scores - same_shape(scores, targets)
            return mean_over_elements(differences * differences, 2 * differences)


class MeanAbsoluteError(Loss):
    """The mean of |score - target| over all elements, the L1 loss; targets have the shape of the scores, (n, ...).

    Targets (n,) also go with scores (n, 1). Where score and target are equal the gradient is 0.
    """

    def check_targets(self, shape: Shape, targets: Any) -> None:
        check_finite(shape, targets)

    def each(self, scores: Array, targets: Any) -> Each:
        with quiet():
            differences = scores - same_shape(scores, targets)
            return mean_over_elements(np.abs(differences), np.sign(differences))


class Huber(Loss):
    """Half the square of d = score - target up to |d| = delta, from there on straight: delta (|d| - delta / 2).

    The mean is over all elements; targets have the shape of the scores, (n, ...), or are (n,) for (n, 1).
    Source: Huber, 1964.
    """

    def __init__(self, *, delta: float = 1.0, reduction: str = "mean") -> None:
        if not 0 < delta < np.inf:
            raise ValueError(f"delta: expected a number above 0, got {delta!r}")
        super().__init__(reduction=reduction)
        self.delta = delta

    def check_targets(self, shape: Shape, targets: Any) -> None:
        check_finite(shape, targets)

    def each(self, scores: Array, targets: Any) -> Each:
        with quiet():
            differences = scores - same_shape(scores, targets)
            sizes, delta = np.abs(differences), scores.dtype.type(self.delta)
            losses = np.where(sizes <= delta, differences * differences / 2, delta * (sizes - delta / 2))
            return mean_over_elements(losses, np.clip(differences, -delta, delta))


def check_finite(shape: Shape, targets: Any) -> None:
    """Raise ShapeError unless the targets fit scores of this shape, and ValueError for NaN or infinity among them."""
    check_shape(shape, targets)
    if not np.isfinite(targets).all():
        raise ValueError(f"targets: expected finite numbers, got {targets[~np.isfinite(targets)][0]}")
