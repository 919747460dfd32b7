"""What a resize, a border or a choice of places says, checked, and the shapes that come of it."""

import math
from collections.abc import Sequence
from typing import TypeAlias

from minidl.errors import ShapeError
from minidl.numeric import in_range
from minidl.shapes.arguments import is_int, pair
from minidl.shapes.checks import check_pixels
from minidl.typing import Border, Pair, Size

Scale: TypeAlias = float | tuple[float, float]
"""One factor for both axes of an image, or (down, across)."""

CHOICES = {
    "interpolation": ("nearest", "linear", "cubic"),
    "coordinates": ("half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel", "half_pixel_symmetric"),
    "rounding": ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil"),
    "mode": ("constant", "reflect", "edge"),
}


def check_choice(name: str, value: object) -> None:
    """Raise ValueError unless the argument of this name is one of those that there are."""
    if value not in CHOICES[name]:
        words = ", ".join(f'"{word}"' for word in CHOICES[name])
        raise ValueError(f"{name}: expected one of {words}, got {value!r}")


def scales(scale: Scale) -> tuple[float, float]:
    """(down, across) of one factor or two. Raises ValueError unless they're finite numbers above 0."""
    both: object = scale if isinstance(scale, tuple | list) else (scale, scale)
    if not isinstance(both, tuple | list) or len(both) != 2 or not all(in_range(each, above=True) for each in both):
        raise ValueError(f"scale: expected a number above 0, or a pair of them, got {scale!r}")
    return float(both[0]), float(both[1])


def check_resize(size: Size | None, scale: Scale | None) -> None:
    """Raise ValueError unless there is either a size or a scale."""
    if (size is None) == (scale is None):
        raise ValueError(f"expected either a size or a scale, got size={size!r}, scale={scale!r}")
    if size is not None:
        pair(size, "size")
    if scale is not None:
        scales(scale)


def resized(image: Pair, size: Size | None, scale: Scale | None) -> Pair:
    """The size of an image (h, w) that is resized. Raises ShapeError where there are no pixels, or none are left."""
    check_pixels(image)
    if size is not None:
        return pair(size, "size")
    assert scale is not None
    down, across = scales(scale)
    found = math.floor(image[0] * down), math.floor(image[1] * across)
    if min(found) < 1:
        raise ShapeError(f"expected an image that is at least 1 x 1 at the scale {scale}, got {image[0]} x {image[1]}")
    return found


def padded(image: Pair, border: Border, mode: str) -> Pair:
    """The size of an image (h, w) in a border. Raises ShapeError where it is too small to be reflected or repeated."""
    check_pixels(image)
    widest = max(border[0]), max(border[1])
    if mode == "reflect" and (widest[0] >= image[0] or widest[1] >= image[1]):
        least = f"{widest[0] + 1} x {widest[1] + 1}"
        raise ShapeError(f"expected an image of at least {least}, to be reflected, got {image[0]} x {image[1]}")
    return image[0] + sum(border[0]), image[1] + sum(border[1])


def check_indices(indices: Sequence[int]) -> tuple[int, ...]:
    """Places as ints. Raises ValueError unless they're a sequence of ints, of which there are any."""
    is_sequence = isinstance(indices, Sequence) and not isinstance(indices, str | bytes)
    if not is_sequence or not len(indices) or not all(map(is_int, indices)):
        raise ValueError(f"indices: expected ints, those below 0 counted from the end, got {indices!r}")
    return tuple(map(int, indices))


def gathered(length: int, indices: tuple[int, ...]) -> tuple[int, ...]:
    """The places of a `length` by their numbers from 0 on. Raises ShapeError for one that isn't there."""
    for index in indices:
        if not -length <= index < length:
            raise ShapeError(f"expected more than {index if index >= 0 else -index - 1} values, got {length}")
    return tuple(index % length for index in indices)
