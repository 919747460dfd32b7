"""Cross-entropy of yes and no: each score is the logit of one question."""

from typing import Any

import numpy as np

from minidl import shapes
from minidl.data.labels import as_numbers, column_hint, fits
from minidl.errors import ShapeError
from minidl.losses.loss import AnswerLoss, Each, check_smoothing, clipped, mean_over_elements, quiet
from minidl.losses.targets import warn_of_probabilities
from minidl.typing import Array, Shape


class BinaryCrossEntropy(AnswerLoss):
    """-log of the probability given to the right answer, from logits, or probabilities with `from_logits=False`.

    Scores are (n,) or (n, ...), with targets from 0 to 1 of the same shape: (n, labels) where a sample may have several
    labels. Targets (n,) also go with scores (n, 1), and (n, h, w) with (n, 1, h, w). A sample's loss is the mean over
    its answers.

    `label_smoothing` a moves the targets to (1 - a) target + a / 2. `pos_weight`, a number or one for each of the last
    axis, multiplies the cost of a yes, as in PyTorch. Raises ShapeError, ValueError and DTypeError.
    """

    def __init__(
        self,
        *,
        from_logits: bool = True,
        label_smoothing: float = 0.0,
        pos_weight: Any = None,
        reduction: str = "mean",
    ) -> None:
        check_smoothing(label_smoothing)
        super().__init__(reduction=reduction)
        if pos_weight is not None and not (np.min(pos_weight) > 0 and np.max(pos_weight) < np.inf):
            raise ValueError(f"pos_weight: expected finite numbers above 0, got {pos_weight!r}")
        self.from_logits, self.label_smoothing, self.pos_weight = from_logits, label_smoothing, pos_weight

    def check_targets(self, shape: Shape, targets: Any) -> None:
        check_answers(shape, targets)

    def each(self, scores: Array, targets: Any) -> Each:
        yes: Array = answers(scores, targets)
        if self.label_smoothing:
            yes = yes * (1 - self.label_smoothing) + self.label_smoothing / 2
        no = 1 - yes
        if self.pos_weight is not None:
            weight = np.asarray(self.pos_weight, scores.dtype)
            if weight.ndim > 1 or (weight.ndim and weight.shape != scores.shape[-1:]):
                raise ShapeError(f"pos_weight: expected a number or {scores.shape[-1:]}, got {weight.shape}")
            yes = yes * weight
        losses: Array
        gradients: Array
        if self.from_logits:
            warn_of_probabilities("BinaryCrossEntropy", scores)
        with quiet():
            if self.from_logits:
                losses = times(yes, softplus(-scores)) + times(no, softplus(scores))
                gradients = no * sigmoid(scores) - yes * sigmoid(-scores)
            else:
                p, beyond = probabilities(scores)
                q = 1 - p
                losses = -yes * np.log(p) - no * np.log(q)
                gradients = np.where(beyond, 0, no / q - yes / p)
            return mean_over_elements(losses, gradients)


class BinaryFocalLoss(AnswerLoss):
    """Binary cross-entropy that counts easy answers less: (1 - p)^gamma times that of a right answer given p.

    Scores are logits, or probabilities with `from_logits=False`, and targets from 0 to 1, as those of
    `BinaryCrossEntropy`. A yes counts alpha, a no 1 - alpha; with alpha None both count 1. Source: Lin et al., "Focal
    loss for dense object detection", 2017.
    """

    def __init__(
        self,
        *,
        gamma: float = 2.0,
        alpha: float | None = 0.25,
        from_logits: bool = True,
        reduction: str = "mean",
    ) -> None:
        check_gamma(gamma)
        if alpha is not None and not 0 <= alpha <= 1:
            raise ValueError(f"alpha: expected a number from 0 to 1, or None, got {alpha!r}")
        super().__init__(reduction=reduction)
        self.gamma, self.alpha, self.from_logits = gamma, alpha, from_logits

    def check_targets(self, shape: Shape, targets: Any) -> None:
        check_answers(shape, targets)

    def each(self, scores: Array, targets: Any) -> Each:
        yes = answers(scores, targets)
        no = 1 - yes
        balance = 1 if self.alpha is None else self.alpha * yes + (1 - self.alpha) * no
        if self.from_logits:
            warn_of_probabilities("BinaryFocalLoss", scores)
        with quiet():
            gamma = scores.dtype.type(self.gamma)
            if self.from_logits:
                p, q = sigmoid(scores), sigmoid(-scores)
                costs = times(yes, softplus(-scores)) + times(no, softplus(scores))
            else:
                p, beyond = probabilities(scores)
                q = 1 - p
                costs = -yes * np.log(p) - no * np.log(q)
            wrong = yes * q + no * p
            weights = balance * wrong**gamma
            # The derivative of wrong is (no - yes) p q, and p q / wrong is 1 in the limit of both being 0. Where it is
            # 0 the cost is infinite, and their product 0 in the limit.
            bend = times(np.where(wrong == 0, 1, p * q / wrong), costs)
            gradients = weights * (gamma * (no - yes) * bend + no * p - yes * q)
            if not self.from_logits:
                gradients = np.where(beyond, 0, gradients / (p * q))  # by way of the logit, whose derivative by p it is
            return mean_over_elements(times(weights, costs), gradients)


def answers(scores: Array, targets: Any) -> Array:
    """The targets in the shape and dtype of the scores. Raises ShapeError, and ValueError outside of 0 to 1."""
    targets = as_numbers(targets, "targets")
    check_answers(scores.shape, targets)
    converted: Array = targets.reshape(scores.shape).astype(scores.dtype)
    return converted


def check_answers(shape: Shape, targets: Any) -> None:
    """Raise ShapeError, and ValueError outside of 0 to 1, unless the targets fit scores of this shape."""
    if not fits(shape, targets.shape):
        hint = column_hint(shape, targets.shape, "targets")
        if not hint and targets.ndim == 1 and len(shape) == 2:
            hint = "; for exclusive classes, use CrossEntropy"
        raise ShapeError(f"targets: expected {shapes.show(shape)}, got {shapes.show(targets.shape)}{hint}")
    if targets.size and not (targets.min() >= 0 and targets.max() <= 1):
        raise ValueError("targets: expected numbers from 0 to 1, got others")


def check_gamma(gamma: float) -> None:
    """Raise ValueError unless it's a finite number of at least 0."""
    if not 0 <= gamma < np.inf:
        raise ValueError(f"gamma: expected a number of at least 0, got {gamma!r}")


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)), without overflow and as exact near 0 as near 1."""
    small = np.exp(-np.abs(x))
    result: Array = np.where(x < 0, small, 1) / (1 + small)
    return result


def softplus(x: Array) -> Array:
    """log(1 + exp(x)), without overflow."""
    result: Array = np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))
    return result


def times(weight: Array, cost: Array) -> Array:
    """The product, which is 0 where the weight is, even of an infinite cost; NaN stays."""
    product: Array = np.where((weight == 0) & ~np.isnan(cost), 0, weight * cost)
    return product


def probabilities(scores: Array) -> tuple[Array, Any]:
    """The scores as `clipped` has them. Raises ValueError for what isn't from 0 to 1."""
    if (scores < 0).any() or (scores > 1).any():
        raise ValueError("scores: expected probabilities from 0 to 1; for logits, use from_logits=True")
    return clipped(scores)
