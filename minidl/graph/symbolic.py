"""What stands for an array before there is one."""

from collections.abc import Sequence
from typing import Any, TypeVar


class Symbolic:
    """A value of a network that is still being described: a module called on it gives another one."""

    __slots__ = ()

    def called(self, module: Any, inputs: Sequence[Any], name: str | None) -> "Symbolic":
        """The value that the module gives for these inputs, one of which is this."""
        raise NotImplementedError(f"{type(self).__name__} doesn't define called(module, inputs, name)")


S = TypeVar("S", bound=Symbolic)


def first_symbolic(values: Sequence[Any]) -> Symbolic | None:
    """The first of these that stands for an array, or None."""
    return next((value for value in values if isinstance(value, Symbolic)), None)
