"""Operators of rows, along any axis of arrays."""

import numpy as np

from minidl.typing import Array, Shape


def as_rows(x: Array, axis: int) -> Array:
    """The values along an axis of x as rows (m, length)."""
    moved = np.moveaxis(x, axis, -1)
    return moved.reshape(moved.size // max(x.shape[axis], 1), x.shape[axis])


def from_rows(rows: Array, shape: Shape, axis: int) -> Array:
    """The array of this shape that `as_rows` made rows of."""
    moved = (*shape[:axis], *shape[axis + 1 :], shape[axis])
    return np.moveaxis(rows.reshape(moved), -1, axis)
