"""Operators of several values, element by element, as records, and those of a parameter alone."""

from typing import NamedTuple

from minidl.description.param import Param


class PReLU(NamedTuple):
    """x where it is above zero, else weight x; weights are (c,), or (1,) for all channels."""

    weight: Param
