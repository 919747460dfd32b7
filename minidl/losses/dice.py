"""Dice loss: how far the pixels of each class, by their probabilities, are from those that are of it."""

import math
from typing import Any

import numpy as np

from minidl import functional as F
from minidl import shapes
from minidl.data.labels import as_numbers, check_ignore_index, pixel_rows
from minidl.errors import ShapeError
from minidl.functional.origin import marked_like
from minidl.losses.loss import ClassLoss, Each, quiet
from minidl.losses.targets import check_classes, check_rows_of_probabilities, distributions, warn_of_probabilities
from minidl.numeric import in_range
from minidl.typing import Array, Shape


class DiceLoss(ClassLoss):
    """1 - the mean over the classes of (2 sum of p t + smooth) / (sum of p + sum of t + smooth), for each image.

    The sums are over an image's pixels, p their probabilities of the class, and t their targets: scores are
    (n, classes, h, w), with class indices (n, h, w) or rows of probabilities of the scores' shape. A small class counts
    as much as a large one. Pixels whose index is `ignore_index` are left out; the loss of none at all is 0. `smooth`
    above 0 keeps the quotient of a class that is neither there nor seen at 1. `from_logits=False` takes probabilities.
    Raises ShapeError and ValueError for what doesn't fit. Source: Milletari et al., "V-Net", 2016, with the sum of p
    and not of its square, as in MONAI.
    """

    def __init__(
        self,
        *,
        smooth: float = 1.0,
        from_logits: bool = True,
        ignore_index: int | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(reduction=reduction)
        if not in_range(smooth, above=True):
            raise ValueError(f"smooth: expected a finite number above 0, got {smooth!r}")
        check_ignore_index(ignore_index)
        self.smooth, self.from_logits, self.ignore_index = smooth, from_logits, ignore_index

    def check_targets(self, shape: Shape, targets: Any) -> None:
        if len(shape) < 3:
            raise ShapeError(f"DiceLoss: expected scores (n, classes, h, w), got {shapes.show(shape)}")
        check_classes(shape, targets, self.ignore_index)

    def each(self, scores: Array, targets: Any) -> Each:
        targets = as_numbers(targets, "targets")
        self.check_targets(scores.shape, targets)
        n, classes, *size = scores.shape
        labels = pixel_rows(targets) if targets.ndim == scores.ndim else targets.reshape(-1)
        ignored = np.zeros(labels.shape, bool) if self.ignore_index is None else labels == self.ignore_index
        ignored = ignored[:, None] if labels.ndim == 1 else ignored
        rows = pixel_rows(scores)
        if self.from_logits:
            warn_of_probabilities("DiceLoss", marked_like(rows, scores))
            rows, back = F.softmax(rows)
        else:
            check_rows_of_probabilities(rows)
        there = distributions(np.where(ignored.reshape(labels.shape), 0, labels), rows)
        of_images = (n, math.prod(size), classes)
        p, t = (np.where(ignored, 0, each).reshape(of_images) for each in (rows, there))
        with quiet():
            both = 2 * (p * t).sum(axis=1, dtype=np.float64) + self.smooth
            whole = p.sum(axis=1, dtype=np.float64) + t.sum(axis=1, dtype=np.float64) + self.smooth
            losses = 1 - (both / whole).mean(axis=1)

        def pullback(parts: Array) -> Array:
            each = parts[:, None] / (classes * whole)
            with quiet():
                dp = ((both / whole * each)[:, None] - 2 * t * each[:, None]).reshape(rows.shape).astype(rows.dtype)
                dscores = np.where(ignored, 0, back(dp) if self.from_logits else dp)
            return np.moveaxis(dscores.reshape(n, *size, classes), -1, 1)

        return Each(losses.astype(scores.dtype), pullback)
