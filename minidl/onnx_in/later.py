"""Layers by their names."""

from typing import Any

from minidl import layers
from minidl.errors import FormatError


def layer(name: str) -> Any:
    """The class of one of minidl's layers. Raises FormatError where there is none."""
    found = getattr(layers, name, None)
    if found is None:
        raise FormatError(f"minidl has no {name} yet")
    return found
