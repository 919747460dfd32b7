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
    for an index that isn't below `vocabulary_size`, and DTypeError for floats. `Permute((2, 1))` after it makes
    sequences (n, features, length).
    """

    _settled = frozenset({"features", "vocabulary_size"})

    def __init__(
        self, vocabulary_size: int, features: int, *, weight_init: str | Initializer = "standard_normal"
    ) -> None:
        self.vocabulary_size = shapes.count(vocabulary_size, "vocabulary_size")
        self.features = shapes.count(features, "features")
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
        self.weight.initialize(shape, initializers.get(self.weight_init), rng)

    def forward(self, x: Any, *, train: bool) -> tuple[Array, Backward]:
        try:
            y, pullback = F.embedding(x, self.weight.value)
        except ValueError as error:
            raise error if type(error) is not ValueError else ValueError(f"Embedding: {error}") from None
        shape, dtype = x.shape, y.dtype

        def backward(dy: Array, *, need_dx: bool = True) -> Array | None:
            if self.weight.trainable:
                self.weight.grad += pullback(dy)
            return np.zeros(shape, dtype) if need_dx else None

        return y, backward
