"""Sizes and paddings as people give them, checked and resolved to integers."""

import operator
from collections.abc import Sequence
from typing import SupportsIndex, TypeGuard

from minidl.typing import Border, Padding, PaddingAlong, Pair, Sides, Size

LARGEST_COUNT, LARGEST_SIZE = 2**63 - 1, 2**31 - 1
"""Of an int by itself, and of windows: sums and products of two sizes are integers of 64 bits as well."""

INTERPOLATIONS = ("nearest", "bilinear")


def pair(value: Size, name: str, *, minimum: int = 1) -> Pair:
    """(height, width) of a size given as one int or as a pair of them.

    Raises ValueError, which names the argument, for anything else or below `minimum`.
    """
    values: object = (value, value) if not isinstance(value, tuple) and is_int(value) else value
    if (
        not isinstance(values, tuple | Sequence)
        or isinstance(values, str)
        or len(values) != 2
        or not all(is_int(v) and minimum <= int(v) <= LARGEST_SIZE for v in values)
    ):
        wanted = f"an int or a pair of ints, each at least {minimum}{_below(values, LARGEST_SIZE)}"
        raise ValueError(f"{name}: expected {wanted}, got {value!r}")
    return int(values[0]), int(values[1])


def count(value: object, name: str, *, minimum: int = 1, maximum: int = LARGEST_COUNT) -> int:
    """`value` itself, if it's an integer from `minimum` to `maximum`; raises ValueError, which names it, otherwise."""
    if is_int(value) and minimum <= int(value) <= maximum:
        return int(value)
    raise ValueError(f"{name}: expected an int of at least {minimum}{_below([value], maximum)}, got {value!r}")


def is_int(value: object) -> TypeGuard[SupportsIndex]:
    """Whether it's an int or stands for one, as NumPy's integers do; arrays of them and bools don't."""
    if type(value) is int:  # the usual case, and much faster than the Protocol
        return True
    if isinstance(value, bool) or not isinstance(value, SupportsIndex):
        return False
    try:
        operator.index(value)
    except TypeError:
        return False
    return True


def _below(values: object, largest: int) -> str:
    """What to add to an error's message where a value is too large."""
    is_large = isinstance(values, Sequence) and any(type(value) is int and value > largest for value in values)
    return f" and at most {largest}" if is_large else ""


def check_padding(padding: Padding) -> None:
    """Raise ValueError unless `padding` is what `sides` takes, or "same"."""
    if not isinstance(padding, str):
        sides(padding)
    elif padding != "same":
        raise ValueError(f'padding: expected an int, a pair of ints, {_SIDES} or "same", got {padding!r}')


def check_padding_along(padding: PaddingAlong, *, causal: bool = False) -> None:
    """Raise ValueError unless `padding` is an int, (left, right) or "same", or with `causal` "causal"."""
    words = ("same", "causal") if causal else ("same",)
    try:
        if padding in words if isinstance(padding, str) else pair(padding, "padding", minimum=0):
            return
    except ValueError:
        pass
    limit = _below([padding], LARGEST_SIZE)
    others = '(left, right), "same" or "causal"' if causal else '(left, right) or "same"'
    raise ValueError(f"padding: expected an int of at least 0{limit}, {others}, got {padding!r}")


_SIDES = "((top, bottom), (left, right))"


def sides(padding: Sides, name: str = "padding") -> Border:
    """((top, bottom), (left, right)) of an int, of (vertical, horizontal), or of itself.

    Raises ValueError, which names the argument, for anything else.
    """
    both: object = (padding, padding) if is_int(padding) else padding
    try:
        if isinstance(both, tuple | list) and len(both) == 2:
            return pair(both[0], name, minimum=0), pair(both[1], name, minimum=0)
    except ValueError:
        pass
    limit = _below(both, LARGEST_SIZE)
    raise ValueError(f"{name}: expected an int, a pair of ints or {_SIDES}, each at least 0{limit}, got {padding!r}")


def check_axis(axis: object) -> None:
    """Raise ValueError unless it's an axis by its number, or None; 0 is the batch's."""
    if axis is not None and (not is_int(axis) or int(axis) == 0):
        raise ValueError(f"axis: expected an axis of samples, 1, 2, ... or -1, -2, ... from the end, got {axis!r}")


def check_interpolation(interpolation: str) -> None:
    """Raise ValueError unless there is this interpolation."""
    if interpolation not in INTERPOLATIONS:
        raise ValueError(f'interpolation: expected "nearest" or "bilinear", got {interpolation!r}')
