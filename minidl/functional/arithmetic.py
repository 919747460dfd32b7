"""Operators of two and three arrays, number by number: what is 1 long along an axis is repeated along it."""

from minidl import backends
from minidl.functional.checks import check_floats, check_gradient
from minidl.functional.pullbacks import PairPullback
from minidl.shapes import arrange
from minidl.typing import Array

__all__ = ["add", "divide", "maximum", "minimum", "multiply", "pow", "subtract", "where"]


def add(a: Array, b: Array) -> tuple[Array, PairPullback]:
    """a + b, with as many axes each. Raises ShapeError and DTypeError."""
    return arithmetic("add", a, b)


def subtract(a: Array, b: Array) -> tuple[Array, PairPullback]:
    """a - b, with as many axes each. Raises ShapeError and DTypeError."""
    return arithmetic("subtract", a, b)


def multiply(a: Array, b: Array) -> tuple[Array, PairPullback]:
    """a b, with as many axes each. Raises ShapeError and DTypeError."""
    return arithmetic("multiply", a, b)


def divide(a: Array, b: Array) -> tuple[Array, PairPullback]:
    """a / b, with as many axes each. Raises ShapeError and DTypeError."""
    return arithmetic("divide", a, b)


def minimum(a: Array, b: Array) -> tuple[Array, PairPullback]:
    """The smaller number, NaN if either is; equal ones get half of the gradient each. Raises ShapeError, DTypeError."""
    return arithmetic("minimum", a, b)


def maximum(a: Array, b: Array) -> tuple[Array, PairPullback]:
    """The larger number, NaN if either is; equal ones get half of the gradient each. Raises ShapeError, DTypeError."""
    return arithmetic("maximum", a, b)


def pow(a: Array, b: Array) -> tuple[Array, PairPullback]:
    """a to the b: of numbers below 0, NaN unless that is an integer. Raises ShapeError and DTypeError."""
    return arithmetic("pow", a, b)


def arithmetic(kind: str, a: Array, b: Array) -> tuple[Array, PairPullback]:
    """(y, pullback) of the formula of this kind, which every backend has."""
    check_floats(a=a, b=b)
    arrange.broadcast((a.shape, b.shape), of="arrays")
    backend = backends.current()
    y = backend.arithmetic(kind, a, b)
    shape, dtype = y.shape, y.dtype

    def pullback(dy: Array) -> tuple[Array, Array]:
        check_gradient(dy, shape, dtype)
        return backend.arithmetic_backward(kind, dy, a, b)

    return y, pullback


def where(condition: Array, x: Array, y: Array) -> tuple[Array, PairPullback]:
    """x where the condition isn't 0, else y; the gradients are those of x and y. Raises ShapeError and DTypeError."""
    check_floats(condition=condition, x=x, y=y)
    arrange.broadcast((condition.shape, x.shape, y.shape), of="arrays")
    backend = backends.current()
    z = backend.where(condition, x, y)
    shape, dtype = z.shape, z.dtype

    def pullback(dy: Array) -> tuple[Array, Array]:
        check_gradient(dy, shape, dtype)
        return backend.where_backward(dy, condition, x, y)

    return z, pullback
