"""Average precision: the area under the curve of precision by recall, in steps."""

from typing import Any

import numpy as np

from minidl.metrics.precision import divided
from minidl.metrics.ranking import Ranking, by_score
from minidl.typing import Array


class AveragePrecision(Ranking):
    """The mean of the precisions at the scores of a class's samples, where all that score as high are seen as it.

    This is the area under the curve of precision by recall in steps, which takes no line between two points for
    precision that nobody measured, as trapezoids would. It tells more than `ROCAUC` where a class is rare: scores that
    know nothing give its share of the samples. Values are scikit-learn's `average_precision_score`: 0 for a class
    without samples.

    Scores, labels, `from_logits` and `multilabel` are as of `ROCAUC`, and so is `average`, which may be "micro" for
    classes, too. It keeps all scores, and `fit` asks for it once an epoch.
    """

    name = "average_precision"
    averages = ("macro", "micro", "weighted")
    nothing = 0.0

    def _of(self, scores: Array, own: Any, weights: Array) -> float:
        if np.isnan(scores).any() or not weights.any():
            return float("nan")
        ours, others = (counts[::-1] for counts in by_score(scores, own, weights))
        right = np.cumsum(ours)
        return float(ours @ divided(right, right + np.cumsum(others)) / right[-1]) if right[-1] else 0.0
