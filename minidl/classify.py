"""From a picture's file to the names of its classes, for a model that knows how its pictures are read."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from minidl import functional as F
from minidl.errors import ShapeError
from minidl.losses.joined import gives_probabilities
from minidl.module import Module
from minidl.typing import Array

if TYPE_CHECKING:
    from minidl.datasets.preprocessing import Preprocessing

NAMES_UNKNOWN = (
    "the model doesn't know its classes, nor how pictures are read for it: train it on a Dataset of pictures, or set "
    "model.preprocessing = ml.datasets.Preprocessing(class_names, size)"
)


def classified(
    model: Module,
    predict: Callable[[Array], Array],
    source: Any,
    *,
    top: int | None = None,
    max_pixels: int | None = None,
) -> list[tuple[str, float]]:
    """What `Model.classify` gives, by `predict`, which may be a snapshot's."""
    preprocessing: Preprocessing | None = getattr(model, "preprocessing", None)
    if preprocessing is None:
        raise ValueError(NAMES_UNKNOWN)
    if top is not None and (not isinstance(top, int) or top < 1):
        raise ValueError(f"top: expected a whole number of at least 1, got {top!r}")
    more = {} if max_pixels is None else {"max_pixels": max_pixels}
    image = preprocessing.read(source, **more)
    row = probabilities_of(model, predict(image[None]), len(preprocessing.class_names))[0]
    order = (-row).argsort(kind="stable")[:top]
    return [(preprocessing.class_names[k], float(row[k])) for k in order]


def probabilities_of(model: Module, scores: Array, classes: int | None = None) -> Array:
    """Probabilities (n, classes): the model's scores, through softmax unless it ends in Softmax or Sigmoid.

    Raises ShapeError for scores of another shape, and of a single class, of which a softmax would always be sure.
    """
    if scores.ndim != 2 or scores.shape[1] < 2 or (classes is not None and scores.shape[1] != classes):
        wanted = "at least two" if classes is None else str(classes)
        raise ShapeError(f"expected a model that gives scores (n, classes), got {scores.shape}; {wanted} classes")
    probabilities: Array = scores if gives_probabilities(model) else F.softmax(scores)[0]
    return probabilities
