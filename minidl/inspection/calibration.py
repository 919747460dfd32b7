"""How sure a classifier is of its answers, beside how often they are right."""

from typing import Any, NamedTuple

import numpy as np

from minidl import shapes
from minidl.inspection.samples import probabilities
from minidl.metrics.labels import class_indices
from minidl.typing import Array, IntArray


class Calibration(NamedTuple):
    """The answers in bins of equal width, by their probability; those of bins that have none are NaN.

    `confidence` (bins,) is the mean probability of the class that was said, `accuracy` (bins,) the share of answers
    that are right, as large as that if probabilities are true, and `counts` (bins,) how many answers there are. `error`
    is the expected calibration error: the mean over all answers of how far apart the two are in their bin.
    """

    confidence: Array
    accuracy: Array
    counts: IntArray
    error: float


def calibration(scores: Any, labels: Any, *, bins: int = 10) -> Calibration:
    """The Calibration of scores (n, classes), logits or probabilities, for labels (n,) or one-hot rows.

    A bin has answers from above its lower end up to its upper end. From Guo et al., "On Calibration of Modern Neural
    Networks" (2017). Raises ShapeError and ValueError.
    """
    shapes.count(bins, "bins")
    rows = probabilities(scores)
    right = class_indices(rows, labels) == rows.argmax(axis=1)
    sure = rows.max(axis=1).astype(np.float64)
    places = (np.ceil(sure * bins).astype(np.int64) - 1).clip(0, bins - 1)
    counts = np.bincount(places, minlength=bins)
    sums = [np.bincount(places, weights=values, minlength=bins) for values in (sure, right)]
    confidence, accuracy = (np.divide(s, counts, out=np.full(bins, np.nan), where=counts > 0) for s in sums)
    return Calibration(confidence, accuracy, counts, float(abs(sums[0] - sums[1]).sum() / max(1, len(sure))))
