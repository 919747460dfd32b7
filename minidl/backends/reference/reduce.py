"""Sums, means, maxima and lengths along axes, whose gradients go back along them."""

import math

import numpy as np

from minidl.backends.reference.numbers import quiet

__all__ = ["argmax", "reduce", "reduce_backward"]


def _along(x, index, axes):
    """The indices of the values that become the one at `index`, which is 0 along these axes, in their order."""
    for place in np.ndindex(*(x.shape[axis] if axis in axes else 1 for axis in range(x.ndim))):
        yield tuple(i + j for i, j in zip(index, place, strict=True))


def _first_largest(x, index, axes):
    """Which of them is the largest: the first of several, and the first NaN before all others."""
    best, where = None, None
    for place in _along(x, index, axes):
        value = float(x[place])
        if best is None or value > best or (math.isnan(value) and not math.isnan(best)):
            best, where = value, place
    return where


@quiet
def reduce(name, x, *, axes):
    """The "sum", "mean", "max" or "l2", the root of the sum of squares, along axes, which are 1 long in y."""
    y = np.zeros([1 if axis in axes else x.shape[axis] for axis in range(x.ndim)], x.dtype)
    count = math.prod(x.shape[axis] for axis in axes)
    for index in np.ndindex(*y.shape):
        values = [float(x[place]) for place in _along(x, index, axes)]
        if name == "max":
            y[index] = x[_first_largest(x, index, axes)]
        elif name == "l2":
            y[index] = math.sqrt(sum(value * value for value in values))
        else:
            y[index] = sum(values) / (count if name == "mean" else 1)
    return y


@quiet
def reduce_backward(name, dy, x, y, *, shape):
    """dx of `reduce` for x of this shape; x and y are needed for "max", to the first of several, and "l2", 0 at 0."""
    dx = np.zeros(shape, dy.dtype)
    axes = [axis for axis in range(dx.ndim) if dy.shape[axis] != shape[axis]]
    count = math.prod(shape[axis] for axis in axes)
    for index in np.ndindex(*dy.shape):
        slope = float(dy[index])
        if name == "max":
            dx[_first_largest(x, index, axes)] = slope
            continue
        for place in _along(dx, index, axes):
            if name == "l2":
                dx[place] = slope * float(x[place]) / float(y[index]) if y[index] != 0 else 0.0
            else:
                dx[place] = slope / (count if name == "mean" else 1)
    return dx


@quiet
def argmax(x, *, axis):
    """The place of the largest value along an axis, the first of several or of NaN, as a float."""
    y = np.zeros([1 if i == axis else x.shape[i] for i in range(x.ndim)], x.dtype)
    for index in np.ndindex(*y.shape):
        y[index] = _first_largest(x, index, (axis,))[axis]
    return y
