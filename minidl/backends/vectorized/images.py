"""Changes of images by settings of their own, in NumPy: what augmentations are made of. Shapes as in `reference`.

Whatever isn't a mere copy is computed in float64 and rounded once, sums in the order of the loops, so that this file
and the compiled kernels give the same bits.
"""

import math

import numpy as np

from minidl.typing import Array, IntArray, Pair

__all__ = ["adjust_brightness", "crop", "erase_images", "mix_images", "warp_images"]

quiet = np.errstate(invalid="ignore", over="ignore")


def crop(x: Array, place: IntArray, *, size: Pair) -> Array:
    """A window of `size` (h, w) of each image, zero outside of it; place[n] = (top, left, whether flipped)."""
    across = np.arange(size[1])
    rows = place[:, :1] + np.arange(size[0])
    columns = place[:, 1:2] + np.where(place[:, 2:], size[1] - 1 - across, across)
    return _taken(x, rows[:, :, np.newaxis], columns[:, np.newaxis]).transpose(0, 3, 1, 2)


def _taken(x: Array, rows: IntArray, columns: IntArray) -> Array:
    """Pixels (n, h, w, c) at these rows and columns, each (n, h, w) or broadcast to it; zero outside of the image."""
    height, width = x.shape[2:]
    images = np.arange(len(x))[:, np.newaxis, np.newaxis]
    pixels: Array = x.transpose(0, 2, 3, 1)[images, rows.clip(0, height - 1), columns.clip(0, width - 1)]
    pixels[(rows < 0) | (rows >= height) | (columns < 0) | (columns >= width)] = 0
    return pixels


@quiet
def warp_images(x: Array, place: IntArray, *, size: Pair, repeats_edge: bool) -> Array:
    """A picture of `size` of each image: pixel (i, j) is what the image has at (a i + b j + c, d i + e j + f).

    place[n] = (a, b, c, d, e, f), whole numbers of 2^-31 pixels.
    """
    down, across = np.arange(size[0])[:, np.newaxis], np.arange(size[1])
    numbers = place[:, :, np.newaxis, np.newaxis]
    rows = numbers[:, 0] * down + numbers[:, 1] * across + numbers[:, 2]
    columns = numbers[:, 3] * down + numbers[:, 4] * across + numbers[:, 5]
    if repeats_edge:
        rows, columns = rows.clip(0, (x.shape[2] - 1) << 31), columns.clip(0, (x.shape[3] - 1) << 31)
    below, right = (((place >> 7) & 0xFFFFFF)[..., np.newaxis] * 2.0**-24 for place in (rows, columns))
    blended = []
    for r in (0, 1):
        first, second = (_taken(x, (rows >> 31) + r, (columns >> 31) + q).astype(np.float64) for q in (0, 1))
        blended.append(first * (1 - right) + second * right)
    y: Array = blended[0] * (1 - below) + blended[1] * below
    return y.astype(x.dtype).transpose(0, 3, 1, 2)


@quiet
def adjust_brightness(x: Array, light: Array, *, limits: tuple[float, float]) -> Array:
    """y = x a + m (1 - a) + b, from limits[0] to limits[1]; light[n] = (a, b), and m is the mean of the image."""
    pixels = x.transpose(0, 2, 3, 1).astype(np.float64, order="C")
    flat = pixels.reshape(len(x), math.prod(x.shape[1:]))
    contrast, brightness = light.T.astype(np.float64)
    # A running sum adds in the order of the loops; np.sum doesn't.
    mean = flat.cumsum(axis=1)[:, -1] / flat.shape[1]
    offset = np.where(contrast == 1, brightness, mean * (1 - contrast) + brightness)
    flat = (flat * contrast[:, np.newaxis] + offset[:, np.newaxis]).astype(x.dtype)
    low, high = (x.dtype.type(limit) for limit in limits)
    flat = np.where(flat < low, low, np.where(flat > high, high, flat))
    return flat.reshape(pixels.shape).transpose(0, 3, 1, 2)


def erase_images(x: Array, corner: IntArray, *, size: Pair) -> Array:
    """Each image with zeros in the window of `size` (h, w) whose top and left are corner[n]."""
    y = x.transpose(0, 2, 3, 1).copy(order="C")
    rows, columns = (np.arange(length) - corner[:, axis : axis + 1] for axis, length in enumerate(x.shape[2:]))
    inside = ((rows >= 0) & (rows < size[0]))[:, :, np.newaxis] & ((columns >= 0) & (columns < size[1]))[:, np.newaxis]
    y[inside] = 0
    return y.transpose(0, 3, 1, 2)


@quiet
def mix_images(x: Array, partner: IntArray, share: Array) -> Array:
    """share[n] x[n] + (1 - share[n]) x[partner[n]]."""
    pixels = x.transpose(0, 2, 3, 1).astype(np.float64, order="C")
    own = share.astype(np.float64)[:, np.newaxis, np.newaxis, np.newaxis]
    y: Array = own * pixels + (1 - own) * pixels[partner]
    return y.astype(x.dtype).transpose(0, 3, 1, 2)
