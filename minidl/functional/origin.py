"""Which arrays a sigmoid gave: what is from 0 to 1 may be logits or probabilities, and only who made it can tell."""

import weakref
from typing import Any

import numpy as np

from minidl.typing import Array

_known: dict[int, "weakref.ref[Array]"] = {}
"""What a sigmoid gave, by the identity of the array that owns its memory."""


def mark_sigmoid(y: Array) -> Array:
    """Remember that a sigmoid gave this array, for as long as it lives; returns it."""
    key = id(_owner(y))

    def forget(reference: Any) -> None:
        if _known.get(key) is reference:  # and not that of a later array in the same place
            _known.pop(key, None)

    _known[key] = weakref.ref(y, forget)
    return y


def is_from_sigmoid(x: Array) -> bool:
    """Whether this is such an array, or a view of one: a column, or another shape."""
    reference = _known.get(id(_owner(x)))
    y = None if reference is None else reference()
    return y is not None and (x is y or (_owner(x) is _owner(y) and np.may_share_memory(x, y)))


def marked_like(y: Array, x: Array) -> Array:
    """y, the numbers of x in another order, remembered as what a sigmoid gave if x is; returns y."""
    return mark_sigmoid(y) if is_from_sigmoid(x) and not is_from_sigmoid(y) else y


def _owner(array: Array) -> Any:
    return array if array.base is None else array.base
