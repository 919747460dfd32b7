"""Transposed convolution: what the gradients of a convolution compute, in other roles."""

from minidl.backends.vectorized.conv import conv2d, conv2d_backward, image_gradient
from minidl.backends.vectorized.windows import quiet
from minidl.description.operators import ConvGeometry
from minidl.typing import AffineGradients, Array, Pair

__all__ = ["conv_transpose2d", "conv_transpose2d_backward"]


@quiet
def conv_transpose2d(
    x: Array,
    w: Array,
    b: Array | None,
    *,
    geometry: ConvGeometry,
    size: Pair,
) -> Array:
    """The gradient that a convolution by w hands to images of `size`, if x is that of its output."""
    y = image_gradient(x, w, size, geometry)
    if b is not None:
        y += b[:, None, None]
    return y


@quiet
def conv_transpose2d_backward(
    dy: Array,
    x: Array,
    w: Array,
    *,
    geometry: ConvGeometry,
    need_dx: bool = True,
    need_dw: bool = True,
) -> AffineGradients:
    """dx is dy convolved by w, and dw the weights' gradient of that convolution, if x is the gradient of its output."""
    dx = conv2d(dy, w, None, geometry=geometry) if need_dx else None
    if not need_dw:
        return dx, None, None
    _, dw, _ = conv2d_backward(x, dy, w, geometry=geometry, need_dx=False)
    db: Array = dy.sum(axis=(0, 2, 3))
    return dx, dw, db
