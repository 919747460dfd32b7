"""How far the pixels seen as a class cover those that are of it: intersection over union."""

from typing import Any

from minidl import shapes
from minidl.errors import ShapeError
from minidl.metrics.labels import check_labels
from minidl.metrics.precision import ClassShare, divided
from minidl.typing import Array, Shape


class MeanIoU(ClassShare):
    """The mean over the classes of |seen and there| / |seen or there|, counted over all data; also the Jaccard index.

    Scores are (n, classes, h, w) with labels (n, h, w), or (n, classes) with labels (n,), as of `Accuracy`. A class
    that is neither there nor seen is left out of the mean. What has a NaN among its scores isn't seen as any class.
    `num_classes`, if given, is how many the scores must be of. Values are scikit-learn's `jaccard_score` with
    average="macro", and Keras's for classes that are all there.
    """

    name = "mean_iou"

    def __init__(self, num_classes: int | None = None, *, name: str | None = None) -> None:
        self.num_classes = None if num_classes is None else shapes.count(num_classes, "num_classes", minimum=2)
        super().__init__("macro", name=name)

    def check_targets(self, shape: Shape, targets: Any) -> None:
        self._check_classes(shape)
        check_labels(shape, targets)

    def update(self, scores: Array, labels: Any, sample_weight: Any = None) -> None:
        """Count a batch: scores (n, classes, h, w) and labels (n, h, w), or (n, classes) and (n,)."""
        self._check_classes(scores.shape)
        super().update(scores, labels, sample_weight)

    def _check_classes(self, shape: Shape) -> None:
        if len(shape) < 2 or shape[1] < 2 or self.num_classes not in (None, shape[1]):
            wanted = self.num_classes or "classes"
            expected = f"{shapes.show(('n', wanted, 'h', 'w'))} or {shapes.show(('n', wanted))}"
            raise ShapeError(f"MeanIoU: expected scores {expected}, got {shapes.show(shape)}")

    def _share(self, right: Array, seen: Array, there: Array) -> Array:
        return divided(right, seen + there - right)
