"""Dense layers."""

from minidl.backends.vectorized.windows import quiet
from minidl.typing import AffineGradients, Array

__all__ = ["dense", "dense_backward"]


@quiet
def dense(x: Array, w: Array, b: Array | None) -> Array:
    """One matrix product."""
    y: Array = x @ w.T
    if b is not None:
        y += b
    return y


@quiet
def dense_backward(dy: Array, x: Array, w: Array, *, need_dx: bool = True, need_dw: bool = True) -> AffineGradients:
    """Two matrix products and a sum."""
    dx = dy @ w if need_dx else None
    return (dx, dy.T @ x, dy.sum(axis=0)) if need_dw else (dx, None, None)
