"""How parameters get their first values: functions (shape, rng) -> array, by Keras's and PyTorch's names."""

import math
import re
from typing import TYPE_CHECKING, Any, Protocol

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


def lecun_normal(shape: Shape, rng: "Generator") -> Array:
    """Normal, of variance 1 / fan in: keeps the scale without ReLU (LeCun et al., 1998)."""
    return rng.standard_normal(shape) * math.sqrt(1 / max(fans(shape)[0], 1))


def lecun_uniform(shape: Shape, rng: "Generator") -> Array:
    """Uniform, of variance 1 / fan in (LeCun et al., 1998)."""
    limit = math.sqrt(3 / max(fans(shape)[0], 1))
    return rng.uniform(-limit, limit, shape)


def _finite(value: float, name: str) -> float:
    if not math.isfinite(value):
        raise ValueError(f"{name}: expected a finite number, got {value!r}")
    return float(value)


class Orthogonal:
    """Weights whose rows, or columns where there are fewer, are orthogonal vectors of length `gain`.

    Those of a convolution count as (out, in kh kw). Source: Saxe et al., "Exact solutions to the nonlinear dynamics of
    learning in deep linear neural networks", 2014.
    """

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = _finite(gain, "gain")

    def __call__(self, shape: Shape, rng: "Generator", /) -> Array:
        """The first value of a parameter of this shape."""
        rows, columns = shape[0], math.prod(shape[1:])
        if not rows * columns:
            return np.zeros(shape)
        q, r = np.linalg.qr(rng.standard_normal((max(rows, columns), min(rows, columns))))
        q *= np.where(np.diag(r) < 0, -1, 1)  # or the signs would follow the algorithm, and not be uniform
        matrix: Array = q if rows >= columns else q.T
        return self.gain * np.ascontiguousarray(matrix).reshape(shape)

    def __repr__(self) -> str:
        return f"Orthogonal({self.gain!r})"


class Constant:
    """The same number, `value`, everywhere."""

    def __init__(self, value: float = 0.0) -> None:
        self.value = _finite(value, "value")

    def __call__(self, shape: Shape, rng: "Generator", /) -> Array:
        """The first value of a parameter of this shape."""
        return np.full(shape, self.value)

    def __repr__(self) -> str:
        return f"Constant({self.value!r})"


def zeros(shape: Shape, rng: "Generator") -> Array:
    """Zero everywhere, as biases start."""
    return np.zeros(shape)


def ones(shape: Shape, rng: "Generator") -> Array:
    """One everywhere, as the factors of a normalization start."""
    return np.ones(shape)


FUNCTIONS: tuple[Any, ...] = (
    he_normal,
    he_uniform,
    glorot_normal,
    glorot_uniform,
    lecun_normal,
    lecun_uniform,
    standard_normal,
    zeros,
    ones,
)
INITIALIZERS: dict[str, Initializer] = {function.__name__: function for function in FUNCTIONS}
INITIALIZERS["orthogonal"] = Orthogonal()

WITH_NUMBER: dict[str, type[Orthogonal] | type[Constant]] = {"orthogonal": Orthogonal, "constant": Constant}
"""Those whose name takes a number: "orthogonal(1.4)", "constant(0.1)"."""


def get(initializer: str | Initializer) -> Initializer:
    """The initializer of this name, or the function itself. Raises ValueError for an unknown name."""
    if callable(initializer):
        return initializer
    if initializer in INITIALIZERS:
        return INITIALIZERS[initializer]
    match = re.fullmatch(r"(\w+)\(([-+.\w]+)\)", str(initializer))
    if match and match[1] in WITH_NUMBER:
        try:
            return WITH_NUMBER[match[1]](float(match[2]))
        except ValueError as error:
            raise ValueError(f"initializer {initializer!r}: {error}") from None
    raise ValueError(
        f"unknown initializer {initializer!r}; {did_you_mean(initializer, [*INITIALIZERS, 'constant(0.1)'])}"
    )


def name_of(initializer: Initializer) -> str | None:
    """The name with its number that `get` takes for this object, or None for functions and objects of others."""
    for name, kind in WITH_NUMBER.items():
        if type(initializer) is kind:
            return f"{name}({next(iter(vars(initializer).values()))!r})"
    return None
