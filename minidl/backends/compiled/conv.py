"""Convolution: jitted im2col and col2im around one matrix product for each group."""

import numpy as np

from minidl.backends.compiled.jit import block, contiguous, images, njit
from minidl.typing import Array

Pair = tuple[int, int]
Sides = tuple[Pair, Pair]


@njit
def _im2col(x, columns, out, kernel, stride, padding, dilation):
    """Copy the patch under each window position of x (n, h, w, c) into its row of columns (g, m, kh, kw, c / g)."""
    _, height, width, _ = x.shape
    groups, rows, _, _, channels = columns.shape
    for m in range(rows):
        n, position = divmod(m, out[0] * out[1])
        i, j = divmod(position, out[1])
        for p in range(kernel[0]):
            row = i * stride[0] + p * dilation[0] - padding[0][0]
            for q in range(kernel[1]):
                column = j * stride[1] + q * dilation[1] - padding[1][0]
                if 0 <= row < height and 0 <= column < width:
                    for g in range(groups):
                        for c in range(channels):
                            columns[g, m, p, q, c] = x[n, row, column, g * channels + c]
                else:
                    for g in range(groups):
                        for c in range(channels):
                            columns[g, m, p, q, c] = 0


@njit
def _col2im(columns, x, out, stride, padding, dilation):
    """Add each row of columns (g, m, kh, kw, c / g) onto the pixels of x (n, h, w, c) that it was copied from."""
    _, height, width, _ = x.shape
    groups, rows, kernel_height, kernel_width, channels = columns.shape
    for m in range(rows):
        n, position = divmod(m, out[0] * out[1])
        i, j = divmod(position, out[1])
        for p in range(kernel_height):
            row = i * stride[0] + p * dilation[0] - padding[0][0]
            for q in range(kernel_width):
                column = j * stride[1] + q * dilation[1] - padding[1][0]
                if 0 <= row < height and 0 <= column < width:
                    for g in range(groups):
                        for c in range(channels):
                            x[n, row, column, g * channels + c] += columns[g, m, p, q, c]


def _columns(x: Array, w: Array, out: Pair, stride: Pair, padding: Sides, dilation: Pair, groups: int) -> Array:
    kernel = w.shape[2:]
    columns = np.empty((groups, x.shape[0] * out[0] * out[1], *kernel, w.shape[1]), x.dtype)
    _im2col(block(x), columns, out, kernel, stride, padding, dilation)
    return columns.reshape(groups, columns.shape[1], -1)


def _output_size(x: Array, w: Array, stride: Pair, padding: Sides, dilation: Pair) -> Pair:
    height = (x.shape[2] + sum(padding[0]) - dilation[0] * (w.shape[2] - 1) - 1) // stride[0] + 1
    width = (x.shape[3] + sum(padding[1]) - dilation[1] * (w.shape[3] - 1) - 1) // stride[1] + 1
    return height, width


def _filters(w: Array, groups: int) -> Array:
    """Weights (out, in / groups, kh, kw) as one matrix (kh kw in/groups, out / groups) for each group."""
    o, c, kh, kw = w.shape
    return w.reshape(groups, o // groups, c, kh, kw).transpose(0, 3, 4, 2, 1).reshape(groups, kh * kw * c, o // groups)


@np.errstate(invalid="ignore", over="ignore")
def conv2d(x: Array, w: Array, b: Array | None, *, stride: Pair, padding: Sides, dilation: Pair, groups: int) -> Array:
    """The patches, a row each, times the filters, a column each."""
    out = _output_size(x, w, stride, padding, dilation)
    y = _columns(x, w, out, stride, padding, dilation, groups) @ _filters(w, groups)
    y = y.transpose(1, 0, 2).reshape(x.shape[0], *out, w.shape[0])
    if b is not None:
        y += b
    return images(y)


@np.errstate(invalid="ignore", over="ignore")
def conv2d_backward(
    dy: Array, x: Array, w: Array, *, stride: Pair, padding: Sides, dilation: Pair, groups: int, need_dx: bool = True
) -> tuple[Array | None, Array, Array]:
    """Two matrix products, and col2im of the second."""
    n, c, height, width = x.shape
    o, c_group, kh, kw = w.shape
    out = dy.shape[2], dy.shape[3]
    columns = _columns(x, w, out, stride, padding, dilation, groups)
    slopes = block(dy).reshape(n * out[0] * out[1], groups, o // groups).transpose(1, 0, 2)
    dw = (columns.transpose(0, 2, 1) @ slopes).reshape(groups, kh, kw, c_group, o // groups)
    dw = dw.transpose(0, 4, 3, 1, 2).reshape(w.shape)
    db = slopes.sum(axis=1).reshape(o)
    if not need_dx:
        return None, dw, db
    dcolumns = contiguous(slopes @ _filters(w, groups).transpose(0, 2, 1))
    dx = np.zeros((n, height, width, c), x.dtype)
    _col2im(dcolumns.reshape(groups, -1, kh, kw, c_group), dx, out, stride, padding, dilation)
    return images(dx), dw, db
