"""Operators of several values, element by element, as records, and those of a parameter alone."""

from typing import NamedTuple

from minidl.description.param import Param


class PReLU(NamedTuple):
    """x where it is above zero, else weight x; weights are (c,), or (1,) for all channels."""

    weight: Param


class Arithmetic(NamedTuple):
    """Its inputs combined in their order, where one that is 1 long along an axis is repeated along it."""

    kind: str
    """"add", "subtract", "divide", "minimum", "maximum" or "pow"."""


class Where(NamedTuple):
    """Of three inputs the second where the first isn't 0, else the third; repeated as those of `Arithmetic` are."""


class Constant(NamedTuple):
    """A parameter for each sample of what it reads."""

    weight: Param
