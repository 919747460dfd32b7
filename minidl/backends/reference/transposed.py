"""Transposed convolution."""

import numpy as np

from minidl.backends.reference.numbers import quiet, wanted

__all__ = ["conv_transpose2d", "conv_transpose2d_backward"]


@quiet
def conv_transpose2d(x, w, b, *, geometry, size):
    """y[n, o, i s + p d, j s + q d] = b[o] + the sum of the x[n, c, i, j] w[c, o, p, q] that land there.

    y is of `size` (h, w), the inside of a border of `padding`; what lands in the border is dropped. w is
    (in, out / groups, kh, kw).
    """
    stride, padding, dilation, groups = geometry
    n_images, n_channels, height, width = x.shape
    _, n_filters, kernel_height, kernel_width = w.shape
    y = np.zeros((n_images, groups * n_filters, *size))
    if b is not None:
        y += np.asarray(b, float)[:, None, None]
    for n in range(n_images):
        for c in range(n_channels):
            group = c // (n_channels // groups)
            for i in range(height):
                for j in range(width):
                    pixel = float(x[n, c, i, j])
                    for o in range(n_filters):
                        for p in range(kernel_height):
                            for q in range(kernel_width):
                                row = i * stride[0] + p * dilation[0] - padding[0][0]
                                column = j * stride[1] + q * dilation[1] - padding[1][0]
                                if 0 <= row < size[0] and 0 <= column < size[1]:
                                    y[n, group * n_filters + o, row, column] += pixel * float(w[c, o, p, q])
    return y.astype(x.dtype)


@quiet
def conv_transpose2d_backward(dy, x, w, *, geometry, need_dx=True, need_dw=True):
    """(dx, dw, db) of `conv_transpose2d`: each product takes the gradient of its pixel, 0 in the border."""
    stride, padding, dilation, groups = geometry
    n_images, n_channels, height, width = x.shape
    _, n_filters, kernel_height, kernel_width = w.shape
    dx, dw, db = np.zeros(x.shape), np.zeros(w.shape), np.zeros(dy.shape[1])
    for n in range(n_images):
        for o in range(dy.shape[1]):
            for grad in dy[n, o].flat:
                db[o] += float(grad)
        for c in range(n_channels):
            group = c // (n_channels // groups)
            for i in range(height):
                for j in range(width):
                    for o in range(n_filters):
                        for p in range(kernel_height):
                            for q in range(kernel_width):
                                row = i * stride[0] + p * dilation[0] - padding[0][0]
                                column = j * stride[1] + q * dilation[1] - padding[1][0]
                                if 0 <= row < dy.shape[2] and 0 <= column < dy.shape[3]:
                                    grad = float(dy[n, group * n_filters + o, row, column])
                                else:
                                    grad = 0.0
                                dx[n, c, i, j] += grad * float(w[c, o, p, q])
                                dw[c, o, p, q] += grad * float(x[n, c, i, j])
    return wanted(x.dtype, (dx, need_dx), (dw, need_dw), (db, need_dw))
