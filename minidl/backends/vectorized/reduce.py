"""Sums, means, maxima and lengths along axes."""

import math
from collections.abc import Sequence

import numpy as np

from minidl.backends.vectorized.windows import quiet
from minidl.typing import Array

__all__ = ["argmax", "reduce", "reduce_backward"]


@quiet
def reduce(name: str, x: Array, *, axes: tuple[int, ...]) -> Array:
    """Along axes, which are 1 long in y."""
    if name == "max":
        largest: Array = np.max(x, axis=axes, keepdims=True)
        return largest
    total: Array = np.sum(x * x if name == "l2" else x, axis=axes, keepdims=True)
    if name == "l2":
        return np.sqrt(total, out=total)
    return total / x.dtype.type(math.prod(x.shape[axis] for axis in axes)) if name == "mean" else total


@quiet
def reduce_backward(name: str, dy: Array, x: Array | None, y: Array | None, *, shape: tuple[int, ...]) -> Array:
    """Along the axes that are 1 long in dy alone."""
    axes = [axis for axis, size in enumerate(shape) if dy.shape[axis] != size]
    if name == "max":
        assert x is not None
        return _to_first_largest(dy, x, axes)
    if name == "l2":
        assert x is not None
        assert y is not None
        share: Array = np.divide(dy, y, out=np.zeros_like(dy), where=y != 0)
        return share * x
    count = math.prod(shape[axis] for axis in axes) if name == "mean" else 1
    return np.array(np.broadcast_to(dy / dy.dtype.type(count), shape))


@quiet
def argmax(x: Array, *, axis: int) -> Array:
    """The place of the largest value along an axis, as a float."""
    where: Array = np.argmax(x, axis=axis, keepdims=True).astype(x.dtype)
    return where


def _to_first_largest(dy: Array, x: Array, axes: Sequence[int]) -> Array:
    others = [axis for axis in range(x.ndim) if axis not in axes]
    order = [*others, *axes]
    moved = x.transpose(order)
    rows = moved.reshape(dy.size, math.prod(x.shape[axis] for axis in axes))
    dx = np.zeros_like(rows)
    np.put_along_axis(dx, np.argmax(rows, axis=1, keepdims=True), dy.transpose(order).reshape(-1, 1), 1)
    return dx.reshape(moved.shape).transpose(np.argsort(order))
