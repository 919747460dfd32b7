"""What scikit-learn calls X, rows or images, as the samples that a network takes."""

import math
from collections.abc import Sequence
from typing import Any

from sklearn.utils.validation import validate_data

from minidl import shapes
from minidl.errors import ShapeError
from minidl.typing import Array, Shape


def validated(estimator: Any, X: Any, y: Any, *, reset: bool, **of_targets: Any) -> tuple[Array, Array]:
    """X and y as arrays of finite numbers, of the same length. Raises ValueError and TypeError as scikit-learn does.

    With `reset`, what columns of a data frame are called becomes `feature_names_in_`; else they must be the same.
    """
    x, targets = validate_data(
        estimator, X, y, reset=reset, dtype="numeric", ensure_2d=False, allow_nd=True, **of_targets
    )
    return x, targets


def validated_samples(estimator: Any, X: Any) -> Array:
    """X alone, for an estimator that has been fitted, in the shape that its network takes.

    Raises ValueError for samples that aren't like those of the training.
    """
    x: Array = validate_data(estimator, X, reset=False, dtype="numeric", ensure_2d=False, allow_nd=True)
    return fitted(estimator, x)


def input_shape_of(x: Array, image_shape: Sequence[int] | None) -> Shape:
    """The shape of one sample for a network: (features,) of rows, (c, h, w) of images.

    Rows (n, features) are images where `image_shape`, (h, w) or (c, h, w), says so; (n, h, w) and (n, c, h, w) are
    images anyway. Raises ShapeError for another number of axes, and for an `image_shape` that X doesn't fit.
    """
    given = None if image_shape is None else _with_channels(image_shape)
    found = _shape(x)
    if given is None or found == given:
        return found
    if len(found) == 1 and math.prod(given) == found[0]:
        return given
    raise ShapeError(
        f"image_shape: expected {shapes.show(given)}, {math.prod(given)} numbers, as samples of X, got "
        f"{shapes.show(found)}"
    )


def fitted(estimator: Any, x: Array) -> Array:
    """The samples in the shape that the estimator's network takes. Raises ShapeError for another number of features."""
    wanted, found = estimator.input_shape_, _shape(x)
    features = math.prod(found)
    if features != estimator.n_features_in_:  # in scikit-learn's own words
        raise ShapeError(
            f"X has {features} features, but {type(estimator).__name__} is expecting {estimator.n_features_in_} "
            "features as input"
        )
    if found != wanted and len(found) > 1:
        raise ShapeError(f"X has samples {shapes.show(found)}, and those of the training were {shapes.show(wanted)}")
    return x.reshape(len(x), *wanted)


def _with_channels(image_shape: Any) -> Shape:
    """(c, h, w), also of (h, w)."""
    if not isinstance(image_shape, Sequence) or isinstance(image_shape, str) or len(image_shape) not in (2, 3):
        raise ShapeError(f"image_shape: expected (h, w) or (c, h, w), got {image_shape!r}")
    sizes = tuple(shapes.count(size, "image_shape") for size in image_shape)
    return sizes if len(sizes) == 3 else (1, *sizes)


def _shape(x: Array) -> Shape:
    if x.ndim not in (2, 3, 4):
        raise ShapeError(
            f"expected a 2D array of rows (n, features), or images (n, h, w) or (n, c, h, w), got {x.ndim}D array "
            f"{shapes.show(x.shape)}. Reshape your data: X.reshape(-1, 1) for a single feature, X[None] for one sample"
        )
    return tuple(x.shape[1:]) if x.ndim != 3 else (1, *x.shape[1:])
