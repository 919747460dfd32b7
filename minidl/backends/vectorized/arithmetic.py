"""Operators of two and three arrays, number by number, by NumPy's broadcasting."""

from collections.abc import Callable

import numpy as np

from minidl.backends.vectorized.windows import quiet
from minidl.typing import Array, Shape

__all__ = ["arithmetic", "arithmetic_backward", "where", "where_backward"]


@quiet
def arithmetic(kind: str, a: Array, b: Array) -> Array:
    """Y by the formula of this kind."""
    return FORMULAS[kind][0](a, b)


@quiet
def arithmetic_backward(kind: str, dy: Array, a: Array, b: Array) -> tuple[Array, Array]:
    """(da, db)."""
    da, db = FORMULAS[kind][1](dy, a, b)
    return summed(da, a.shape), summed(db, b.shape)


def where(condition: Array, x: Array, y: Array) -> Array:
    """X where the condition isn't 0, else y."""
    return np.where(condition != 0, x, y)


def where_backward(dz: Array, condition: Array, x: Array, y: Array) -> tuple[Array, Array]:
    """(dx, dy)."""
    is_x, zero = condition != 0, dz.dtype.type(0)
    return summed(np.where(is_x, dz, zero), x.shape), summed(np.where(is_x, zero, dz), y.shape)


def summed(gradient: Array, shape: Shape) -> Array:
    """The gradient of what was repeated along its axes of length 1: sums in order, along the last axis first."""
    for axis in reversed(range(len(shape))):
        if gradient.shape[axis] != shape[axis]:
            count = gradient.shape[axis]
            total = np.zeros((*gradient.shape[:axis], 1, *gradient.shape[axis + 1 :]), gradient.dtype)
            gradient = np.add.accumulate(gradient, axis=axis).take([-1], axis=axis) if count else total
    return gradient


def _divide_backward(dy: Array, a: Array, b: Array) -> tuple[Array, Array]:
    da = dy / b
    return da, -(da * (a / b))


def _shared(dy: Array, is_less: Array, is_more: Array, is_equal: Array) -> tuple[Array, Array]:
    """All of dy to the one that won, of equal ones half to each; a choice, as an infinite dy times 0 is NaN."""
    half, zero = np.where(is_equal, dy / 2, dy), dy.dtype.type(0)
    return np.where(is_less, zero, half), np.where(is_more, zero, half)


def _pow_backward(dy: Array, a: Array, b: Array) -> tuple[Array, Array]:
    """B a^(b - 1), 0 where b is; and a^b log(a), 0 where a is and b isn't below it."""
    zero = dy.dtype.type(0)
    da = np.where(b == 0, zero, dy * (b * np.power(a, b - 1)))
    return da, np.where((a == 0) & (b >= 0), zero, dy * (np.power(a, b) * np.log(a)))


FORMULAS: dict[str, tuple[Callable[..., Array], Callable[..., tuple[Array, Array]]]] = {
    "add": (np.add, lambda dy, a, b: (dy, dy)),
    "divide": (np.divide, _divide_backward),
    "maximum": (np.maximum, lambda dy, a, b: _shared(dy, a < b, a > b, a == b)),
    "minimum": (np.minimum, lambda dy, a, b: _shared(dy, a > b, a < b, a == b)),
    "multiply": (np.multiply, lambda dy, a, b: (dy * b, dy * a)),
    "pow": (np.power, _pow_backward),
    "subtract": (np.subtract, lambda dy, a, b: (dy, -dy)),
}
"""(y by a and b, (da, db) by dy, a and b)."""
