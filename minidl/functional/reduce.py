"""Values combined along axes, and repeated along them."""

from collections.abc import Sequence

import numpy as np

from minidl import backends, shapes
from minidl.functional.arrange import zeros
from minidl.functional.checks import check_floats, check_gradient, check_switch
from minidl.functional.pullbacks import Pullback
from minidl.shapes import arrange
from minidl.typing import Array

__all__ = ["argmax", "expand", "reduce_l2", "reduce_max", "reduce_mean", "reduce_sum"]


def reduce_sum(x: Array, axes: int | Sequence[int], *, keepdims: bool = True) -> tuple[Array, Pullback]:
    """The sum along one or several axes of x (n, ...), not the batch's, 0; they stay, 1 long, with `keepdims`.

    Raises ShapeError, DTypeError and ValueError.
    """
    return _reduced("sum", x, axes, keepdims)


def reduce_mean(x: Array, axes: int | Sequence[int], *, keepdims: bool = True) -> tuple[Array, Pullback]:
    """`reduce_sum` of means."""
    return _reduced("mean", x, axes, keepdims)


def reduce_max(x: Array, axes: int | Sequence[int], *, keepdims: bool = True) -> tuple[Array, Pullback]:
    """`reduce_sum` of maxima: NaN wins over everything, and the gradient goes to the first of several."""
    return _reduced("max", x, axes, keepdims)


def reduce_l2(x: Array, axes: int | Sequence[int], *, keepdims: bool = True) -> tuple[Array, Pullback]:
    """`reduce_sum` of lengths, the roots of the sums of squares: the gradient of a length of 0 is 0."""
    return _reduced("l2", x, axes, keepdims)


def _reduced(name: str, x: Array, axes: int | Sequence[int], keepdims: bool) -> tuple[Array, Pullback]:
    check_floats(x=x)
    check_switch("keepdims", keepdims)
    asked = arrange.check_sample_axes(axes, "axes")
    places, left = arrange.reduced(x.shape[1:], asked, keepdims=bool(keepdims))
    backend = backends.current()
    kept = backend.reduce(name, x, axes=places)
    needed = (x, kept) if name in ("max", "l2") else (None, None)
    before, shape, inner = x.shape, (len(x), *left), kept.shape
    dtype = x.dtype

    def pullback(dy: Array) -> Array:
        check_gradient(dy, shape, dtype)
        return backend.reduce_backward(name, dy.reshape(inner), *needed, shape=before)

    return kept.reshape(shape), pullback


def argmax(x: Array, axis: int, *, keepdims: bool = True) -> tuple[Array, Pullback]:
    """The place of the largest value along an axis of x (n, ...), as a float: of the first, and of NaN before others.

    The pullback gives zeros. Raises ShapeError, DTypeError and ValueError.
    """
    check_floats(x=x)
    shapes.check_axis(axis)
    check_switch("keepdims", keepdims)
    places, left = arrange.reduced(x.shape[1:], arrange.check_sample_axes(axis), keepdims=bool(keepdims))
    y = backends.current().argmax(x, axis=places[0]).reshape(len(x), *left)
    before, shape, dtype = x.shape, y.shape, x.dtype

    def pullback(dy: Array) -> Array:
        check_gradient(dy, shape, dtype)
        return zeros(before, dtype)

    return y, pullback


def expand(x: Array, shape: Sequence[int]) -> tuple[Array, Pullback]:
    """Each sample of x (n, ...) repeated to a shape along its axes that are 1 long; -1 keeps a length.

    Raises ShapeError, DTypeError and ValueError.
    """
    check_floats(x=x)
    target = (len(x), *arrange.expanded(x.shape[1:], arrange.check_expanded(shape)))
    axes = tuple(axis for axis, size in enumerate(target) if x.shape[axis] != size)
    backend, dtype = backends.current(), x.dtype
    y = zeros(target, dtype)
    np.copyto(y, x)

    def pullback(dy: Array) -> Array:
        check_gradient(dy, target, dtype)
        return backend.reduce("sum", dy, axes=axes) if axes else dy

    return y, pullback
