"""The shapes of samples whose values are put into another arrangement, and the errors of those that don't fit."""

import math
from collections.abc import Sequence

from minidl.errors import ShapeError
from minidl.shapes.arguments import is_int
from minidl.shapes.checks import show
from minidl.typing import Shape


def reshaped(shape: Shape, target: Sequence[int]) -> Shape:
    """The shape of one sample of `shape` rearranged to `target`, in which one -1 stands for what is left.

    Raises ShapeError where the numbers of values differ.
    """
    size, known = math.prod(shape), math.prod(length for length in target if length != -1)
    if -1 not in target:
        if size != known:
            raise ShapeError(f"expected samples of {known} values for {show(target)}, got {size}: {show(shape)}")
        return tuple(target)
    if not known or size % known:
        raise ShapeError(
            f"expected samples of a multiple of {known} values for {show(target)}, got {size}: {show(shape)}"
        )
    return tuple(size // known if length == -1 else length for length in target)


def check_target(target: Sequence[int]) -> Shape:
    """The target of a reshape as ints. Raises ValueError unless they're sizes of at least 1, one of them perhaps -1."""
    if (
        not isinstance(target, Sequence)
        or isinstance(target, str)
        or not target
        or not all(is_int(length) and (int(length) >= 1 or int(length) == -1) for length in target)
        or sum(int(length) == -1 for length in target) > 1
    ):
        raise ValueError(f"shape: expected sizes of at least 1, one of which may be -1, got {target!r}")
    return tuple(map(int, target))


def permuted(shape: Shape, order: Sequence[int]) -> Shape:
    """The shape of one sample whose axes, counted from 1, are put in this order."""
    if len(shape) != len(order):
        raise ShapeError(f"expected samples of {len(order)} axes for the order {show(order)}, got {show(shape)}")
    return tuple(shape[axis - 1] for axis in order)


def check_order(order: Sequence[int]) -> Shape:
    """An order of axes as ints. Raises ValueError unless it's 1, 2, ... in any order."""
    if (
        not isinstance(order, Sequence)
        or isinstance(order, str)
        or not order
        or not all(map(is_int, order))
        or sorted(map(int, order)) != list(range(1, len(order) + 1))
    ):
        raise ValueError(f"axes: expected a sample's axes 1, 2, ... in a new order, such as (2, 1), got {order!r}")
    return tuple(map(int, order))


def stacked(parts: Sequence[Shape], *, of: str = "branches") -> Shape:
    """The shape of samples (c, ...) stacked along their channels. Raises ShapeError unless they're alike beyond."""
    first = parts[0]
    for i, shape in enumerate(parts):
        if not shape or shape[1:] != first[1:]:
            wanted: tuple[int | str, ...] = ("channels", *first[1:])
            raise ShapeError(f"expected {of} that all give {show(wanted)}, got {show(shape)} of {of}[{i}]")
    return (sum(shape[0] for shape in parts), *first[1:])


def alike(parts: Sequence[Shape], *, of: str = "branches") -> Shape:
    """The shape that all of them have. Raises ShapeError unless they're the same."""
    for i, shape in enumerate(parts):
        if shape != parts[0]:
            raise ShapeError(f"expected {of} that all give {show(parts[0])}, got {show(shape)} of {of}[{i}]")
    return parts[0]


def broadcast(parts: Sequence[Shape], *, of: str = "branches") -> Shape:
    """The longest of each axis. Raises ShapeError unless the others are of that length, or 1 long."""
    axes = len(parts[0])
    longest = tuple(max(shape[axis] for shape in parts if len(shape) == axes) for axis in range(axes))
    for i, shape in enumerate(parts):
        fits = len(shape) == axes and all(have in (1, most) for have, most in zip(shape, longest, strict=True))
        if not fits:
            raise ShapeError(
                f"expected {of} of one shape, or 1 long where others are longer, got {show(shape)} of {of}[{i}] "
                f"and {show(parts[0])} of {of}[0]"
            )
    return longest
