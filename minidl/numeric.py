"""Numbers as arguments: of any real type, taken for Python's own."""

import math
import numbers
from typing import Any

import numpy as np


def is_real(value: Any) -> bool:
    """Whether it's a number of a real type, Python's, NumPy's or another; bools aren't."""
    if isinstance(value, np.ndarray):
        return not value.ndim and value.dtype.kind in "iuf"
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def plain(value: Any) -> Any:
    """A number of another type as Python's int or float, also in a tuple; anything else is returned as it is."""
    kind = type(value)
    if kind is float or kind is int or kind is bool:
        return value
    if kind is tuple:
        return tuple(map(plain, value))
    if not is_real(value):
        return value
    return int(value) if isinstance(value, numbers.Integral) else float(value)


def in_range(value: Any, least: float = 0.0, *, above: bool = False) -> bool:
    """Whether it's a finite number, which a float holds, of at least, or above, the least."""
    try:
        return is_real(value) and bool(least < value if above else least <= value) and float(value) < math.inf
    except OverflowError:
        return False


def entropy_of(seed: Any) -> "np.random.SeedSequence":
    """What generators are made of. Raises TypeError and ValueError, which name it, for what is no seed."""
    try:
        return np.random.SeedSequence(seed)
    except (TypeError, ValueError) as error:
        raise type(error)(f"seed: expected an int of at least 0, or None, got {seed!r}") from None
