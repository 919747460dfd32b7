"""The area under the ROC curve: how often one of a class scores higher than one that isn't."""

from typing import Any

import numpy as np

from minidl.metrics.ranking import Ranking, by_score
from minidl.typing import Array


class ROCAUC(Ranking):
    """The probability that a sample of a class has a higher score than one of another; equal scores count half.

    Scores (n,) or (n, 1) with labels 0 and 1 give the area of class 1. Scores (n, classes) give that of each class
    against the rest: their mean ("macro"), that weighted by the samples ("weighted"), or an array (average None).
    Logits of several classes become probabilities first, since those of different rows don't compare;
    `from_logits=False` takes probabilities. None is True; for a model that ends in Softmax or Sigmoid, `fit` and
    `evaluate` take it as False.

    With `multilabel=True` scores are (n, labels), with multi-hot rows of 0 and 1 for labels, and each label has an area
    of its own; "micro" is that of all of them together. NaN where a class, or the rest, has no samples: "weighted"
    leaves out classes without samples. It keeps all scores, and `fit` asks for it once an epoch.
    """

    name = "roc_auc"
    averages = ("macro", "weighted")
    nothing = float("nan")

    def _of(self, scores: Array, own: Any, weights: Array) -> float:
        """Mann and Whitney's count of the pairs that are in order, over that of all; a pair weighs as both do."""
        if np.isnan(scores).any():
            return float("nan")
        ours, others = by_score(scores, own, weights)
        pairs = ours.sum() * others.sum()
        below = np.cumsum(others) - others
        return float(ours @ (below + others / 2) / pairs) if pairs else float("nan")
