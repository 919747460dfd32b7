"""Losses: criterion(scores, targets) -> (mean loss, gradient of it by the scores)."""

import math
import warnings
from typing import Any

import numpy as np

from minidl import functional as F
from minidl import shapes
from minidl.errors import KeywordHints, ShapeError
from minidl.typing import Array


class Loss(KeywordHints):
    """A number to make small: the mean over the samples, weighted by `sample_weight` (n,) where it's given.

    A weight counts as that many copies of its sample: the mean is over the sum of the weights, as in PyTorch and
    scikit-learn.
    """

    def __call__(self, scores: Array, targets: Any, sample_weight: Any = None) -> tuple[float, Array]:
        """(loss, dscores): the mean and its gradient, of the shape of `scores`."""
        raise NotImplementedError(f"{type(self).__name__} doesn't define __call__(scores, targets, sample_weight)")


class CrossEntropy(Loss):
    """-log of the probability given to the right class, from logits or probabilities (n, classes).

    Targets are class indices (n,) or rows of probabilities (n, classes), one-hot or soft. `from_logits=False` takes
    probabilities instead of logits. `label_smoothing` a mixes the targets with the uniform distribution:
    (1 - a) target + a / classes (Szegedy et al., 2016). Raises ShapeError and ValueError for what doesn't fit.
    """

    def __init__(self, *, from_logits: bool = True, label_smoothing: float = 0.0) -> None:
        if not 0 <= label_smoothing <= 1:
            raise ValueError(f"label_smoothing: expected a number from 0 to 1, got {label_smoothing!r}")
        self.from_logits = from_logits
        self.label_smoothing = label_smoothing

    def __call__(self, scores: Array, targets: Any, sample_weight: Any = None) -> tuple[float, Array]:
        shapes.expect("scores ", scores.shape, ("n", "classes"))
        distributions = self._distributions(targets, scores)
        weights = _mean_weights(sample_weight, len(scores), scores.dtype)
        if not self.from_logits:
            return _from_probabilities(scores, distributions, weights)
        if _look_like_probabilities(scores):
            warnings.warn(
                "CrossEntropy takes logits, and these scores look like probabilities: leave out the Softmax layer, or "
                "use CrossEntropy(from_logits=False)",
                stacklevel=2,
            )
        losses, pullback = F.cross_entropy(scores, distributions)
        return float(losses @ weights), pullback(weights)

    def with_logits(self) -> "CrossEntropy":
        """The same loss of logits: what `fit` uses in place of a Softmax followed by this one."""
        return CrossEntropy(label_smoothing=self.label_smoothing)

    def _distributions(self, targets: Any, scores: Array) -> Array:
        targets = np.asarray(targets)
        n, classes = scores.shape
        if targets.ndim == 2 and targets.shape == scores.shape:
            distributions: Array = targets.astype(scores.dtype)
            if not np.allclose(distributions.sum(axis=1), 1, atol=1e-3) or (distributions < 0).any():
                raise ValueError(
                    "targets: expected one-hot rows or rows of probabilities, got rows that don't sum to 1"
                )
        elif targets.shape == (n,):
            if not np.issubdtype(targets.dtype, np.integer):
                raise ValueError(f"targets: expected class indices as integers, got {targets.dtype}")
            if n and not 0 <= targets.min() <= targets.max() < classes:
                wrong = targets[(targets < 0) | (targets >= classes)][0]
                raise ValueError(f"targets: expected class indices from 0 to {classes - 1}, got {wrong}")
            distributions = np.zeros(scores.shape, scores.dtype)
            distributions[np.arange(n), targets] = 1
        else:
            expected = f"{shapes.show((n,))} class indices or {shapes.show(scores.shape)} one-hot rows"
            raise ShapeError(f"targets: expected {expected}, got {shapes.show(targets.shape)}")
        if self.label_smoothing:
            distributions *= 1 - self.label_smoothing
            distributions += self.label_smoothing / classes
        return distributions


def _look_like_probabilities(scores: Array) -> bool:
    return bool(
        len(scores) and scores.shape[1] > 1 and scores.min() >= 0 and np.allclose(scores.sum(axis=1), 1, atol=1e-4)
    )


def _from_probabilities(scores: Array, distributions: Array, weights: Array) -> tuple[float, Array]:
    with np.errstate(invalid="ignore"):
        sums = scores.sum(axis=1)
        if (scores < 0).any() or not np.allclose(sums[np.isfinite(sums)], 1, atol=1e-3):
            raise ValueError("scores: expected rows of probabilities, which sum to 1; of logits, use from_logits=True")
        # The smallest normal number in the place of zero keeps the loss finite, as Keras does with 1e-7.
        floor = np.finfo(scores.dtype).tiny
        probabilities = np.maximum(scores, floor)
        losses = -(distributions * np.log(probabilities)).sum(axis=1)
        dscores = np.where(distributions == 0, 0, -distributions / probabilities) * weights[:, None]
    return float(losses @ weights), dscores


class MeanSquaredError(Loss):
    """The mean of (score - target) squared over all elements; targets have the shape of the scores, (n, ...)."""

    def __call__(self, scores: Array, targets: Any, sample_weight: Any = None) -> tuple[float, Array]:
        targets = np.asarray(targets)
        if targets.shape != scores.shape:
            raise ShapeError(f"targets: expected {shapes.show(scores.shape)}, got {shapes.show(targets.shape)}")
        weights = _mean_weights(sample_weight, len(scores), scores.dtype)
        weights = weights.reshape(-1, *[1] * (scores.ndim - 1)) / scores.dtype.type(max(math.prod(scores.shape[1:]), 1))
        differences = scores - targets.astype(scores.dtype)
        return float((weights * differences * differences).sum()), 2 * weights * differences


def _mean_weights(sample_weight: Any, n: int, dtype: np.dtype[Any]) -> Array:
    """Each sample's part in the mean: (n,), of sum 1 (of no samples, nothing)."""
    if sample_weight is None:
        return np.full(n, 1 / max(n, 1), dtype)
    weights = np.asarray(sample_weight, np.float64)
    if weights.shape != (n,):
        raise ShapeError(f"sample_weight: expected {shapes.show((n,))}, got {shapes.show(weights.shape)}")
    if n and not (weights.min() >= 0 and 0 < weights.sum() < math.inf):
        raise ValueError("sample_weight: expected finite numbers of at least 0, not all 0")
    return (weights / weights.sum()).astype(dtype) if n else weights.astype(dtype)
