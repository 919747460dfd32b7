"""Activations."""

import numpy as np

from minidl.typing import Array


def relu(x: Array) -> Array:
    """max(x, 0); `np.maximum` keeps NaN."""
    return np.maximum(x, x.dtype.type(0))


def relu_backward(dy: Array, y: Array) -> Array:
    """Dy where y isn't zero; a choice, not a product, which would make NaN of an infinite dy."""
    return np.where(y <= 0, dy.dtype.type(0), dy)
