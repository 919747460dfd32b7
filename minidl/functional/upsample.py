"""Borders of zeros, and images made larger."""

from typing import Any

from minidl import backends, shapes
from minidl.functional.checks import check_floats, check_gradient
from minidl.functional.pullbacks import Pullback
from minidl.typing import Array, Sides, Size

__all__ = ["upsample2d", "zero_pad2d"]


def zero_pad2d(x: Array, padding: Sides) -> tuple[Array, Pullback]:
    """Images x (n, c, h, w) in a border of zeros: an int, (vertical, horizontal), or ((top, bottom), (left, right)).

    Raises ShapeError and DTypeError.
    """
    check_floats(x=x)
    channels, height, width = shapes.image_shape(x.shape, batch=True)
    border = shapes.sides(padding)
    backend = backends.current()
    y, dtype = backend.zero_pad2d(x, padding=border), x.dtype
    shape = (len(x), channels, height + sum(border[0]), width + sum(border[1]))

    def pullback(dy: Array) -> Array:
        check_gradient(dy, shape, dtype)
        return backend.zero_pad2d_backward(dy, padding=border)

    return y, pullback


def upsample2d(x: Array, size: Size, *, interpolation: str = "nearest") -> tuple[Array, Pullback]:
    """Images x (n, c, h, w) made `size` times as large, y (n, c, size h, size w).

    "nearest" repeats each pixel; "bilinear" goes from the centre of each to that of the next, and stays what it is
    beyond the outer ones (PyTorch's align_corners=False). Raises ShapeError and DTypeError.
    """
    check_floats(x=x)
    channels, height, width = shapes.image_shape(x.shape, batch=True)
    factors = shapes.pair(size, "size")
    shapes.check_interpolation(interpolation)
    shapes.check_pixels((height, width))
    backend = backends.current()
    how: dict[str, Any] = {"factors": factors, "interpolation": interpolation}
    y, dtype = backend.upsample2d(x, **how), x.dtype
    shape = (len(x), channels, height * factors[0], width * factors[1])

    def pullback(dy: Array) -> Array:
        check_gradient(dy, shape, dtype)
        return backend.upsample2d_backward(dy, **how)

    return y, pullback
