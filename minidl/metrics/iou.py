"""How far the pixels seen as a class cover those that are of it: intersection over union, and Dice's coefficient."""

from typing import Any

from minidl import shapes
from minidl.errors import ShapeError
from minidl.metrics.labels import check_labels
from minidl.metrics.precision import ClassShare, divided
from minidl.typing import Array, Shape


class _Overlap(ClassShare):
    """How much of a class is both seen and there, for scores of at least two classes, or of pixels' yes and no."""

    def __init__(
        self,
        num_classes: int | None = None,
        *,
        average: str | None = "macro",
        threshold: float | None = None,
        ignore_index: int | None = None,
        name: str | None = None,
    ) -> None:
        self.num_classes = None if num_classes is None else shapes.count(num_classes, "num_classes", minimum=2)
        super().__init__(average, threshold=threshold, ignore_index=ignore_index, name=name)

    def check_targets(self, shape: Shape, targets: Any) -> None:
        self._check_classes(shape)
        check_labels(shape, targets, or_yes_or_no=True, ignore_index=self.ignore_index)

    def update(self, scores: Array, labels: Any, sample_weight: Any = None) -> None:
        """Count a batch: scores (n, classes, h, w) and labels (n, h, w), or (n, classes) and (n,)."""
        self._check_classes(scores.shape)
        super().update(scores, labels, sample_weight)

    def _check_classes(self, shape: Shape) -> None:
        if len(shape) < 2 or self.num_classes not in (None, max(shape[1], 2)):
            wanted = self.num_classes or "classes"
            expected = f"{shapes.show(('n', wanted, 'h', 'w'))} or {shapes.show(('n', wanted))}"
            raise ShapeError(f"{type(self).__name__}: expected scores {expected}, got {shapes.show(shape)}")


class MeanIoU(_Overlap):
    """The mean over the classes of |seen and there| / |seen or there|, counted over all data; also the Jaccard index.

    Scores are (n, classes, h, w) with labels (n, h, w), or (n, classes) with labels (n,), as of `Accuracy`. A class
    that is neither there nor seen is left out of the mean. What has a NaN among its scores isn't seen as any class, and
    what has the class index `ignore_index` isn't counted. `num_classes`, if given, is how many the scores must be of.
    `average` may be another one of `Precision`'s; None is an array (classes,), 0 for a class that is nowhere. Scores
    (n, 1, h, w) say yes, class 1, where they are above `threshold`, which is as of `Precision`, and no elsewhere;
    average="binary" is then that of yes. Values are scikit-learn's `jaccard_score`, and Keras's for classes that are
    all there.
    """

    name = "mean_iou"

    def _share(self, right: Array, seen: Array, there: Array) -> Array:
        return divided(right, seen + there - right)


class Dice(_Overlap):
    """The mean over the classes of 2 |seen and there| / (|seen| + |there|), counted over all data: their F1.

    Scores, labels, `num_classes`, `average`, `threshold` and `ignore_index` are as of `MeanIoU`, and values
    scikit-learn's `f1_score`. `DiceLoss`, which trains for it, goes by probabilities, and image by image.
    """

    name = "dice"

    def _share(self, right: Array, seen: Array, there: Array) -> Array:
        return divided(2 * right, seen + there)
