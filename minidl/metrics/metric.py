"""What every metric is: something counted batch by batch."""

import math
from typing import Any, Literal

import numpy as np

from minidl import shapes
from minidl.display import code
from minidl.errors import KeywordHints, ShapeError
from minidl.typing import Array, Shape


class Metric(KeywordHints):
    """A running count over batches: `reset()`, `update(scores, labels)` for each, then `result()`.

    `metric(scores, labels)` is the result for one batch alone. `name` is its key in a History and in `evaluate`'s dict;
    minidl's metrics take another one as `name=`. `sample_weight` (n,) says how much each sample counts, as in
    scikit-learn. `fit` and `evaluate` pass it only to their `weighted_metrics`, so other custom metrics needn't take
    it.
    """

    name: str
    each_batch = True
    """Whether `fit` asks for the result after each batch, to show it; not where that takes long."""
    better: Literal["larger", "smaller"] | None = None
    """Which values are better, for callbacks that watch them; None where that isn't known, or it's no number."""
    of_probabilities = False
    """Whether the scores are probabilities: `fit` and `evaluate` say so, after `reset`, of a model that ends in Softmax
    or Sigmoid."""

    @property
    def is_number(self) -> bool:
        """Whether the result is a single number, which callbacks can watch: not, say, where `average` is None."""
        return getattr(self, "average", "") is not None

    def __repr__(self) -> str:
        """The call that makes an equal one, which has counted nothing."""
        values = code.attributes(self)
        own = code.constructor(self).get("name")
        if own is not None and own.default is None and self.name == self._usual_name():
            values["name"] = None
        return code.call(self, values)

    def _usual_name(self) -> str:
        """The name unless another was given."""
        return getattr(type(self), "name", "")

    def _take_name(self, name: Any) -> None:
        """Take a name that isn't None in the place of the usual one. Raises TypeError unless it's a text."""
        if name is not None and not (isinstance(name, str) and name):
            raise TypeError(f"name: expected a text that isn't empty, got {name!r}")
        if name is not None:
            self.name = name

    def check_targets(self, shape: Shape, targets: Any) -> None:
        """Raise ShapeError or ValueError where labels don't fit scores of this shape, (n, ...).

        `fit` and `evaluate` ask before any work, of all labels, what `update` asks of a batch.
        """

    def reset(self) -> None:
        """Forget every batch."""
        raise NotImplementedError

    def update(self, scores: Array, labels: Any, sample_weight: Any = None) -> None:
        """Count a batch: scores (n, classes), labels as class indices (n,) or one-hot rows (n, classes)."""
        raise NotImplementedError

    def result(self) -> Any:
        """The value over all batches since `reset`; NaN, or zeros, before the first."""
        raise NotImplementedError

    def __call__(self, scores: Array, labels: Any, sample_weight: Any = None) -> Any:
        """The value for this batch alone; forgets the others."""
        self.reset()
        if sample_weight is None:
            self.update(scores, labels)
        else:
            self.update(scores, labels, sample_weight)
        return self.result()


class Share(Metric):
    """The share of what was counted that was right, by weight."""

    better = "larger"

    def reset(self) -> None:
        self.of_probabilities = False
        self._right, self._seen = 0.0, 0.0

    def add(self, right: Any, weights: Array | None) -> None:
        """Count what was right, (n,) or (n, labels), where each sample counts `weights` (n,)."""
        each = math.prod(right.shape[1:])
        if weights is None:
            self._right += int(np.count_nonzero(right))
            self._seen += right.size
        else:
            self._right += float(right.reshape(len(right), each).sum(axis=1) @ weights)
            self._seen += float(weights.sum()) * each

    def result(self) -> float:
        return self._right / self._seen if self._seen else math.nan


def checked_weights(sample_weight: Any, n: int) -> Array | None:
    """The weights (n,) in float64, or None for none. Raises ShapeError, and ValueError for NaN and what is below 0."""
    if sample_weight is None:
        return None
    weights = np.asarray(sample_weight, np.float64)
    if weights.shape != (n,):
        raise ShapeError(f"sample_weight: expected {shapes.show((n,))}, got {shapes.show(weights.shape)}")
    if n and not (weights.min() >= 0 and weights.max() < math.inf):
        raise ValueError("sample_weight: expected finite numbers of at least 0, got others")
    return weights
