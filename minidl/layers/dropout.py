"""Dropout."""

import threading
from typing import TYPE_CHECKING

import numpy as np

from minidl.module import Module
from minidl.typing import Array, Backward, Shape

if TYPE_CHECKING:
    from numpy.random import Generator


class Dropout(Module):
    """In training, zero each value with probability `rate` and scale the others by 1 / (1 - rate); else do nothing.

    The mask of the k-th training pass is a function of k and of the key that `seed`, or else building the model,
    gives. Source: Srivastava et al., "Dropout", 2014.
    """

    def __init__(self, rate: float, *, seed: int | None = None) -> None:
        if not 0 <= rate < 1:
            raise ValueError(f"rate: expected a probability of at least 0 and less than 1, got {rate!r}")
        self.rate = rate
        self.seed = seed
        self._key = _draw_key(np.random.default_rng(seed))
        self._passes = 0

    def build(self, input_shape: Shape, rng: "Generator") -> None:
        if self.seed is None:
            self._key = _draw_key(rng)

    def forward(self, x: Array, *, train: bool) -> tuple[Array, Backward]:
        if not train or self.rate == 0:
            return x, _identity
        with _counting:
            self._passes += 1
            counter = self._passes
        uniform = np.random.Generator(np.random.Philox(key=self._key, counter=[0, 0, 0, counter]))
        mask = (uniform.random(x.shape, dtype=np.float32) >= self.rate) * x.dtype.type(1 / (1 - self.rate))

        def backward(dy: Array, *, need_dx: bool = True) -> Array | None:
            return dy * mask if need_dx else None

        y: Array = x * mask
        return y, backward


_counting = threading.Lock()  # one for all, so that layers can be copied and pickled


def _draw_key(rng: "Generator") -> int:
    return int(rng.integers(2**63))


def _identity(dy: Array, *, need_dx: bool = True) -> Array | None:
    return dy if need_dx else None
