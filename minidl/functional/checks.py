"""Checks that every operator makes once, before any work."""

import math
from typing import Any

import numpy as np

from minidl import shapes
from minidl.errors import DTypeError, ShapeError
from minidl.numeric import in_range
from minidl.typing import Array

__all__ = ["check_finite", "check_gradient", "check_number", "check_share", "check_switch"]


def check_floats(**arrays: Array | None) -> None:
    """Raise TypeError or DTypeError, which name the array, unless all are of float32 or all of float64."""
    first: np.dtype[Any] | None = None
    for name, array in arrays.items():
        if array is None:
            continue
        if not isinstance(array, np.ndarray):
            raise TypeError(f"expected {name} as a NumPy array, got {type(array).__name__}: np.asarray({name})")
        if array.dtype is first:  # the usual case, and quicker to tell
            continue
        if array.dtype not in (np.float32, np.float64):
            hint = "; for bytes of images, x.astype(np.float32) / 255" if array.dtype == np.uint8 else ""
            raise DTypeError(f"expected {name} in float32 or float64, got {array.dtype}{hint}")
        if first is None:
            first, leader = array.dtype, name
        elif array.dtype != first:
            raise DTypeError(f"expected one dtype, got {leader} in {first} and {name} in {array.dtype}: use .astype")


def check_rows(x: Array) -> None:
    """Raise ShapeError unless x is (n, classes) with at least one class."""
    check_floats(x=x)
    if x.ndim > 2:
        raise ShapeError(f"expected (n, classes), got {shapes.show(x.shape)}; for classes along another axis, axis=1")
    shapes.expect("", x.shape, ("n", "classes"))
    if not x.shape[1]:
        raise ShapeError(f"expected at least one class, got {shapes.show(x.shape)}")


def check_gradient(dy: Array, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """Raise TypeError, ShapeError or DTypeError unless dy is an array of this shape and dtype."""
    if not isinstance(dy, np.ndarray):
        raise TypeError(f"expected dy as a NumPy array, got {type(dy).__name__}: np.asarray(dy)")
    if dy.shape != shape:
        shapes.expect("dy ", dy.shape, shape)
    if dy.dtype != dtype:
        raise DTypeError(f"expected dy in {dtype}, got {dy.dtype}")


def check_number(name: str, value: Any, *, is_positive: bool = False) -> None:
    """Raise ValueError unless the value is a finite number of at least 0, or above it."""
    if not in_range(value, above=is_positive):
        raise ValueError(
            f"{name}: expected a finite number {'above' if is_positive else 'of at least'} 0, got {value!r}"
        )


def check_finite(name: str, value: Any) -> None:
    """Raise ValueError unless the value is a finite number, of any sign."""
    if not in_range(value, -math.inf, above=True):
        raise ValueError(f"{name}: expected a finite number, got {value!r}")


def check_share(name: str, value: Any) -> None:
    """Raise ValueError unless the value is a number from 0 to 1."""
    if not in_range(value) or value > 1:
        raise ValueError(f"{name}: expected a number from 0 to 1, got {value!r}")


def check_word(name: str, value: Any) -> None:
    """Raise ValueError unless the value is a whole number that a counter-based generator takes."""
    if not isinstance(value, int | np.integer) or isinstance(value, bool) or not 0 <= value < 2**63:
        raise ValueError(f"{name}: expected a whole number of at least 0 and below 2**63, got {value!r}")


def check_switch(name: str, value: Any) -> None:
    """Raise ValueError unless the value is True or False, also as 1 or 0: a word such as "no" would be true."""
    if not isinstance(value, bool | int | np.bool | np.integer) or value not in (0, 1):
        raise ValueError(f"{name}: expected True or False, got {value!r}")
