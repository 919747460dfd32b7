"""Softmax, its logarithm and cross-entropy, row by row."""

import numpy as np

from minidl import backends, shapes
from minidl.functional.checks import check_floats, check_gradient, check_rows
from minidl.functional.pullbacks import Pullback, from_output
from minidl.typing import Array

__all__ = ["cross_entropy", "log_softmax", "softmax"]


def softmax(x: Array) -> tuple[Array, Pullback]:
    """exp(x) / sum of exp(x) along each row of x (n, classes). Raises ShapeError and DTypeError."""
    check_rows(x)
    backend = backends.current()
    return from_output(backend.softmax(x), backend.softmax_backward)


def log_softmax(x: Array) -> tuple[Array, Pullback]:
    """The logarithm of softmax, without its overflow, of x (n, classes). Raises ShapeError and DTypeError."""
    check_rows(x)
    backend = backends.current()
    return from_output(backend.log_softmax(x), backend.log_softmax_backward)


def cross_entropy(logits: Array, targets: Array) -> tuple[Array, Pullback]:
    """-sum of targets log_softmax(logits) for each row of logits and of target probabilities, both (n, classes).

    y is (n,); the pullback gives the logits' gradient. Raises ShapeError and DTypeError.
    """
    check_floats(logits=logits, targets=targets)
    check_rows(logits)
    shapes.expect("targets ", targets.shape, logits.shape)
    losses, dlogits = backends.current().cross_entropy(logits, targets)

    def pullback(dy: Array) -> Array:
        check_gradient(dy, losses.shape, losses.dtype)
        with np.errstate(invalid="ignore", over="ignore"):  # infinities and NaN are data, as in the backends
            dx: Array = dlogits * dy[:, None]
        return dx

    return losses, pullback
