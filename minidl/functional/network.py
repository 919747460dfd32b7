"""Operators in a row, prepared by a backend as one."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from minidl import backends

if TYPE_CHECKING:
    from minidl.backends.operators import Operator


def can_prepare() -> bool:
    """Whether the backend in use prepares operators in a row as a `network`."""
    return hasattr(backends.current(), "Network")


def network(operators: "Sequence[Operator]", shape: tuple[int, ...], dtype: np.dtype[Any]) -> Any:
    """The operators prepared for inputs of this shape, which the caller has checked; None where that can't be done.

    It has `forward(x) -> (y, arrays to hold until backward is over)` and, for the last forward,
    `backward(dy, need_dx=...) -> dx`, which adds to the gradients; its `size` is that of its own arrays in bytes.
    """
    backend: Any = backends.current()
    try:
        return backend.Network(operators, shape, dtype)
    except backend.CannotPrepareError:
        return None
