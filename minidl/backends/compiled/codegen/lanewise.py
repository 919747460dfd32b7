"""Vectors inside Numba kernels: the same computation in every lane, or lanes that change places."""

import operator

from minidl.backends.compiled.codegen import elementary, vector
from minidl.backends.compiled.codegen.vector import Vector, clamp, in_kernels

add = in_kernels(operator.add)
subtract = in_kernels(operator.sub)
multiply = in_kernels(operator.mul)
divide = in_kernels(operator.truediv)
multiply_add = in_kernels(vector.multiply_add)
square_root = in_kernels(Vector.square_root)
exponential = in_kernels(elementary.exp_below_zero)
power = in_kernels(elementary.power)


@in_kernels
def rectify(a):
    """Zero where a is below zero, else a: NaN stays."""
    return clamp(a, low=0)


@in_kernels
def sign(a):
    """1 above zero, -1 below, and a itself where it's zero or NaN."""
    return a.like(1).where(a > 0, a.like(-1).where(a < 0, a))


@in_kernels
def at_least(least, a):
    """The larger of the two, a where it's NaN."""
    return clamp(a, low=least)


@in_kernels
def larger_magnitude(largest, a):
    """The larger of `largest` and |a|, `largest` where a is NaN."""
    return abs(a).where(abs(a) > largest, largest)


@in_kernels
def unless_below(a, least):
    """Zero where |a| is below `least`, else a: NaN stays."""
    return a.like(0).where(abs(a) < least, a)


@in_kernels
def relu_grad(y, value):
    """The value where y isn't at most zero (so where it's NaN, too), else zero."""
    return y.like(0).where(y <= 0, value)


@in_kernels
def where_equal(a, b, value):
    """The value where a is b, else zero."""
    return value.where(a.equals(b), 0)


@in_kernels
def where_less(a, b, value):
    """The value where a is less than b, else zero."""
    return value.where(a < b, 0)


@in_kernels
def select_max(value, best, a, b):
    """a where the value is larger than the best, or the first NaN; else b."""
    return a.where(value.wins_over(best), b)


@in_kernels
def interleave_low(a, b):
    """Lane 0 of a and of b, lane 1 of both, and so on, for the first half of each."""
    return a.shuffled(b, [place for k in range(a.lanes // 2) for place in (k, a.lanes + k)])


@in_kernels
def interleave_high(a, b):
    """Lanes of a and b by turns, for the second half of each."""
    return a.shuffled(b, [place for k in range(a.lanes // 2, a.lanes) for place in (k, a.lanes + k)])
