"""How parameters get their first values: functions (shape, rng) -> array, by Keras's and PyTorch's names."""

import math
from typing import TYPE_CHECKING, Protocol

import numpy as np

from minidl.errors import did_you_mean
from minidl.typing import Array, Shape

if TYPE_CHECKING:
    from numpy.random import Generator


class Initializer(Protocol):
    """A function (shape, rng) -> array."""

    def __call__(self, shape: Shape, rng: "Generator", /) -> Array:
        """The first value of a parameter of this shape."""
        ...


def fans(shape: Shape) -> tuple[int, int]:
    """(fan in, fan out) of weights (out, in) or (out, in / groups, kh, kw)."""
    taps = math.prod(shape[2:])
    return shape[1] * taps, shape[0] * taps


def he_normal(shape: Shape, rng: "Generator") -> Array:
    """Normal, of variance 2 / fan in: keeps the scale through ReLU (He et al., 2015)."""
    return rng.standard_normal(shape) * math.sqrt(2 / max(fans(shape)[0], 1))


def he_uniform(shape: Shape, rng: "Generator") -> Array:
    """Uniform, of variance 2 / fan in (He et al., 2015)."""
    limit = math.sqrt(6 / max(fans(shape)[0], 1))
    return rng.uniform(-limit, limit, shape)


def glorot_normal(shape: Shape, rng: "Generator") -> Array:
    """Normal, of variance 2 / (fan in + fan out) (Glorot and Bengio, 2010)."""
    return rng.standard_normal(shape) * math.sqrt(2 / max(sum(fans(shape)), 1))


def glorot_uniform(shape: Shape, rng: "Generator") -> Array:
    """Uniform, of variance 2 / (fan in + fan out) (Glorot and Bengio, 2010)."""
    limit = math.sqrt(6 / max(sum(fans(shape)), 1))
    return rng.uniform(-limit, limit, shape)


def standard_normal(shape: Shape, rng: "Generator") -> Array:
    """Normal, of variance 1, as the vectors of an embedding start."""
    return rng.standard_normal(shape)


def zeros(shape: Shape, rng: "Generator") -> Array:
    """Zero everywhere, as biases start."""
    return np.zeros(shape)


def ones(shape: Shape, rng: "Generator") -> Array:
    """One everywhere, as the factors of a normalization start."""
    return np.ones(shape)


INITIALIZERS: dict[str, Initializer] = {
    function.__name__: function
    for function in (he_normal, he_uniform, glorot_normal, glorot_uniform, standard_normal, zeros, ones)
}


def get(initializer: str | Initializer) -> Initializer:
    """The initializer of this name, or the function itself. Raises ValueError for an unknown name."""
    if callable(initializer):
        return initializer
    if initializer not in INITIALIZERS:
        raise ValueError(f"unknown initializer {initializer!r}; {did_you_mean(initializer, INITIALIZERS)}")
    return INITIALIZERS[initializer]
