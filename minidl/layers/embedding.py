"""Embedding: integers as vectors that are learnt."""

from typing import TYPE_CHECKING, Any

import numpy as np

from minidl import functional as F
from minidl import initializers, shapes
from minidl.initializers import Initializer
from minidl.module import Module, Parameter
from minidl.typing import Array, Backward, Shape

if TYPE_CHECKING:
    from numpy.random import Generator

__all__ = ["Embedding"]


class Embedding(Module):
    """The rows of a table by their numbers: indices (n, ...) of integers below `vocabulary_size` -> (n, ..., features).

    `weight` is (vocabulary_size, features), at first as `weight_init`, an initializer or the name of one, says. Indices
    have no gradient: where dx is asked for, it is zero. A model that begins with it takes integers. Raises ValueError
    for an index that isn't below `vocabulary_size`, and DTypeError for floats. The row of `padding_idx`, for what fills
    up short texts, is zeros at first and not trained. `Permute((2, 1))` after it makes sequences (n, features, length).
    """

    _settled = frozenset({"features", "vocabulary_size"})

    def __init__(
        self,
        vocabulary_size: int,
        features: int,
        *,
        padding_idx: int | None = None,
        weight_init: str | Initializer = "standard_normal",
    ) -> None:
        self.vocabulary_size = shapes.count(vocabulary_size, "vocabulary_size")
        self.features = shapes.count(features, "features")
        if padding_idx is not None and (not shapes.is_int(padding_idx) or not 0 <= int(padding_idx) < vocabulary_size):
            wanted = f"None or an int from 0 to {vocabulary_size - 1}, below vocabulary_size"
            raise ValueError(f"padding_idx: expected {wanted}, got {padding_idx!r}")
        self.padding_idx = padding_idx
        self.weight_init = weight_init
        self.weight = Parameter()
        initializers.get(weight_init)

    @property
    def takes_integers(self) -> bool:
        return True

    def output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape, self.features)

    def build(self, input_shape: Shape, rng: "Generator") -> None:
        shape = (self.vocabulary_size, self.features)
        is_new = not self.weight.is_built
        self.weight.initialize(shape, initializers.get(self.weight_init), rng)
        if is_new and self.padding_idx is not None:
            self.weight.value[self.padding_idx] = 0

    def forward(self, x: Any, *, train: bool) -> tuple[Array, Backward]:
        try:
            y, pullback = F.embedding(x, self.weight.value)
        except ValueError as error:
            raise error if type(error) is not ValueError else ValueError(f"Embedding: {error}") from None
        shape, dtype = x.shape, y.dtype

        def backward(dy: Array, *, need_dx: bool = True) -> Array | None:
            if self.weight.trainable:
                dw = pullback(dy)
                if self.padding_idx is not None:
                    dw[self.padding_idx] = 0
                self.weight.grad += dw
            return np.zeros(shape, dtype) if need_dx else None

        return y, backward
