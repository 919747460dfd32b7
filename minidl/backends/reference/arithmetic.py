"""Operators of two and three arrays, number by number: what is 1 long along an axis is repeated along it."""

import math

import numpy as np

from minidl.backends.reference.numbers import divide, natural_log, power, quiet

__all__ = ["arithmetic", "arithmetic_backward", "where", "where_backward"]


@quiet
def arithmetic(kind, a, b):
    """y by the formula of this kind, index by index."""
    y = np.zeros(np.broadcast_shapes(a.shape, b.shape), a.dtype)
    for index in np.ndindex(y.shape):
        y[index] = FORMULAS[kind][0](float(a[_of(a, index)]), float(b[_of(b, index)]))
    return y


@quiet
def arithmetic_backward(kind, dy, a, b):
    """(da, db)."""
    da, db = np.zeros(a.shape), np.zeros(b.shape)
    for index in np.ndindex(dy.shape):
        of_a, of_b = _of(a, index), _of(b, index)
        first, second = FORMULAS[kind][1](float(dy[index]), float(a[of_a]), float(b[of_b]))
        da[of_a] += first
        db[of_b] += second
    return da.astype(a.dtype), db.astype(b.dtype)


@quiet
def where(condition, x, y):
    """x where the condition isn't 0, else y."""
    z = np.zeros(np.broadcast_shapes(condition.shape, x.shape, y.shape), x.dtype)
    for index in np.ndindex(z.shape):
        z[index] = x[_of(x, index)] if condition[_of(condition, index)] != 0 else y[_of(y, index)]
    return z


@quiet
def where_backward(dz, condition, x, y):
    """(dx, dy)."""
    dx, dy = np.zeros(x.shape), np.zeros(y.shape)
    for index in np.ndindex(dz.shape):
        if condition[_of(condition, index)] != 0:
            dx[_of(x, index)] += float(dz[index])
        else:
            dy[_of(y, index)] += float(dz[index])
    return dx.astype(x.dtype), dy.astype(y.dtype)


def _of(array, index):
    """The place in an array that is repeated."""
    return tuple(0 if length == 1 else i for i, length in zip(index, array.shape, strict=True))


def _add(a, b):
    return a + b


def _add_backward(dy, a, b):
    return dy, dy


def _subtract(a, b):
    return a - b


def _subtract_backward(dy, a, b):
    return dy, -dy


def _multiply(a, b):
    return a * b


def _multiply_backward(dy, a, b):
    return dy * b, dy * a


def _divide_backward(dy, a, b):
    """1 / b, and minus y / b."""
    return divide(dy, b), -divide(dy, b) * divide(a, b)


def _minimum(a, b):
    """The smaller one; NaN if either is."""
    return a if a <= b or math.isnan(a) else b


def _minimum_backward(dy, a, b):
    """All of dy to the smaller one, of equal ones half to each."""
    return _shared(dy, b - a if a != b else 0.0)


def _maximum(a, b):
    """The larger one; NaN if either is."""
    return a if a >= b or math.isnan(a) else b


def _maximum_backward(dy, a, b):
    return _shared(dy, a - b if a != b else 0.0)


def _shared(dy, lead):
    """(what goes to the first, and to the second), by how far the first leads: NaN gives all to both."""
    if lead == 0:
        return dy / 2, dy / 2
    return 0.0 if lead < 0 else dy, 0.0 if lead > 0 else dy


def _pow_backward(dy, a, b):
    """b a^(b - 1), 0 where b is; and a^b log(a), 0 where a is and b isn't below it."""
    first = 0.0 if b == 0 else dy * (b * power(a, b - 1))
    return first, 0.0 if a == 0 and b >= 0 else dy * (power(a, b) * natural_log(a))


FORMULAS = {
    "add": (_add, _add_backward),
    "divide": (divide, _divide_backward),
    "maximum": (_maximum, _maximum_backward),
    "minimum": (_minimum, _minimum_backward),
    "multiply": (_multiply, _multiply_backward),
    "pow": (power, _pow_backward),
    "subtract": (_subtract, _subtract_backward),
}
"""(y by a and b, (da, db) by dy, a and b)."""
