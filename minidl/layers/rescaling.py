"""Inputs times a number plus a number, such as the bytes of images from 0 to 1."""

import numpy as np

from minidl import functional as F
from minidl.description.graph import Describer, Value
from minidl.module import Module
from minidl.typing import Array, Backward

__all__ = ["Rescaling"]


class Rescaling(Module):
    """x times `scale` plus `offset`, element by element, for arrays of any shape.

    A model that begins with it takes bytes (uint8), too, as files of images have them: `Rescaling(1 / 255)` makes
    numbers from 0 to 1 of them, and `Rescaling(1 / 127.5, -1)` from -1 to 1. `fit`, `evaluate` and `predict` leave
    them bytes in memory and convert a batch at a time. As Keras's layer of this name. Raises ValueError for numbers
    that aren't finite.
    """

    def __init__(self, scale: float, offset: float = 0.0) -> None:
        F.check_finite("scale", scale)
        F.check_finite("offset", offset)
        self.scale = scale
        self.offset = offset

    @property
    def takes_bytes(self) -> bool:
        return True

    def forward(self, x: Array, *, train: bool) -> tuple[Array, Backward]:
        x = x.astype(np.float32) if x.dtype == np.uint8 else x
        y, pullback = F.rescale(x, scale=self.scale, offset=self.offset)

        def backward(dy: Array, *, need_dx: bool = True) -> Array | None:
            return pullback(dy) if need_dx else None

        return y, backward

    def describe(self, describer: Describer, x: Value) -> Value:
        F.check_finite("scale", self.scale)
        F.check_finite("offset", self.offset)
        return describer.add(F.formula("rescale", self.scale, self.offset), x, shape=x.shape)
