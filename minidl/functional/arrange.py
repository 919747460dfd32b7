"""Values in another arrangement: other axes, parts of arrays. Nothing is computed, so all backends share it."""

from collections.abc import Sequence

import numpy as np

from minidl import shapes
from minidl.description.operators import PadAxis, Slice
from minidl.functional.checks import check_floats, check_gradient
from minidl.functional.pullbacks import Pullback
from minidl.shapes import arrange
from minidl.typing import Array

__all__ = ["pixel_shuffle", "pixel_unshuffle", "reshape", "slice", "squeeze", "transpose", "unsqueeze", "zero_pad_axis"]


def reshape(x: Array, shape: Sequence[int]) -> tuple[Array, Pullback]:
    """Each sample of x (n, ...) in another shape, its values in their order, the last axis first.

    0 keeps the length of an axis, and one -1 is what is left. Raises ShapeError, DTypeError and ValueError.
    """
    check_floats(x=x)
    return _reshaped(x, arrange.reshaped(x.shape[1:], arrange.check_target(shape)))


def squeeze(x: Array, axis: int | Sequence[int]) -> tuple[Array, Pullback]:
    """X (n, ...) without one or several axes that are 1 long. Raises ShapeError, DTypeError and ValueError."""
    check_floats(x=x)
    return _reshaped(x, arrange.squeezed(x.shape[1:], arrange.check_sample_axes(axis)))


def unsqueeze(x: Array, axis: int | Sequence[int]) -> tuple[Array, Pullback]:
    """X (n, ...) with axes that are 1 long more, of these numbers in y. Raises ShapeError, DTypeError, ValueError."""
    check_floats(x=x)
    return _reshaped(x, arrange.unsqueezed(x.shape[1:], arrange.check_sample_axes(axis)))


def _reshaped(x: Array, shape: tuple[int, ...]) -> tuple[Array, Pullback]:
    y, before, dtype = x.reshape(len(x), *shape), x.shape, x.dtype

    def pullback(dy: Array) -> Array:
        check_gradient(dy, (before[0], *shape), dtype)
        return dy.reshape(before)

    return y, pullback


def transpose(x: Array, axes: Sequence[int]) -> tuple[Array, Pullback]:
    """X with its axes in this order, the batch's, 0, first: (0, 2, 3, 1) has the channels of images last.

    Raises ShapeError, DTypeError and ValueError.
    """
    check_floats(x=x)
    order = arrange.check_axes(axes)
    shape, dtype = (len(x), *arrange.transposed(x.shape[1:], order)), x.dtype

    def pullback(dy: Array) -> Array:
        check_gradient(dy, shape, dtype)
        return dy.transpose(np.argsort(order))

    return x.transpose(order), pullback


def slice(x: Array, axis: int, start: int | None = 0, stop: int | None = None, step: int = 1) -> tuple[Array, Pullback]:
    """x[start:stop:step] along an axis, which isn't the batch's, 0. Raises ShapeError, DTypeError and ValueError."""
    check_floats(x=x)
    shapes.check_axis(axis)
    arrange.check_slice(start, stop, step)
    place = shapes.axis_of(axis, x.shape[1:])
    part = Slice(place + 1, *arrange.sliced(x.shape[place + 1], start, stop, step))
    y, before, dtype = x[part.places], x.shape, x.dtype

    def pullback(dy: Array) -> Array:
        check_gradient(dy, y.shape, dtype)
        dx = zeros(before, dtype)
        dx[part.places] = dy
        return dx

    return y, pullback


def zero_pad_axis(x: Array, axis: int, before: int = 0, after: int = 0) -> tuple[Array, Pullback]:
    """X with so many zeros before and after it along an axis, which isn't the batch's, 0.

    Raises ShapeError, DTypeError and ValueError.
    """
    check_floats(x=x)
    shapes.check_axis(axis)
    arrange.check_zeros(before, after)
    place = shapes.axis_of(axis, x.shape[1:]) + 1
    part = PadAxis(place, before, after).inside(x.shape[place])
    y, dtype = zeros((*x.shape[:place], before + x.shape[place] + after, *x.shape[place + 1 :]), x.dtype), x.dtype
    y[part.places] = x
    padded = y.shape

    def pullback(dy: Array) -> Array:
        check_gradient(dy, padded, dtype)
        return dy[part.places]

    return y, pullback


def zeros(shape: tuple[int, ...], dtype: "np.dtype[np.floating]") -> Array:
    """An array of zeros, of images with the channels last in memory."""
    if len(shape) != 4:
        return np.zeros(shape, dtype)
    n, channels, height, width = shape
    return np.zeros((n, height, width, channels), dtype).transpose(0, 3, 1, 2)


def pixel_shuffle(x: Array, factor: int, *, order: str = "crd") -> tuple[Array, Pullback]:
    """Images x (n, c factor factor, h, w) as y (n, c, factor h, factor w).

    The channels of x are (c, down, across) by the order "crd", PyTorch's, and (down, across, c) by "dcr". Raises
    ShapeError, DTypeError and ValueError. Source: Shi et al., "Real-time single image super-resolution", 2016.
    """
    check_floats(x=x)
    shapes.image_shape(x.shape, batch=True)
    return _moved(x, *arrange.shuffled(x.shape[1:], factor, order))


def pixel_unshuffle(x: Array, factor: int, *, order: str = "crd") -> tuple[Array, Pullback]:
    """Images x (n, c, factor h, factor w) as y (n, c factor factor, h, w): what undoes `pixel_shuffle`.

    Raises ShapeError, DTypeError and ValueError.
    """
    check_floats(x=x)
    shapes.image_shape(x.shape, batch=True)
    return _moved(x, *arrange.unshuffled(x.shape[1:], factor, order))


def _moved(x: Array, split: tuple[int, ...], axes: tuple[int, ...], shape: tuple[int, ...]) -> tuple[Array, Pullback]:
    """X with its axes split, put in another order and joined to this shape."""
    n, before, dtype = len(x), x.shape, x.dtype
    y = x.reshape(n, *split).transpose(axes).reshape(n, *shape)
    between = tuple(map(int, np.argsort(axes)))

    def pullback(dy: Array) -> Array:
        check_gradient(dy, (n, *shape), dtype)
        apart = (n, *[(n, *split)[axis] for axis in axes[1:]])
        return dy.reshape(apart).transpose(between).reshape(before)

    return y, pullback
