"""How much each class counts: a number for each, in an array, or by class in a dict."""

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np

from minidl.errors import ShapeError
from minidl.numeric import in_range
from minidl.typing import Array

ClassWeights: TypeAlias = Array | dict[int, float]


def checked_weights(weights: Any, name: str = "class_weight") -> ClassWeights | None:
    """The weights as a vector, a dict as a dict. Raises ValueError unless they're finite, of at least 0, not all 0."""
    if weights is None:
        return None
    if isinstance(weights, str):
        hint = '; a loss doesn\'t see all labels: give class_weights(labels), or fit(class_weight="balanced")'
        raise ValueError(f"{name}: expected a number for each class, got {weights!r}{hint}")
    if isinstance(weights, Mapping):
        for index, weight in weights.items():
            if isinstance(index, bool) or not hasattr(index, "__index__") or index < 0:
                raise ValueError(f"{name}: expected classes as integers from 0 on, got {index!r}")
            if not in_range(weight):
                raise ValueError(f"{name}: expected finite numbers of at least 0, got {weight!r} for {index!r}")
        return {int(index): float(weight) for index, weight in weights.items()}
    try:
        vector = np.asarray(weights, np.float64)
    except (TypeError, ValueError):
        vector = np.zeros(0)
    if vector.ndim != 1 or not vector.size or not (vector.min() >= 0 and 0 < vector.sum() < np.inf):
        raise ValueError(f"{name}: expected a finite number of at least 0 for each class, not all 0, got {weights!r}")
    return vector


def weights_for(weights: ClassWeights, classes: int, name: str = "class_weight") -> Array:
    """The weight of each class (classes,), which is 1 for one that a dict doesn't name.

    Raises ShapeError for a vector of another length, and ValueError for a class that there isn't.
    """
    if not isinstance(weights, dict):
        if len(weights) != classes:
            raise ShapeError(f"{name}: expected {classes} numbers, one for each class, got {len(weights)}")
        return weights
    vector = np.ones(classes)
    for index, weight in weights.items():
        if index >= classes:
            raise ValueError(f"{name}: expected classes from 0 to {classes - 1}, got {index}")
        vector[index] = weight
    return vector
