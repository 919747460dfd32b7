"""Views of images under windows that slide over them."""

import numpy as np
from numpy.lib.stride_tricks import as_strided

from minidl.typing import Array, Border, Pair

# Infinities and NaN are data here: they reach the output, where they're seen, without a warning on the way.
quiet = np.errstate(invalid="ignore", over="ignore", divide="ignore")


def pad(x: Array, padding: Border, value: float) -> Array:
    """A padded (n, h, w, c) copy of the images, or the images themselves where there's nothing to pad."""
    x = x.transpose(0, 2, 3, 1)
    return np.pad(x, ((0, 0), *padding, (0, 0)), constant_values=value) if np.any(padding) else x


def patches(padded: Array, kernel: Pair, stride: Pair, dilation: Pair) -> Array:
    """The (n, out_h, out_w, kh, kw, c) view of the patch under each window position of (n, h, w, c) images."""
    n, h, w, c = padded.shape
    by_image, down, across, by_channel = padded.strides
    out = [(size - (d * (k - 1) + 1)) // s + 1 for size, k, s, d in zip((h, w), kernel, stride, dilation, strict=True)]
    return as_strided(
        padded,
        (n, *out, *kernel, c),
        (by_image, stride[0] * down, stride[1] * across, dilation[0] * down, dilation[1] * across, by_channel),
        writeable=False,
    )


def under_tap(padded: Array, row: int, column: int, stride: Pair, out: Pair) -> Array:
    """The view of the padded pixels that one tap of the kernel touches, one for each window position."""
    return padded[
        :,
        row : row + (out[0] - 1) * stride[0] + 1 : stride[0],
        column : column + (out[1] - 1) * stride[1] + 1 : stride[1],
    ]


def crop(padded: Array, padding: Border, size: Pair) -> Array:
    """The images inside their padding, (n, c, h, w), channels last and contiguous."""
    inside = padded[:, padding[0][0] : padding[0][0] + size[0], padding[1][0] : padding[1][0] + size[1]]
    return np.ascontiguousarray(inside).transpose(0, 3, 1, 2)
