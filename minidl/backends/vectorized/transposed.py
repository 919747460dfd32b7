"""Transposed convolution: what the gradients of a convolution compute, in other roles."""

from typing import Any

from minidl.backends.vectorized.conv import conv2d, conv2d_backward, image_gradient
from minidl.backends.vectorized.windows import quiet
from minidl.typing import AffineGradients, Array, Border, Pair


@quiet
def conv_transpose2d(
    x: Array,
    w: Array,
    b: Array | None,
    *,
    stride: Pair,
    padding: Border,
    dilation: Pair,
    groups: int,
    size: Pair,
) -> Array:
    """The gradient that a convolution by w hands to images of `size`, if x is that of its output."""
    y = image_gradient(x, w, size, stride=stride, padding=padding, dilation=dilation, groups=groups)
    if b is not None:
        y += b[:, None, None]
    return y


@quiet
def conv_transpose2d_backward(
    dy: Array,
    x: Array,
    w: Array,
    *,
    stride: Pair,
    padding: Border,
    dilation: Pair,
    groups: int,
    need_dx: bool = True,
    need_dw: bool = True,
) -> AffineGradients:
    """dx is dy convolved by w, and dw the weights' gradient of that convolution, if x is the slope of its output."""
    how: dict[str, Any] = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    dx = conv2d(dy, w, None, **how) if need_dx else None
    if not need_dw:
        return dx, None, None
    _, dw, _ = conv2d_backward(x, dy, w, **how, need_dx=False)
    db: Array = dy.sum(axis=(0, 2, 3))
    return dx, dw, db
