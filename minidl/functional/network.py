"""Networks prepared by a backend."""

from typing import TYPE_CHECKING, Any

import numpy as np

from minidl import backends

if TYPE_CHECKING:
    from minidl.description.graph import Description

__all__ = ["CannotPrepareError", "can_prepare", "constants", "network"]


class CannotPrepareError(Exception):
    """The backend in use can't prepare a network."""


def can_prepare() -> bool:
    """Whether the backend in use prepares networks."""
    return hasattr(backends.current(), "Network")


def constants(dtype: "np.dtype[Any]") -> Any:
    """Where networks whose weights don't change keep what follows from those alone.

    It has `refresh()`, which computes it again, and `nbytes`.
    """
    backend: Any = backends.current()
    return backend.Constants(dtype)


def network(
    description: "Description", batch_size: int, dtype: "np.dtype[Any]", *, keeps: bool, constants: Any = None
) -> Any:
    """A network prepared for batches of this size, whose inputs the caller has checked. Raises CannotPrepareError.

    It has `forward(*xs) -> (ys, arrays to hold until backward is over)` and, if it `keeps`, for the last forward,
    `backward(*dys, need_dx=...) -> dxs`, which adds to the gradients; its `size` is that of its own arrays in bytes.
    """
    backend: Any = backends.current()
    try:
        return backend.Network(description, batch_size, dtype, keeps=keeps, constants=constants)
    except backend.CannotPrepareError as error:
        raise CannotPrepareError(str(error)) from None
