"""The base class of layers that apply one operator and have no parameters."""

from typing import Any

from minidl.functional import Pullback
from minidl.module import Module
from minidl.typing import Array, Backward


class Operation(Module):
    """A layer without parameters that applies one operator."""

    def operator(self, x: Array) -> tuple[Array, Pullback]:
        """(y, pullback)."""
        raise NotImplementedError(f"{type(self).__name__} doesn't define operator(x)")

    def forward(self, x: Array, *, train: bool) -> tuple[Array, Backward]:
        y, pullback = self.operator(x)

        def backward(dy: Array, *, need_dx: bool = True) -> Any:
            return pullback(dy) if need_dx else None

        return y, backward
