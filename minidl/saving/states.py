"""Checks of states that come from elsewhere, entry by entry, before anything takes them."""

import math
import sys
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np

from minidl.errors import StateError
from minidl.shapes import show
from minidl.typing import Array

Check: TypeAlias = Callable[[Any], str | None]
"""What is wrong with an entry, or None."""

MOST = 2**63 - 1


def check(owner: object, state: Any, entries: Mapping[str, Check]) -> None:
    """Raise StateError, which names all that is wrong, unless the state has these entries and no others."""
    if not isinstance(state, Mapping):
        wrong = [f"expected entries by name, got {type(state).__name__}"]
    else:
        wrong = [f"missing {name}" for name in entries if name not in state]
        wrong += [f"unexpected {name}" for name in state if name not in entries]
        found = ((name, entry(state[name])) for name, entry in entries.items() if name in state)
        wrong += [f"{name}: {problem}" for name, problem in found if problem is not None]
    if wrong:
        raise StateError(f"the state doesn't fit this {type(owner).__name__}: {'; '.join(wrong)}")


def whole(value: Any) -> str | None:
    """For an int of at least 0 and less than 2**63, or an array of one without axes."""
    value = _single(value)
    if type(value) is int and 0 <= value <= MOST:
        return None
    return f"expected an int of at least 0, got {_shown(value)}"


def number(value: Any) -> str | None:
    """For a finite number of at least 0."""
    if real(value) is None and 0 <= float(value) < math.inf:
        return None
    return f"expected a number of at least 0, got {_shown(value)}"


def real(value: Any) -> str | None:
    """For a number, which may be infinite or NaN."""
    value = _single(value)
    if type(value) is float or (type(value) is int and abs(value) <= sys.float_info.max):
        return None
    return f"expected a number, got {_shown(value)}"


def perhaps(entry: Check) -> Check:
    """For None, or what `entry` is for."""
    return lambda value: None if value is None else entry(value)


def anything(value: Any) -> str | None:
    """For what is checked apart."""
    del value
    return None


def mapping(value: Any) -> str | None:
    """For entries by name, which are checked apart, or None."""
    return None if value is None or isinstance(value, Mapping) else f"expected entries by name, got {_shown(value)}"


def array(like: Array) -> Check:
    """For floats in the shape of this array."""

    def check_array(value: Any) -> str | None:
        if not isinstance(value, np.ndarray) or value.shape != like.shape:
            return f"expected {show(like.shape)}, got {_shown(value)}"
        return None if value.dtype.kind == "f" else f"expected floats, got {value.dtype}"

    return check_array


def _single(value: Any) -> Any:
    """The number that an array without axes has, as files of arrays keep it; anything else as it is."""
    return value.item() if isinstance(value, np.ndarray | np.generic) and not value.ndim else value


def _shown(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return show(value.shape)
    text = repr(value)
    return text if len(text) <= 50 else type(value).__name__
