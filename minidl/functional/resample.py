"""Images of another size, borders of several kinds, and places along an axis."""

from collections.abc import Sequence

from minidl import backends, shapes
from minidl.description.operators import Pad, Resize
from minidl.functional.checks import check_finite, check_floats, check_gradient
from minidl.functional.pullbacks import Pullback
from minidl.shapes import resampling
from minidl.shapes.resampling import Scale
from minidl.typing import Array, Sides, Size

__all__ = ["gather", "pad2d", "resize"]


def resize(
    x: Array,
    size: Size | None = None,
    *,
    scale: Scale | None = None,
    interpolation: str = "nearest",
    coordinates: str = "half_pixel",
    rounding: str = "round_prefer_floor",
) -> tuple[Array, Pullback]:
    """Images x (n, c, h, w) of another `size`, or `scale` times as large, rounded down.

    `interpolation` is "nearest", "linear" or "cubic", `coordinates` where in x a pixel of y lies and `rounding` which
    pixel is nearest, in the words of ONNX. Raises ShapeError, DTypeError and ValueError. Source: Keys, "Cubic
    convolution interpolation for digital image processing", 1981, with the coefficient -0.75.
    """
    check_floats(x=x)
    n, channels, height, width = (len(x), *shapes.image_shape(x.shape, batch=True))
    resampling.check_resize(size, scale)
    how = {"interpolation": interpolation, "coordinates": coordinates, "rounding": rounding}
    for name, value in how.items():
        resampling.check_choice(name, value)
    output = resampling.resized((height, width), size, scale)
    record = Resize(output, None if scale is None else resampling.scales(scale), **how)
    backend, dtype = backends.current(), x.dtype

    def pullback(dy: Array) -> Array:
        check_gradient(dy, (n, channels, *output), dtype)
        return backend.resize2d_backward(dy, size=(height, width), resize=record)

    return backend.resize2d(x, resize=record), pullback


def pad2d(x: Array, padding: Sides, *, mode: str = "constant", value: float = 0.0) -> tuple[Array, Pullback]:
    """Images x (n, c, h, w) in a border: an int, (vertical, horizontal), or ((top, bottom), (left, right)).

    By its `mode` it is a "constant", `value`, or goes on with the pixels inside: "reflect" in a mirror at the outer
    ones, "edge" with these. Raises ShapeError, DTypeError and ValueError.
    """
    check_floats(x=x)
    n, channels, height, width = (len(x), *shapes.image_shape(x.shape, batch=True))
    border = shapes.sides(padding)
    resampling.check_choice("mode", mode)
    check_finite("value", value)
    output = resampling.padded((height, width), border, mode)
    record = Pad(border, mode, float(value))
    backend, dtype = backends.current(), x.dtype

    def pullback(dy: Array) -> Array:
        check_gradient(dy, (n, channels, *output), dtype)
        return backend.pad2d_backward(dy, pad=record)

    return backend.pad2d(x, pad=record), pullback


def gather(x: Array, axis: int, indices: Sequence[int]) -> tuple[Array, Pullback]:
    """The places along an axis of x (n, ...) that have these numbers, those below 0 counted from the end.

    The axis isn't the batch's, 0. Raises ShapeError, DTypeError and ValueError.
    """
    check_floats(x=x)
    shapes.check_axis(axis)
    asked = resampling.check_indices(indices)
    place = shapes.axis_of(axis, x.shape[1:]) + 1
    length = x.shape[place]
    found = resampling.gathered(length, asked)
    backend, dtype = backends.current(), x.dtype
    shape = (*x.shape[:place], len(found), *x.shape[place + 1 :])

    def pullback(dy: Array) -> Array:
        check_gradient(dy, shape, dtype)
        return backend.gather_backward(dy, axis=place, indices=found, length=length)

    return backend.gather(x, axis=place, indices=found), pullback
