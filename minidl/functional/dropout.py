"""Dropout of values and of channels."""

from typing import Any

import numpy as np

from minidl import backends, shapes
from minidl.functional.checks import check_floats, check_gradient, check_share, check_word
from minidl.functional.pullbacks import Pullback
from minidl.typing import Array

__all__ = ["dropout", "dropout2d"]


def dropout(x: Array, *, rate: float, key: int, counter: int) -> tuple[Array, Pullback]:
    """Each value of x times zero with probability `rate`, else times 1 / (1 - rate). Raises DTypeError, ValueError.

    Which ones is a function of the key and the counter, below 2^63, and of the shape and the place in it alone: the
    same on every backend, for every layout in memory and number of threads.
    """
    check_floats(x=x)
    how = _checked(rate, key, counter)
    backend = backends.current()
    shape, dtype = x.shape, x.dtype

    def masked(values: Array) -> Array:
        return _nothing(values) if rate == 1 else backend.dropout(values, **how)

    def pullback(dy: Array) -> Array:
        check_gradient(dy, shape, dtype)
        return masked(dy)

    return masked(x), pullback


def dropout2d(x: Array, *, rate: float, key: int, counter: int) -> tuple[Array, Pullback]:
    """Each channel of images x (n, c, h, w) times zero with probability `rate`, else times 1 / (1 - rate).

    Which ones is that of the values that `dropout` of (n, c) drops. Raises ShapeError, DTypeError and ValueError.
    """
    check_floats(x=x)
    shapes.image_shape(x.shape, batch=True)
    how, ones = _checked(rate, key, counter), np.ones(x.shape[:2], x.dtype)
    factors = _nothing(ones) if rate == 1 else backends.current().dropout(ones, **how)
    shape, dtype = x.shape, x.dtype

    def masked(images: Array) -> Array:
        with np.errstate(invalid="ignore", over="ignore"):  # infinities and NaN are data, as in the backends
            product = np.ascontiguousarray(images.transpose(0, 2, 3, 1)) * factors[:, None, None]
        return product.transpose(0, 3, 1, 2)

    def pullback(dy: Array) -> Array:
        check_gradient(dy, shape, dtype)
        return masked(dy)

    return masked(x), pullback


def _checked(rate: float, key: int, counter: int) -> dict[str, Any]:
    """The settings as backends take them. Raises ValueError."""
    check_share("rate", rate)
    check_word("key", key)
    check_word("counter", counter)
    return {"rate": float(rate), "key": int(key), "counter": int(counter)}


def _nothing(x: Array) -> Array:
    """X times zero: what is left at a rate of 1, whose 1 / (1 - rate) no backend need know."""
    with np.errstate(invalid="ignore"):
        y: Array = x * x.dtype.type(0)
    return y
