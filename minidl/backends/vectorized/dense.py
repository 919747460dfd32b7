"""Dense layers."""

from minidl.backends.vectorized.windows import quiet
from minidl.typing import Array


@quiet
def dense(x: Array, w: Array, b: Array | None) -> Array:
    """One matrix product."""
    y: Array = x @ w.T
    if b is not None:
        y += b
    return y


@quiet
def dense_backward(dy: Array, x: Array, w: Array, *, need_dx: bool = True) -> tuple[Array | None, Array, Array]:
    """Two matrix products and a sum."""
    return dy @ w if need_dx else None, dy.T @ x, dy.sum(axis=0)
