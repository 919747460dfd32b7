"""Softmax, its logarithm and cross-entropy, row by row or along another axis."""

from collections.abc import Callable

import numpy as np

from minidl import backends, shapes
from minidl.functional.checks import check_floats, check_gradient, check_rows
from minidl.functional.pullbacks import Pullback, from_output
from minidl.functional.rows import as_rows, from_rows
from minidl.typing import Array

__all__ = ["cross_entropy", "log_softmax", "softmax"]


def softmax(x: Array, *, axis: int | None = None) -> tuple[Array, Pullback]:
    """exp(x) / sum of exp(x) along each row of x (n, classes), or along an `axis` of x (n, ...), which isn't 0.

    Raises ShapeError, DTypeError and ValueError.
    """
    if axis is not None:
        return _along(softmax, x, axis)
    check_rows(x)
    backend = backends.current()
    return from_output(backend.softmax(x), backend.softmax_backward)


def log_softmax(x: Array, *, axis: int | None = None) -> tuple[Array, Pullback]:
    """The logarithm of softmax, without its overflow, of x (n, classes), or along an `axis` of x (n, ...).

    Raises ShapeError, DTypeError and ValueError.
    """
    if axis is not None:
        return _along(log_softmax, x, axis)
    check_rows(x)
    backend = backends.current()
    return from_output(backend.log_softmax(x), backend.log_softmax_backward)


def cross_entropy(logits: Array, targets: Array, *, axis: int | None = None) -> tuple[Array, Pullback]:
    """-sum of targets log_softmax(logits) for each row of logits and of target probabilities, both (n, classes).

    y is (n,); the pullback gives the logits' gradient. With `axis`, which isn't 0, both are (n, ...), with the classes
    along it, and y is what is left without it: (n, h, w) for images (n, c, h, w) and axis 1. Raises ShapeError,
    DTypeError and ValueError.
    """
    check_floats(logits=logits, targets=targets)
    if axis is not None:
        place = _place(logits, axis)
        shapes.expect("targets ", targets.shape, logits.shape)
        losses, pullback_of_rows = cross_entropy(as_rows(logits, place), as_rows(targets, place))
        shape = (*logits.shape[:place], *logits.shape[place + 1 :])

        def shaped(dy: Array) -> Array:
            check_gradient(dy, shape, losses.dtype)
            return from_rows(pullback_of_rows(dy.reshape(losses.shape)), logits.shape, place)

        return losses.reshape(shape), shaped
    check_rows(logits)
    shapes.expect("targets ", targets.shape, logits.shape)
    losses, dlogits = backends.current().cross_entropy(logits, targets)

    def pullback(dy: Array) -> Array:
        check_gradient(dy, losses.shape, losses.dtype)
        with np.errstate(invalid="ignore", over="ignore"):  # infinities and NaN are data, as in the backends
            dx: Array = dlogits * dy[:, None]
        return dx

    return losses, pullback


def _along(operator: Callable[[Array], tuple[Array, Pullback]], x: Array, axis: int) -> tuple[Array, Pullback]:
    """An operator of rows, of those that lie along an axis."""
    check_floats(x=x)
    place = _place(x, axis)
    y, pullback = operator(as_rows(x, place))

    def shaped(dy: Array) -> Array:
        check_gradient(dy, x.shape, x.dtype)
        return from_rows(pullback(as_rows(dy, place)), x.shape, place)

    return from_rows(y, x.shape, place), shaped


def _place(x: Array, axis: int) -> int:
    shapes.check_axis(axis)
    return shapes.axis_of(axis, x.shape[1:]) + 1
