"""Gradient clipping: gradients no larger than a limit, element by element or as one vector."""

import math
from collections.abc import Iterable

import numpy as np

from minidl.errors import keyword_hints
from minidl.module import Parameter
from minidl.numeric import in_range
from minidl.optim.groups import named
from minidl.typing import Array

PIECE = 1 << 13
"""Elements that are squared at once, in double precision: few enough to stay in the cache."""


@keyword_hints
def clip_gradients(
    parameters: Iterable[Parameter],
    *,
    value: float | None = None,
    norm: float | None = None,
    error_if_nonfinite: bool = False,
) -> float:
    """Clip gradients in place: each element to -value ... value, then all of them together to the norm `norm`.

    Returns their norm, the root of the sum of all squares, after clipping by value and before clipping by norm. If it
    isn't finite, the gradients become NaN, which shows in the weights after the next step; `error_if_nonfinite` raises
    a FloatingPointError instead and leaves them unchanged. Raises ValueError unless at least one limit is given.
    Source: Pascanu et al., 2013, as PyTorch's clip_grad_norm_ has it.
    """
    check_limit(value, "value")
    check_limit(norm, "norm")
    if value is None and norm is None:
        raise ValueError("clip_gradients: expected a limit, value=... or norm=...")
    gradients = [parameter.flat[1] for parameter in named(parameters)[1] if parameter.trainable]
    length = length_of(gradients if value is None else [clipped(gradient, value) for gradient in gradients])
    if error_if_nonfinite and not math.isfinite(length):
        raise FloatingPointError(f"the gradients have the length {length}: an element isn't finite, or too large")
    scale = 1.0 if norm is None else factor(length, norm)
    with np.errstate(invalid="ignore"):
        for gradient in gradients:
            if value is not None:
                gradient[...] = clipped(gradient, value)
            if scale != 1:
                gradient *= scale
    return length


def check_limit(limit: float | None, name: str) -> None:
    """Raise ValueError unless it's a number above 0, or None for no limit."""
    if limit is not None and not in_range(limit, above=True):
        raise ValueError(f"{name}: expected a number above 0, or None for no limit, got {limit!r}")


def clipped(gradient: Array, limit: float) -> Array:
    """Each element into -limit ... limit; NaN stays."""
    return np.clip(gradient, -limit, limit)


def length_of(gradients: Iterable[Array]) -> float:
    """The root of the sum of the squares of all elements, added in double precision in an order that never changes."""
    total, squares = 0.0, np.empty(PIECE)
    with np.errstate(over="ignore", invalid="ignore"):
        for gradient in gradients:
            for start in range(0, gradient.size, PIECE):
                piece = gradient[start : start + PIECE]
                total += float(np.square(piece, out=squares[: piece.size], dtype=np.float64).sum())
    return math.sqrt(total)


def factor(length: float, limit: float) -> float:
    """What makes a vector of this length one of at most the limit: 1, or less, or NaN where the length isn't finite."""
    if not math.isfinite(length):
        return math.nan
    return min(limit / (length + 1e-6), 1.0)  # PyTorch's guard against a division by zero
