"""Cross-entropy that counts what is easy less."""

from typing import Any

import numpy as np

from minidl import functional as F
from minidl.data.labels import check_ignore_index
from minidl.losses.binary import check_gamma, times
from minidl.losses.class_weight import checked_weights, weights_for
from minidl.losses.loss import ClassLoss, Each, check_smoothing, clipped, quiet
from minidl.losses.targets import check_classes, check_rows_of_probabilities, distributions, warn_of_probabilities
from minidl.typing import Array, Shape


class FocalLoss(ClassLoss):
    """-alpha (1 - p)^gamma log p of the probability p given to the right class, from scores (n, classes).

    Scores (also of pixels), targets, `from_logits`, `label_smoothing` and `ignore_index` are those of `CrossEntropy`,
    which it is for gamma 0. `alpha`, an array (classes,) or a dict, weights the classes. The mean is over the samples,
    whatever their alpha.
    `BinaryFocalLoss` is for yes and no. Source: Lin et al., "Focal loss for dense object detection", 2017.
    """

    def __init__(
        self,
        *,
        gamma: float = 2.0,
        alpha: Any = None,
        from_logits: bool = True,
        label_smoothing: float = 0.0,
        ignore_index: int | None = None,
        reduction: str = "mean",
    ) -> None:
        check_gamma(gamma)
        check_smoothing(label_smoothing)
        check_ignore_index(ignore_index)
        super().__init__(reduction=reduction)
        self.gamma, self.alpha = gamma, checked_weights(alpha, "alpha")
        self.from_logits, self.label_smoothing = from_logits, label_smoothing
        self.ignore_index = ignore_index

    def check_targets(self, shape: Shape, targets: Any) -> None:
        check_classes(shape, targets, self.ignore_index)

    def each_row(self, scores: Array, targets: Any) -> Each:
        rows = distributions(targets, scores, label_smoothing=self.label_smoothing)
        if self.alpha is not None:
            rows *= weights_for(self.alpha, scores.shape[1], "alpha").astype(scores.dtype)
        if self.from_logits:
            warn_of_probabilities("FocalLoss", scores)
            log_p, back = F.log_softmax(scores)
        else:
            check_rows_of_probabilities(scores)
            with quiet():
                p, beyond = clipped(scores)
                log_p = np.log(p)
            back = _back_through_logarithm(p, beyond)
        with quiet():
            p, q, gamma = np.exp(log_p), np.maximum(-np.expm1(log_p), 0), scores.dtype.type(self.gamma)
            weight = q**gamma
            losses = -times(rows, weight * log_p).sum(axis=1)
            # d/d log p of weight log p; the second part is 0 where q is, and where p is.
            bend = np.where(q == 0, 0, gamma * weight / q * times(p, log_p))
            dlog_p = -times(rows, weight - bend)

        def pullback(parts: Array) -> Array:
            with quiet():
                return back(dlog_p * parts[:, None])

        return Each(losses, pullback)


def _back_through_logarithm(p: Array, beyond: Any) -> Any:
    return lambda dlog_p: np.where(beyond, 0, dlog_p / p)
