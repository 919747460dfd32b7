"""The affine map, and rows looked up in a table."""

from collections.abc import Callable

import numpy as np

from minidl import backends, shapes
from minidl.errors import DTypeError
from minidl.functional.checks import check_floats, check_gradient
from minidl.functional.pullbacks import AffinePullback
from minidl.typing import AffineGradients, Array, IntArray

__all__ = ["dense", "embedding"]


def dense(x: Array, w: Array, b: Array | None = None) -> tuple[Array, AffinePullback]:
    """The affine map y = x W^T + b of x (n, in), w (out, in) and b (out,). Raises ShapeError and DTypeError."""
    _check_dense(x, w, b)
    backend = backends.current()
    y = backend.dense(x, w, b)

    def pullback(dy: Array, *, need_dx: bool = True, need_dw: bool = True) -> AffineGradients:
        check_gradient(dy, (x.shape[0], w.shape[0]), x.dtype)
        return backend.dense_backward(dy, x, w, need_dx=need_dx, need_dw=need_dw)

    return y, pullback


def _check_dense(x: Array, w: Array, b: Array | None) -> None:
    check_floats(x=x, w=w, b=b)
    shapes.expect("w ", w.shape, ("out", "in"))
    shapes.dense_input(x.shape, w.shape[1], batch=True)
    if b is not None:
        shapes.expect("b ", b.shape, (w.shape[0],))


def embedding(indices: IntArray, w: Array) -> tuple[Array, Callable[[Array], Array]]:
    """Rows of a table w (rows, features) by their numbers, indices (n, ...) of integers: y is (n, ..., features).

    The pullback gives dw: of each row the sum of the gradients of the places that read it.
    Raises ShapeError, DTypeError, and ValueError for an index that isn't a row's.
    """
    check_floats(w=w)
    shapes.expect("w ", w.shape, ("rows", "features"))
    if not isinstance(indices, np.ndarray):
        raise TypeError(f"expected indices as a NumPy array, got {type(indices).__name__}: np.asarray(indices)")
    if indices.dtype.kind not in "iu":
        raise DTypeError(f"expected indices as integers, got {indices.dtype}: .astype(np.int64), if they're whole")
    for index in (indices.min(), indices.max()) if indices.size else ():
        if not 0 <= index < len(w):
            raise ValueError(f"expected indices of {len(w)} rows, 0 to {len(w) - 1}, got {index}")
    backend = backends.current()
    places = indices.astype(np.intp)  # a copy: backward must see what forward saw
    y, rows, dtype = backend.embedding(places, w), len(w), w.dtype

    def pullback(dy: Array) -> Array:
        check_gradient(dy, (*places.shape, w.shape[1]), dtype)
        return backend.embedding_backward(dy, places, rows=rows)

    return y, pullback
