"""Local response normalization: sums over channels as sums of shifted images."""

import numpy as np

from minidl.backends.vectorized.windows import quiet
from minidl.typing import Array, Pair

__all__ = ["local_response_norm", "local_response_norm_backward"]


def window_within(size: int, channels: int) -> Pair:
    """(channels before, behind) a window's own that images can have."""
    before = (size - 1) // 2
    return min(before, max(channels - 1, 0)), min(size - 1 - before, max(channels - 1, 0))


def _over_channels(values: Array, before: int, behind: int) -> Array:
    """The sums over each channel of images (n, h, w, c), and so many before and behind it."""
    channels = values.shape[3]
    padded = np.pad(values, ((0, 0), (0, 0), (0, 0), (before, behind)))
    total = padded[..., :channels].copy()
    for first in range(1, before + behind + 1):
        total += padded[..., first : first + channels]
    return total


def _pixels(images: Array) -> Array:
    return np.ascontiguousarray(images.transpose(0, 2, 3, 1))


def _sums(pixels: Array, size: int, alpha: float, k: float) -> Array:
    sums = _over_channels(np.square(pixels), *window_within(size, pixels.shape[3]))
    sums *= pixels.dtype.type(alpha / size)
    sums += pixels.dtype.type(k)
    return sums


@quiet
def local_response_norm(x: Array, *, size: int, alpha: float, beta: float, k: float) -> Array:
    """All channels at once."""
    pixels = _pixels(x)
    y: Array = pixels * _sums(pixels, size, alpha, k) ** pixels.dtype.type(-beta)
    return y.transpose(0, 3, 1, 2)


@quiet
def local_response_norm_backward(dy: Array, x: Array, *, size: int, alpha: float, beta: float, k: float) -> Array:
    """By x itself, and by the sums that it's a part of: the window of those is turned round."""
    pixels, grads, number = _pixels(x), _pixels(dy), x.dtype.type
    sums = _sums(pixels, size, alpha, k)
    scale = sums ** number(-beta)
    of_sums = _over_channels(grads * pixels * scale / sums, *reversed(window_within(size, x.shape[1])))
    dx: Array = grads * scale - number(2 * alpha * beta / size) * pixels * of_sums
    return dx.transpose(0, 3, 1, 2)
