"""im2col: the windows of a convolution, each as a row."""

from typing import Any

import numpy as np

from minidl import shapes
from minidl.arraylike import array_of
from minidl.errors import keyword_hints
from minidl.typing import Array, Padding, Size


@keyword_hints
def im2col(image: Any, kernel_size: Size, *, stride: Size = 1, padding: Padding = 0, dilation: Size = 1) -> Array:
    """The windows of a convolution over an image (c, h, w): a row (c * kh * kw) for each of its (oh * ow) positions.

    So `im2col(x, k) @ w.reshape(filters, -1).T` is the convolution by w (filters, c, kh, kw), its pixels in rows.
    Raises ShapeError and ValueError.
    """
    image = array_of(image, "image")
    shapes.image_shape(image.shape)
    kernel = shapes.pair(kernel_size, "kernel_size")
    window = shapes.slide(image.shape[1:], kernel, stride=stride, padding=padding, dilation=dilation)
    padded = np.pad(image, ((0, 0), *window.padding))
    spans = tuple(d * (k - 1) + 1 for d, k in zip(window.dilation, kernel, strict=True))
    views = np.lib.stride_tricks.sliding_window_view(padded, spans, axis=(1, 2))  # (c, h, w, span, span)
    views = views[:, :: window.stride[0], :: window.stride[1], :: window.dilation[0], :: window.dilation[1]]
    return np.asarray(views.transpose(1, 2, 0, 3, 4).reshape(window.output[0] * window.output[1], -1))
