"""A parameter, as operators know it."""

from typing import NamedTuple

from minidl.typing import Array


class Param(NamedTuple):
    """A parameter's value, and the gradient that backward adds to, or None for one that isn't trained."""

    value: Array
    grad: Array | None
