"""What every loss is: a number for each sample, and how they become one."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple, Self

import numpy as np

from minidl import shapes
from minidl.data.labels import as_numbers, column_hint, fits, pixel_rows
from minidl.display import code
from minidl.errors import KeywordHints, ShapeError, did_you_mean
from minidl.functional.origin import marked_like
from minidl.typing import Array, Shape

EPSILON = 1e-7
"""How near to 0 and 1 a probability counts as it is: its logarithm stays finite."""
REDUCTIONS = ("mean", "sum", "none")


def quiet() -> np.errstate:
    """Infinities and NaN are data here: they reach the loss, where they're seen, without a warning on the way."""
    return np.errstate(invalid="ignore", over="ignore", divide="ignore")


class Each(NamedTuple):
    """The losses of the samples, before they are weighted and reduced."""

    losses: Array
    """(n,)."""
    pullback: Callable[[Array], Array]
    """(n,), by how much each sample's loss counts -> the gradient by the scores."""
    importance: Array | None = None
    """(n,), what the mean divides by in the place of the count, where classes have weights."""


class Loss(KeywordHints):
    """The number that training minimizes: the mean over the samples, weighted by `sample_weight` (n,) if given.

    A weight of 2 counts like two copies of the sample: the mean divides by the sum of the weights, as in PyTorch and
    scikit-learn. `reduction="sum"` adds up the weighted losses instead, and "none" returns them as an array (n,), with
    the gradient of their sum. A subclass defines `each`, or the call itself.
    """

    def __init__(self, *, reduction: str = "mean") -> None:
        if reduction not in REDUCTIONS:
            hint = did_you_mean(str(reduction), REDUCTIONS)
            raise ValueError(f'reduction: expected "mean", "sum" or "none", got {reduction!r}; {hint}')
        self.reduction = reduction

    def __repr__(self) -> str:
        """The call that makes an equal one."""
        return code.call(self, {"reduction": "mean"} | code.attributes(self))

    def each(self, scores: Array, targets: Any) -> Each:
        """The losses one by one. Raises ShapeError and ValueError for what doesn't fit."""
        raise NotImplementedError(f"{type(self).__name__} doesn't define __call__(scores, targets, sample_weight)")

    def check_targets(self, shape: Shape, targets: Any) -> None:
        """Raise ShapeError or ValueError where targets don't fit scores of this shape, (n, ...).

        `fit` and `evaluate` ask before any work, of all targets, what the call asks of a batch.
        """

    def __call__(self, scores: Array, targets: Any, sample_weight: Any = None) -> tuple[Any, Array]:
        """(loss, dscores): the number, or the array, and its gradient, of the shape of `scores`."""
        losses, pullback, importance = self.each(scores, targets)
        weights = _checked_weights(sample_weight, len(losses))
        if weights is not None and not weights.all():  # nothing of a sample that counts 0 shows, not even its NaN
            losses, pullback = np.where(weights == 0, 0, losses), _without(pullback, weights == 0)
        reduction = getattr(self, "reduction", "mean")
        with quiet():
            if reduction == "mean":
                parts = _parts(weights, importance, len(losses)).astype(losses.dtype)
                return float(losses @ parts), pullback(parts)
            parts = (np.ones(len(losses)) if weights is None else weights).astype(losses.dtype)
            losses = losses * parts
            return losses if reduction == "none" else float(losses.sum()), pullback(parts)


class LogitsLoss(Loss):
    """A loss of logits, or of the probabilities that the model's last layer makes of them."""

    from_logits: bool

    def with_logits(self) -> Self:
        """The same loss of logits: what `fit` uses in place of a Softmax or Sigmoid followed by this one."""
        import copy

        changed = copy.copy(self)
        changed.from_logits = True
        return changed


