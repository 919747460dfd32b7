"""Cross-entropy between classes that exclude each other, and the divergence of distributions."""

from typing import Any

import numpy as np

from minidl import functional as F
from minidl.data.labels import check_ignore_index
from minidl.losses.class_weight import checked_weights, weights_for
from minidl.losses.loss import ClassLoss, Each, check_smoothing, clipped, quiet
from minidl.losses.targets import (
    are_indices,
    check_classes,
    check_rows_of_probabilities,
    distributions,
    warn_of_probabilities,
)
from minidl.typing import Array, Shape


class CrossEntropy(ClassLoss):
    """-log of the probability given to the right class, from logits or probabilities (n, classes).

    Targets are class indices (n,) or rows of probabilities (n, classes), one-hot or soft. For segmentation, scores are
    (n, classes, h, w), targets (n, h, w) or of the scores' shape, and the mean is over all pixels.

    `from_logits=False` takes probabilities instead of logits. `label_smoothing` a mixes the targets with the uniform
    distribution: (1 - a) target + a / classes (Szegedy et al., 2016). `class_weight`, an array (classes,) or a dict in
    which missing classes have weight 1, multiplies each class's part of the sum. As in PyTorch, the mean over class
    indices divides by the sum of their weights, that over rows doesn't. Samples whose class index is `ignore_index` are
    left out: their loss and gradient are 0, and the mean is over the others, or 0 if there are none. Raises ShapeError
    and ValueError for targets that don't fit.
    """

    def __init__(
        self,
        *,
        from_logits: bool = True,
        label_smoothing: float = 0.0,
        class_weight: Any = None,
        ignore_index: int | None = None,
        reduction: str = "mean",
    ) -> None:
        check_smoothing(label_smoothing)
        check_ignore_index(ignore_index)
        super().__init__(reduction=reduction)
        self.from_logits = from_logits
        self.label_smoothing = label_smoothing
        self.class_weight = checked_weights(class_weight)
        self.ignore_index = ignore_index

    def check_targets(self, shape: Shape, targets: Any) -> None:
        check_classes(shape, targets, self.ignore_index)

    def each_row(self, scores: Array, targets: Any) -> Each:
        rows = distributions(targets, scores, label_smoothing=self.label_smoothing)
        importance = None
        if self.class_weight is not None:
            weights = weights_for(self.class_weight, scores.shape[1]).astype(scores.dtype)
            rows *= weights
            importance = weights[np.asarray(targets)] if are_indices(targets) else None
        if not self.from_logits:
            return _from_probabilities(scores, rows)._replace(importance=importance)
        warn_of_probabilities("CrossEntropy", scores)
        if self.class_weight is None:
            return Each(*F.cross_entropy(scores, rows))
        return _from_logits(scores, rows)._replace(importance=importance)


class KLDivergence(ClassLoss):
    """The Kullback-Leibler divergence of what the scores say from the targets: sum of target log(target / probability).

    Scores are logits (n, classes), or probabilities with `from_logits=False`; targets are rows of probabilities. Its
    gradient is that of the cross-entropy, which is larger by the targets' entropy. PyTorch's "batchmean" is the mean.
    """

    def __init__(self, *, from_logits: bool = True, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        self.from_logits = from_logits

    def check_targets(self, shape: Shape, targets: Any) -> None:
        if np.ndim(targets) == len(shape) - 1:
            raise ValueError("targets: expected rows of probabilities; for class indices use CrossEntropy")
        check_classes(shape, targets)

    def each_row(self, scores: Array, targets: Any) -> Each:
        self.check_targets(scores.shape, np.asarray(targets))
        rows = distributions(targets, scores)
        if self.from_logits:
            warn_of_probabilities("KLDivergence", scores)
        losses, pullback, _ = _from_logits(scores, rows) if self.from_logits else _from_probabilities(scores, rows, 1)
        with quiet():
            entropies = -np.where(rows == 0, 0, rows * np.log(rows)).sum(axis=1)
            return Each(losses - entropies, pullback)


def _from_logits(logits: Array, rows: Array) -> Each:
    """-sum of rows log_softmax(logits), for rows that needn't sum to 1."""
    log_probabilities, back = F.log_softmax(logits)
    with quiet():  # a class of no probability costs nothing, even at a logit of minus infinity
        losses = -np.where(rows == 0, 0, rows * log_probabilities).sum(axis=1)

    def pullback(parts: Array) -> Array:
        with quiet():
            return back(-rows * parts[:, None])

    return Each(losses, pullback)


def _from_probabilities(scores: Array, rows: Array, high: float | None = None) -> Each:
    check_rows_of_probabilities(scores)
    with quiet():
        probabilities, beyond = clipped(scores, high=high)
        losses = -(rows * np.log(probabilities)).sum(axis=1)
        dscores = np.where((rows == 0) | beyond, 0, -rows / probabilities)
    return Each(losses, lambda parts: dscores * parts[:, None])
