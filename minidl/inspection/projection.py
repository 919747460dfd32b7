"""Principal components: the few directions in which features differ most."""

from typing import Any

import numpy as np

from minidl import shapes
from minidl.arraylike import array_of
from minidl.errors import ShapeError, keyword_hints
from minidl.typing import Array


@keyword_hints
def principal_components(features: Any, *, count: int = 2) -> Array:
    """Features (n, ...) along the `count` directions in which they vary most: (n, count), around zero.

    Each sample's features are taken as one vector. The sign of a direction is such that its largest part is positive.
    The share of the variance that a direction explains is `y.var(axis=0) / x.var(axis=0).sum()`. Raises ShapeError
    where there are fewer samples or features than directions, and ValueError for values that aren't finite.
    """
    shapes.count(count, "count")
    features = array_of(features, "features")
    if features.ndim < 2:
        raise ShapeError(f"expected features (n, features), got {shapes.show(features.shape)}")
    x = features.reshape(len(features), -1).astype(np.float64)
    if min(x.shape) < count:
        raise ShapeError(f"expected at least {count} samples and features, got {shapes.show(x.shape)}")
    if not np.isfinite(x).all():
        raise ValueError("expected features that are finite, got NaN or infinity among them")
    x -= x.mean(axis=0)
    directions = np.linalg.svd(x, full_matrices=False)[2][:count]
    largest = np.abs(directions).argmax(axis=1)
    directions *= np.where(directions[np.arange(count), largest] < 0, -1, 1)[:, None]
    return np.asarray(x @ directions.T)
