"""Convolution by im2col and one matrix product."""

import numpy as np

from minidl.backends.vectorized.windows import crop, pad, patches, quiet, under_tap
from minidl.description.operators import ConvGeometry
from minidl.typing import AffineGradients, Array, Pair

__all__ = ["conv2d", "conv2d_backward"]


def _im2col(x: Array, kernel: Pair, geometry: ConvGeometry) -> tuple[Array, Pair]:
    """(columns, output size): columns (groups, n out_h out_w, kh kw c/groups) hold one patch in each row."""
    stride, padding, dilation, groups = geometry
    columns = patches(pad(x, padding, 0), kernel, stride, dilation)
    n, out_h, out_w, kh, kw, c = columns.shape
    columns = columns.reshape(n * out_h * out_w, kh * kw, groups, c // groups)
    return columns.transpose(2, 0, 1, 3).reshape(groups, n * out_h * out_w, kh * kw * (c // groups)), (out_h, out_w)


def _weight_matrix(w: Array, groups: int) -> Array:
    """Weights (out, in / groups, kh, kw) as (groups, kh kw in/groups, out / groups)."""
    o, c, kh, kw = w.shape
    return w.reshape(groups, o // groups, c, kh, kw).transpose(0, 3, 4, 2, 1).reshape(groups, kh * kw * c, o // groups)


@quiet
def conv2d(x: Array, w: Array, b: Array | None, *, geometry: ConvGeometry) -> Array:
    """One matrix product: the patches, a row each, with the filters, a column each."""
    columns, (out_h, out_w) = _im2col(x, w.shape[2:], geometry)
    y = columns @ _weight_matrix(w, geometry.groups)
    y = np.ascontiguousarray(y.transpose(1, 0, 2)).reshape(x.shape[0], out_h, out_w, w.shape[0])
    if b is not None:
        y += b
    return y.transpose(0, 3, 1, 2)


@quiet
def conv2d_backward(
    dy: Array,
    x: Array,
    w: Array,
    *,
    geometry: ConvGeometry,
    need_dx: bool = True,
    need_dw: bool = True,
) -> AffineGradients:
    """The weights' gradient is one matrix product with the patches; the input's is `image_gradient`."""
    dx = image_gradient(dy, w, x.shape[2:], geometry) if need_dx else None
    if not need_dw:
        return dx, None, None
    groups, (o, c_group, kh, kw) = geometry.groups, w.shape
    columns, _ = _im2col(x, (kh, kw), geometry)
    dy_matrix = _gradient_matrix(dy, groups)
    dw = (columns.transpose(0, 2, 1) @ dy_matrix).reshape(groups, kh, kw, c_group, o // groups)
    dw = dw.transpose(0, 4, 3, 1, 2).reshape(w.shape)
    return dx, dw, dy_matrix.sum(axis=1).reshape(o)


def _gradient_matrix(dy: Array, groups: int) -> Array:
    """Gradients (n, out, out_h, out_w) as (groups, n out_h out_w, out / groups)."""
    n, o, out_h, out_w = dy.shape
    return dy.transpose(0, 2, 3, 1).reshape(n * out_h * out_w, groups, o // groups).transpose(1, 0, 2)


def image_gradient(dy: Array, w: Array, size: Pair, geometry: ConvGeometry) -> Array:
    """dx of `conv2d` for images of `size`: the patches' gradients, which col2im adds back up."""
    stride, padding, dilation, groups = geometry
    n, _, out_h, out_w = dy.shape
    _, c_group, kh, kw = w.shape
    dcolumns = _gradient_matrix(dy, groups) @ _weight_matrix(w, groups).transpose(0, 2, 1)
    dpatches = dcolumns.reshape(groups, n, out_h, out_w, kh, kw, c_group).transpose(1, 2, 3, 4, 5, 0, 6)
    dpatches = dpatches.reshape(n, out_h, out_w, kh, kw, groups * c_group)
    dx = np.zeros((n, size[0] + sum(padding[0]), size[1] + sum(padding[1]), groups * c_group), dy.dtype)
    for p in range(kh):
        for q in range(kw):
            under_tap(dx, p * dilation[0], q * dilation[1], stride, (out_h, out_w))[...] += dpatches[:, :, :, p, q]
    return crop(dx, padding, size)
