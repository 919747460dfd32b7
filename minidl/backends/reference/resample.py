"""Images of another size, borders that repeat what is inside, and places along an axis picked by their numbers."""

import math
from fractions import Fraction

import numpy as np

from minidl.backends.reference.numbers import quiet

__all__ = ["gather", "gather_backward", "pad2d", "pad2d_backward", "resize2d", "resize2d_backward"]

HALF = Fraction(1, 2)


def _position(i, length, out, scale, coordinates):
    """Where in `length` values the i-th of `out` lies, exactly where there is no scale, which is out / length then."""
    if coordinates == "align_corners":
        return Fraction(i * (length - 1), out - 1) if out > 1 else 0
    if coordinates == "pytorch_half_pixel" and out == 1:
        return 0
    if scale is None:
        return Fraction(i * length, out) if coordinates == "asymmetric" else (i + HALF) * length / out - HALF
    if coordinates == "asymmetric":
        return i / scale
    shift = 0.0
    if coordinates == "half_pixel_symmetric":  # the middle of the output is that of the input
        shift = length / 2 * (1 - out / (scale * length))
    return shift + (i + 0.5) / scale - 0.5


def _cubic(distance):
    """Keys's kernel with the coefficient -0.75."""
    a, d = -0.75, abs(distance)
    if d <= 1:
        return (a + 2) * d**3 - (a + 3) * d**2 + 1
    return a * (d**3 - 5 * d**2 + 8 * d - 4) if d < 2 else 0.0


ROUNDED = {
    "round_prefer_floor": lambda position: math.ceil(position - HALF),
    "round_prefer_ceil": lambda position: math.floor(position + HALF),
    "floor": math.floor,
    "ceil": math.ceil,
}


def _resized_taps(i, length, out, scale, interpolation, coordinates, rounding):
    """(index, share) of the values that make the i-th of `out`; beyond the ends those at the ends count."""
    position = _position(i, length, out, scale, coordinates)
    if interpolation == "nearest":
        taps = [(ROUNDED[rounding](position), 1.0)]
    else:
        first = math.floor(position)
        share = float(position - first)
        if interpolation == "linear":
            taps = [(first, 1 - share), (first + 1, share)]
        else:
            taps = [(first + k, _cubic(share - k)) for k in range(-1, 3)]
    return [(min(max(index, 0), length - 1), share) for index, share in taps if share != 0]


def _padded_taps(i, length, before, mode):
    """The index of the value that the i-th in a border repeats, which begins `before` places earlier; or []."""
    place = i - before
    if mode == "reflect":
        place = abs(place)
        place = min(place, 2 * (length - 1) - place)
    elif mode == "edge":
        place = min(max(place, 0), length - 1)
    return [(place, 1.0)] if 0 <= place < length else []


def _combined(x, rows, columns, value=0.0):
    """Images whose pixels are sums of those of x by the taps of their row and column; without any, the value."""
    n_images, n_channels = x.shape[:2]
    y = np.zeros((n_images, n_channels, len(rows), len(columns)), x.dtype)
    for n in range(n_images):
        for c in range(n_channels):
            for i in range(len(rows)):
                for j in range(len(columns)):
                    total = 0.0 if rows[i] and columns[j] else value
                    for row, down in rows[i]:
                        for column, across in columns[j]:
                            total += down * across * float(x[n, c, row, column])
                    y[n, c, i, j] = total
    return y


def _combined_backward(dy, rows, columns, size):
    """dx of `_combined` for images of `size`: each pixel hands its gradient to those that made it, by their shares."""
    n_images, n_channels = dy.shape[:2]
    dx = np.zeros((n_images, n_channels, *size))
    for n in range(n_images):
        for c in range(n_channels):
            for i in range(len(rows)):
                for j in range(len(columns)):
                    for row, down in rows[i]:
                        for column, across in columns[j]:
                            dx[n, c, row, column] += down * across * float(dy[n, c, i, j])
    return dx.astype(dy.dtype)


def _taps_of_resize(size, resize):
    output, scale, interpolation, coordinates, rounding = resize
    return [
        [
            _resized_taps(i, size[k], output[k], scale and scale[k], interpolation, coordinates, rounding)
            for i in range(output[k])
        ]
        for k in range(2)
    ]


@quiet
def resize2d(x, *, resize):
    """Images of another size; `resize` is (size, scale or None, interpolation, coordinates, rounding) of ONNX."""
    return _combined(x, *_taps_of_resize(x.shape[2:], resize))


@quiet
def resize2d_backward(dy, *, size, resize):
    """dx of `resize2d` for images of `size`."""
    return _combined_backward(dy, *_taps_of_resize(size, resize), size)


def _taps_of_pad(size, pad):
    padding, mode, _ = pad
    return [[_padded_taps(i, size[k], padding[k][0], mode) for i in range(size[k] + sum(padding[k]))] for k in range(2)]


def pad2d(x, *, pad):
    """Images in a border; `pad` is (padding, "constant", "reflect" or "edge", value of the constant)."""
    return _combined(x, *_taps_of_pad(x.shape[2:], pad), pad[2])


@quiet
def pad2d_backward(dy, *, pad):
    """dx of `pad2d`."""
    size = tuple(dy.shape[2 + k] - sum(pad[0][k]) for k in range(2))
    return _combined_backward(dy, *_taps_of_pad(size, pad), size)


def gather(x, *, axis, indices):
    """The places along an axis that have these numbers."""
    shape = [len(indices) if i == axis else x.shape[i] for i in range(x.ndim)]
    y = np.zeros(shape, x.dtype)
    for index in np.ndindex(*shape):
        y[index] = x[(*index[:axis], indices[index[axis]], *index[axis + 1 :])]
    return y


@quiet
def gather_backward(dy, *, axis, indices, length):
    """dx of `gather` from `length` places, one of which may have been picked several times."""
    dx = np.zeros([length if i == axis else dy.shape[i] for i in range(dy.ndim)])
    for index in np.ndindex(*dy.shape):
        dx[(*index[:axis], indices[index[axis]], *index[axis + 1 :])] += float(dy[index])
    return dx.astype(dy.dtype)
