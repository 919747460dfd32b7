"""Dropout of values and of channels."""

import numpy as np

from minidl import backends, shapes
from minidl.functional.checks import check_floats, check_slope
from minidl.functional.pullbacks import Pullback
from minidl.typing import Array


def dropout(x: Array, *, rate: float, key: int, counter: int) -> tuple[Array, Pullback]:
    """Each value of x times zero with probability `rate`, else times 1 / (1 - rate). Raises DTypeError.

    Which ones is a function of the key and the counter, below 2^63, and of the shape and the place in it alone: the
    same on every backend, for every layout in memory and number of threads.
    """
    check_floats(x=x)
    backend = backends.current()
    shape, dtype = x.shape, x.dtype

    def pullback(dy: Array) -> Array:
        check_slope(dy, shape, dtype)
        return backend.dropout(dy, rate=rate, key=key, counter=counter)

    return backend.dropout(x, rate=rate, key=key, counter=counter), pullback


def dropout2d(x: Array, *, rate: float, key: int, counter: int) -> tuple[Array, Pullback]:
    """Each channel of images x (n, c, h, w) times zero with probability `rate`, else times 1 / (1 - rate).

    Which ones is that of the values that `dropout` of (n, c) drops. Raises ShapeError and DTypeError.
    """
    check_floats(x=x)
    shapes.image_shape(x.shape, batch=True)
    factors = backends.current().dropout(np.ones(x.shape[:2], x.dtype), rate=rate, key=key, counter=counter)
    shape, dtype = x.shape, x.dtype

    def masked(images: Array) -> Array:
        with np.errstate(invalid="ignore", over="ignore"):  # infinities and NaN are data, as in the backends
            product = np.ascontiguousarray(images.transpose(0, 2, 3, 1)) * factors[:, None, None]
        return product.transpose(0, 3, 1, 2)

    def pullback(dy: Array) -> Array:
        check_slope(dy, shape, dtype)
        return masked(dy)

    return masked(x), pullback
