"""Convolution."""

import numpy as np

from minidl.backends.reference.numbers import quiet, wanted, windows

__all__ = ["conv2d", "conv2d_backward"]


@quiet
def conv2d(x, w, b, *, geometry):
    """Cross-correlation: y[n, o, i, j] = b[o] + sum over c, p, q of x[n, c, i s + p d, j s + q d] w[o, c, p, q]."""
    stride, padding, dilation, groups = geometry
    n_images, _, height, width = x.shape
    n_filters, n_channels, kernel_height, kernel_width = w.shape
    out_height = windows(height, kernel_height, stride[0], padding[0], dilation[0])
    out_width = windows(width, kernel_width, stride[1], padding[1], dilation[1])
    y = np.zeros((n_images, n_filters, out_height, out_width), x.dtype)
    for n in range(n_images):
        for o in range(n_filters):
            group = o // (n_filters // groups)
            for i in range(out_height):
                for j in range(out_width):
                    total = 0.0 if b is None else float(b[o])
                    for c in range(n_channels):
                        for p in range(kernel_height):
                            for q in range(kernel_width):
                                row = i * stride[0] + p * dilation[0] - padding[0][0]
                                column = j * stride[1] + q * dilation[1] - padding[1][0]
                                if 0 <= row < height and 0 <= column < width:
                                    pixel = float(x[n, group * n_channels + c, row, column])
                                else:
                                    pixel = 0.0
                                total += pixel * float(w[o, c, p, q])
                    y[n, o, i, j] = total
    return y


@quiet
def conv2d_backward(dy, x, w, *, geometry, need_dx=True, need_dw=True):
    """(dx, dw, db) of `conv2d`: each product of its sum hands dy to both of its factors."""
    stride, padding, dilation, groups = geometry
    n_images, _, height, width = x.shape
    n_filters, n_channels, kernel_height, kernel_width = w.shape
    _, _, out_height, out_width = dy.shape
    dx, dw, db = np.zeros(x.shape), np.zeros(w.shape), np.zeros(n_filters)
    for n in range(n_images):
        for o in range(n_filters):
            group = o // (n_filters // groups)
            for i in range(out_height):
                for j in range(out_width):
                    grad = float(dy[n, o, i, j])
                    db[o] += grad
                    for c in range(n_channels):
                        for p in range(kernel_height):
                            for q in range(kernel_width):
                                row = i * stride[0] + p * dilation[0] - padding[0][0]
                                column = j * stride[1] + q * dilation[1] - padding[1][0]
                                if 0 <= row < height and 0 <= column < width:
                                    channel = group * n_channels + c
                                    dx[n, channel, row, column] += grad * float(w[o, c, p, q])
                                    dw[o, c, p, q] += grad * float(x[n, channel, row, column])
                                else:
                                    dw[o, c, p, q] += grad * 0.0
    return wanted(x.dtype, (dx, need_dx), (dw, need_dw), (db, need_dw))