class ClassLoss(LogitsLoss):
    """A loss of classes that exclude each other, of logits or of probabilities (n, classes): those of a Softmax.

    Scores (n, classes, h, w) are of pixels, and a sample's loss is the mean over its own. A subclass defines
    `each_row`.
    """

    ignore_index: int | None = None
    """The class index of what counts nothing: its loss and gradient are 0, and the mean is over the rest."""

    def each_row(self, scores: Array, targets: Any) -> Each:
        """The losses of scores (n, classes), one by one. Raises ShapeError and ValueError for what doesn't fit."""
        raise NotImplementedError(f"{type(self).__name__} doesn't define each_row(scores, targets)")

    def each(self, scores: Array, targets: Any) -> Each:
        if np.ndim(scores) < 3:
            return self._counted(scores, targets)
        targets = as_numbers(targets, "targets")
        self.check_targets(scores.shape, targets)
        n, classes, *size = scores.shape
        pixels = math.prod(size)
        rows = pixel_rows(scores)
        labels = pixel_rows(targets) if targets.ndim == scores.ndim else targets.reshape(-1)
        of_rows = self._counted(marked_like(rows, scores), labels)

        def pullback(parts: Array) -> Array:
            gradient = of_rows.pullback(np.repeat(parts / parts.dtype.type(pixels), pixels))
            return np.moveaxis(gradient.reshape(n, *size, classes), -1, 1)

        def mean(values: Array) -> Array:
            means: Array = values.reshape(n, pixels).mean(axis=1)
            return means

        importance = of_rows.importance
        return Each(mean(of_rows.losses), pullback, None if importance is None else mean(importance))

    def _counted(self, scores: Array, targets: Any) -> Each:
        """The losses of scores (n, classes), where what is ignored has no part in anything."""
        if self.ignore_index is None:
            return self.each_row(scores, targets)
        targets = as_numbers(targets, "targets")
        self.check_targets(scores.shape, targets)
        ignored = targets == self.ignore_index
        losses, pullback, importance = self.each_row(scores, np.where(ignored, 0, targets))
        counts = np.ones_like(losses) if importance is None else importance
        return Each(np.where(ignored, 0, losses), _without(pullback, ignored), np.where(ignored, 0, counts))


class AnswerLoss(LogitsLoss):
    """A loss of answers of yes or no, of logits or of probabilities (n, ...): those of a Sigmoid."""


def _checked_weights(sample_weight: Any, n: int) -> Array | None:
    if sample_weight is None:
        return None
    weights = np.asarray(sample_weight, np.float64)
    if weights.shape != (n,):
        raise ShapeError(f"sample_weight: expected {shapes.show((n,))}, got {shapes.show(weights.shape)}")
    if n and not (weights.min() >= 0 and 0 < weights.sum() < math.inf):
        raise ValueError("sample_weight: expected finite numbers of at least 0, not all 0")
    return weights


def _without(pullback: Callable[[Array], Array], left_out: Any) -> Callable[[Array], Array]:
    """The pullback with a gradient of 0 for the samples left out (n,)."""

    def of_others(parts: Array) -> Array:
        gradient = pullback(parts)
        return np.where(left_out.reshape(-1, *[1] * (gradient.ndim - 1)), gradient.dtype.type(0), gradient)

    return of_others


def _parts(weights: Array | None, importance: Array | None, n: int) -> Array:
    """Each sample's part in the mean: (n,), in float64."""
    if importance is not None:
        counts = np.ones(n) if weights is None else weights
        total = (counts * importance).sum()
        parts: Array = counts / total if total != 0 else np.zeros(n)  # where nothing counts, all classes being 0
        return parts
    if weights is None:
        return np.full(n, 1 / max(n, 1))
    return weights / weights.sum() if n else weights


def same_shape(scores: Array, targets: Any) -> Array:
    """The targets in the shape and dtype of the scores: (n,) may stand for (n, 1). Raises ShapeError for others."""
    targets = as_numbers(targets, "targets")
    check_shape(scores.shape, targets)
    converted: Array = targets.reshape(scores.shape).astype(scores.dtype)
    return converted


def check_shape(shape: Shape, targets: Any) -> None:
    """Raise ShapeError unless the targets are of the shape of the scores, or (n,) for (n, 1)."""
    if not fits(shape, targets.shape):
        hint = column_hint(shape, targets.shape, "targets")
        raise ShapeError(f"targets: expected {shapes.show(shape)}, got {shapes.show(targets.shape)}{hint}")


def mean_over_elements(losses: Array, gradients: Array) -> Each:
    """The mean of each sample's losses, from the losses of elements (n, ...) and their gradients by the scores."""
    n = len(losses)
    count = max(math.prod(losses.shape[1:]), 1)

    def pullback(parts: Array) -> Array:
        scaled: Array = gradients * (parts / parts.dtype.type(count)).reshape(-1, *[1] * (gradients.ndim - 1))
        return scaled

    return Each(losses.reshape(n, count).mean(axis=1) if n else losses.reshape(0), pullback)


def clipped(probabilities: Array, *, high: float | None = None) -> tuple[Array, Any]:
    """The probabilities from 1e-7 to 1 - 1e-7, or `high`, as Keras takes them, and where they were beyond: no gradient.

    NaN stays.
    """
    low, high = EPSILON, 1 - EPSILON if high is None else high
    return np.clip(probabilities, low, high), (probabilities < low) | (probabilities > high)


def check_smoothing(label_smoothing: float) -> None:
    """Raise ValueError unless it's a number from 0 to 1."""
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"label_smoothing: expected a number from 0 to 1, got {label_smoothing!r}")
