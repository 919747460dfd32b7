"""The shapes that operators expect, and the errors of those that don't fit."""

from collections.abc import Sequence
from typing import Any

from minidl.errors import ShapeError
from minidl.shapes.arguments import count, is_int
from minidl.typing import Pair, Shape


def expect(name: str, got: Shape, wanted: Sequence[int | str]) -> None:
    """Raise ShapeError unless `got` is `wanted`, in which a letter stands for any size."""
    if len(got) != len(wanted) or any(
        isinstance(want, int) and have != want for have, want in zip(got, wanted, strict=True)
    ):
        raise ShapeError(f"expected {name}{show(wanted)}, got {show(got)}")


def show(shape: Sequence[int | str]) -> str:
    """A shape as people write it: (n, 1, 28, 28)."""
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"


def single(shape: Any) -> Shape:
    """The shape of a module's one value. Raises ShapeError where it has several."""
    if not isinstance(shape, tuple) or not all(map(is_int, shape)):
        raise ShapeError(f"expected a module that gives one value for its inputs, got shapes {shape!r}")
    return shape


def image_shape(shape: Shape, *, batch: bool = False) -> tuple[int, int, int]:
    """(c, h, w) of one image, or of a batch of them: raises ShapeError for another number of axes."""
    if len(shape) != 3 + batch:
        raise ShapeError(
            f"expected images {'(n, c, h, w)' if batch else '(c, h, w)'}, got {show(shape)}{_hint(shape, batch)}"
        )
    return shape[-3], shape[-2], shape[-1]


def _hint(shape: Shape, batch: bool) -> str:
    if len(shape) != 3:
        is_channel = len(shape) == 2 and not batch
        return f"; of a single channel it is (1, {shape[0]}, {shape[1]})" if is_channel else ""
    if shape[0] in (3, 4):
        return f"; a single image is x[None]: {show((1, *shape))}"
    return f"; a single channel is x[:, None]: (n, 1, {shape[1]}, {shape[2]})"


def sequence_shape(shape: Shape, *, batch: bool = False) -> Pair:
    """(c, length) of one sequence, or of a batch of them: raises ShapeError for another number of axes."""
    if len(shape) != 2 + batch:
        raise ShapeError(f"expected sequences {'(n, c, length)' if batch else '(c, length)'}, got {show(shape)}")
    return shape[-2], shape[-1]


def dense_input(shape: Shape, features: int | None, *, batch: bool) -> int:
    """The number of features of (features,), or of (n, features): raises ShapeError unless it's `features`."""
    wanted: tuple[int | str, ...] = ("features" if features is None else features,)
    if len(shape) != 1 + batch:
        hint = "; a Flatten() layer before it makes vectors of images" if len(shape) > 1 + batch else ""
        expected = ("n", *wanted) if batch else wanted
        raise ShapeError(f"expected {show(expected)}, got {show(shape)}{hint}")
    expect("", shape, ("n", *wanted) if batch else wanted)
    return shape[-1]


def conv2d_channels(x: Shape, w: Shape, groups: int) -> None:
    """Raise ShapeError unless images of x[0] channels suit weights (out, in / groups, kh, kw)."""
    _convolved_channels(x, w, groups, taps="kh, kw", samples="h, w) images")


def conv1d_channels(x: Shape, w: Shape, groups: int) -> None:
    """Raise ShapeError unless sequences of x[0] channels suit weights (out, in / groups, k)."""
    _convolved_channels(x, w, groups, taps="k", samples="length) sequences")


def _convolved_channels(x: Shape, w: Shape, groups: int, *, taps: str, samples: str) -> None:
    count(groups, "groups")
    axes = 3 + taps.count(",")
    if len(w) != axes:
        raise ShapeError(f"expected weights (out, in / groups, {taps}), got {show(w)}")
    if min(w) < 1:
        least = show((1,) * axes)
        raise ShapeError(f"expected weights (out, in / groups, {taps}) of at least {least}, got {show(w)}")
    if x[0] != w[1] * groups:
        in_groups = f": {groups} groups of {w[1]} channels" if groups > 1 else ""
        raise ShapeError(f"expected ({w[1] * groups}, {samples}{in_groups}, got {show(x)}")
    if w[0] % groups:
        raise ShapeError(f"expected filters in {groups} equal groups, got {w[0]} filters")


def conv_transpose2d_channels(x: Shape, w: Shape, groups: int) -> None:
    """Raise ShapeError unless images of x[0] channels suit weights (in, out / groups, kh, kw)."""
    _spread_channels(x, w, groups, taps="kh, kw", samples="h, w) images")


def conv_transpose1d_channels(x: Shape, w: Shape, groups: int) -> None:
    """Raise ShapeError unless sequences of x[0] channels suit weights (in, out / groups, k)."""
    _spread_channels(x, w, groups, taps="k", samples="length) sequences")


def _spread_channels(x: Shape, w: Shape, groups: int, *, taps: str, samples: str) -> None:
    count(groups, "groups")
    axes = 3 + taps.count(",")
    if len(w) != axes or min(w) < 1:
        least = show((1,) * axes)
        raise ShapeError(f"expected weights (in, out / groups, {taps}) of at least {least}, got {show(w)}")
    if x[0] != w[0]:
        raise ShapeError(f"expected ({w[0]}, {samples}, got {show(x)}")
    if w[0] % groups:
        raise ShapeError(f"expected channels in {groups} equal groups, got {w[0]} channels")


def channel_groups(shape: Shape, groups: int) -> None:
    """Raise ShapeError unless a sample (c, ...) has channels that make `groups` equal groups."""
    count(groups, "groups")
    if not shape or shape[0] < 1 or shape[0] % groups:
        raise ShapeError(f"expected samples (c, ...) with channels in {groups} equal groups, got {show(shape)}")


def axis_of(axis: int, shape: Shape) -> int:
    """The place in a sample's shape of an axis that is counted with the batch as 0, or from the end as -1, -2, ...

    Raises ShapeError where there is none, or where nothing lies along it.
    """
    place = axis - 1 if axis > 0 else axis + len(shape)
    if not (axis and 0 <= place < len(shape)):
        raise ShapeError(f"expected samples with an axis {axis}, counted from 1, got {show(shape)}")
    if not shape[place]:
        raise ShapeError(f"expected at least one value along axis {axis}, got {show(shape)}")
    return place


def check_pixels(size: Pair) -> None:
    """Raise ShapeError for an image without pixels."""
    if min(size) < 1:
        raise ShapeError(f"expected an image of at least 1 x 1, got {size[0]} x {size[1]}")
