"""What augmentations do to images: windows, turns and zooms, light, holes and mixtures."""

import numpy as np

__all__ = ["adjust_brightness", "crop", "erase_images", "mix_images", "warp_images"]


def crop(x, place, *, size):
    """A window of `size` (h, w) of each image, zero outside of it; place[n] = (top, left, whether flipped)."""
    y = np.zeros((*x.shape[:2], *size), x.dtype)
    for n, c, i, j in np.ndindex(y.shape):
        top, left, flipped = place[n]
        row, column = top + i, left + (size[1] - 1 - j if flipped else j)
        if 0 <= row < x.shape[2] and 0 <= column < x.shape[3]:
            y[n, c, i, j] = x[n, c, row, column]
    return y


def warp_images(x, place, *, size, repeats_edge):
    """A picture of `size` (h, w) of each image: pixel (i, j) is what the image has at (a i + b j + c, d i + e j + f).

    place[n] = (a, b, c, d, e, f), whole numbers of 2^-31 pixels. Bilinear between four neighbours, whose shares are
    rounded down to multiples of 2^-24; neighbours outside of the image are 0, unless places beyond its edge are
    brought to the edge, with `repeats_edge`.
    """
    y = np.zeros((*x.shape[:2], *size), x.dtype)
    height, width = x.shape[2:]
    for n, c, i, j in np.ndindex(y.shape):
        numbers = [int(number) for number in place[n]]
        row, column = (numbers[k] * i + numbers[k + 1] * j + numbers[k + 2] for k in (0, 3))
        if repeats_edge:
            row, column = min(max(row, 0), (height - 1) << 31), min(max(column, 0), (width - 1) << 31)
        top, left = row >> 31, column >> 31
        below, right = (row - (top << 31) >> 7) / 2**24, (column - (left << 31) >> 7) / 2**24
        blended = []
        for r in (top, top + 1):
            pair = [float(x[n, c, r, q]) if 0 <= r < height and 0 <= q < width else 0.0 for q in (left, left + 1)]
            blended.append(pair[0] * (1 - right) + pair[1] * right)
        y[n, c, i, j] = blended[0] * (1 - below) + blended[1] * below
    return y


def adjust_brightness(x, light, *, limits):
    """y = x a + m (1 - a) + b, from limits[0] to limits[1]; light[n] = (a, b), and m is the mean of the image.

    The mean is summed pixel by pixel, and in these channel by channel. It plays no part where a is 1.
    """
    y = np.zeros(x.shape, x.dtype)
    low, high = (x.dtype.type(limit) for limit in limits)
    for n in range(len(x)):
        contrast, offset = float(light[n, 0]), float(light[n, 1])
        if contrast != 1:
            total = 0.0
            for i, j, c in np.ndindex(*x.shape[2:], x.shape[1]):
                total += float(x[n, c, i, j])
            offset = total / x[n].size * (1 - contrast) + offset
        for c, i, j in np.ndindex(x.shape[1:]):
            value = x.dtype.type(float(x[n, c, i, j]) * contrast + offset)
            y[n, c, i, j] = low if value < low else high if value > high else value
    return y


def erase_images(x, corner, *, size):
    """Each image with zeros in the window of `size` (h, w) whose top and left are corner[n]."""
    y = np.zeros(x.shape, x.dtype)
    for n, c, i, j in np.ndindex(x.shape):
        top, left = corner[n]
        if not (top <= i < top + size[0] and left <= j < left + size[1]):
            y[n, c, i, j] = x[n, c, i, j]
    return y


def mix_images(x, partner, share):
    """share[n] x[n] + (1 - share[n]) x[partner[n]]."""
    y = np.zeros(x.shape, x.dtype)
    for n, c, i, j in np.ndindex(x.shape):
        own = float(share[n])
        y[n, c, i, j] = own * float(x[n, c, i, j]) + (1 - own) * float(x[partner[n], c, i, j])
    return y
