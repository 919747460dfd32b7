"""What every metric is: something counted batch by batch; and how labels and scores are read."""

from typing import Any, Literal

import numpy as np

from minidl import representation, shapes
from minidl.errors import KeywordHints, ShapeError
from minidl.typing import Array, IntArray


class Metric(KeywordHints):
    """A running count over batches: `reset()`, `update(scores, labels)` for each, then `result()`.

    metric(scores, labels) is the result for these alone. `name` is its key in a History and in `evaluate`'s dict.
    """

    name: str
    better: Literal["larger", "smaller"] | None = None
    """Which values are better, for callbacks that watch them; None where that isn't known."""
    each_batch = True
    """Whether `fit` asks for the result after each batch, to show it; not where that takes long."""

    @property
    def is_number(self) -> bool:
        """Whether the result is a single number, which callbacks can watch: not, say, where `average` is None."""
        return getattr(self, "average", "") is not None

    def __repr__(self) -> str:
        """The call that makes an equal one, which has counted nothing."""
        return representation.call(self, representation.attributes(self))

    def reset(self) -> None:
        """Forget every batch."""
        raise NotImplementedError

    def update(self, scores: Array, labels: Any) -> None:
        """Count a batch: scores (n, classes), labels as class indices (n,) or one-hot rows (n, classes)."""
        raise NotImplementedError

    def result(self) -> Any:
        """The value over all batches since `reset`; NaN, or zeros, before the first."""
        raise NotImplementedError

    def __call__(self, scores: Array, labels: Any) -> Any:
        """The value for this batch alone; forgets the others."""
        self.reset()
        self.update(scores, labels)
        return self.result()


def class_indices(scores: Array, labels: Any) -> IntArray:
    """The labels as class indices (n,). Raises ShapeError and ValueError for what doesn't fit."""
    shapes.expect("scores ", scores.shape, ("n", "classes"))
    labels = np.asarray(labels)
    if labels.shape == scores.shape:
        return np.asarray(labels.argmax(axis=1), np.intp)
    if labels.shape != scores.shape[:1]:
        expected = f"{shapes.show(scores.shape[:1])} class indices or {shapes.show(scores.shape)} one-hot rows"
        raise ShapeError(f"labels: expected {expected}, got {shapes.show(labels.shape)}")
    if not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"labels: expected class indices as integers, got {labels.dtype}")
    if len(labels) and not 0 <= labels.min() <= labels.max() < scores.shape[1]:
        hint = "; of one score a sample, use BinaryAccuracy" if scores.shape[1] == 1 else ""
        raise ValueError(f"labels: expected class indices from 0 to {scores.shape[1] - 1}, got others{hint}")
    return np.asarray(labels, np.intp)  # ConfusionMatrix computes with them, which bytes would overflow


def is_binary(scores: Array) -> bool:
    """Whether there's one score for each sample, (n,) or (n, 1), which says yes or no."""
    return scores.ndim == 1 or (scores.ndim == 2 and scores.shape[1] == 1)


def yes_or_no(scores: Array, labels: Any) -> tuple[Array, IntArray]:
    """Scores (n,) and labels (n,) of 0 and 1. Raises ShapeError and ValueError for what doesn't fit."""
    labels = np.asarray(labels)
    if labels.shape not in (scores.shape, scores.shape[:1]):
        raise ShapeError(f"labels: expected {shapes.show(scores.shape)}, got {shapes.show(labels.shape)}")
    if not np.isin(labels, (0, 1)).all():
        raise ValueError("labels: expected 0 and 1, got others")
    return scores.reshape(-1), np.asarray(labels.reshape(-1), np.intp)
