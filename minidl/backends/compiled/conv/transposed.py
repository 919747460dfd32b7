"""Transposed convolution: what convolutions and their gradients compute, in other roles."""

from typing import Any

import numpy as np

from minidl.backends.compiled.conv.select import conv2d, conv2d_backward
from minidl.typing import AffineGradients, Array, Border, Pair


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
    """The gradient that a convolution by w hands to images of `size`, if x is that of its output.

    A convolution for each phase of the stride takes longer for a single image and for few filters.
    """
    nothing = np.zeros((len(x), *size, w.shape[1] * groups), x.dtype).transpose(0, 3, 1, 2)
    how: dict[str, Any] = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    y, _, _ = conv2d_backward(x, nothing, w, **how, need_dx=True, need_dw=False)
    assert y is not None
    if b is not None:
        y += b[:, None, None]
    return y


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
    """dx is dy convolved by w, and dw the weights' gradient of that convolution, if x is the gradient of its output."""
    how: dict[str, Any] = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    dx = conv2d(dy, w, None, **how) if need_dx else None
    if not need_dw:
        return dx, None, None
    _, dw, _ = conv2d_backward(x, dy, w, **how, need_dx=False)
    db: Array = dy.sum(axis=(0, 2, 3))
    return dx, dw, db
