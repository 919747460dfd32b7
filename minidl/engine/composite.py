"""Modules made of others, whose network a backend may prepare as a whole."""

import numpy as np

from minidl.engine.networks import Networks
from minidl.module import Module
from minidl.typing import Array, Backward


class Composite(Module):
    """A module of one input and one output that is made of others.

    Where it can be prepared, its network is run; else its modules one by one, which a subclass does in `infer_by_parts`
    and `forward_by_parts`, and where errors say what doesn't fit.
    """

    def __init__(self) -> None:
        self._networks = Networks()

    def infer_by_parts(self, x: Array) -> Array:
        """`infer`, module by module."""
        raise NotImplementedError(f"{type(self).__name__} doesn't define infer_by_parts(x)")

    def forward_by_parts(self, x: Array, *, train: bool) -> tuple[Array, Backward]:
        """`forward`, module by module."""
        raise NotImplementedError(f"{type(self).__name__} doesn't define forward_by_parts(x, *, train)")

    def infer(self, x: Array) -> Array:
        ys = self._networks.infer(self, x)
        return self.infer_by_parts(x) if ys is None else ys[0]

    def forward(self, x: Array, *, train: bool) -> tuple[Array, Backward]:
        prepared = self._networks.forward(self, x, train=train)
        if prepared is None:
            return self.forward_by_parts(x, train=train)
        ys, of_network = prepared
        shape, dtype = x.shape, x.dtype

        def backward(dy: Array, *, need_dx: bool = True) -> Array | None:
            dx = of_network((dy,), need_dx=need_dx)[0]
            return np.zeros(shape, dtype) if need_dx and dx is None else dx

        return ys[0], backward
