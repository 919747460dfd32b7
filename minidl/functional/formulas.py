"""Elementary functions, and activations that are straight lines between bounds, element by element."""

import math
from typing import Any

from minidl.description.operators import Elementwise
from minidl.functional.activation import elementwise, formula
from minidl.functional.checks import check_finite
from minidl.functional.pullbacks import Pullback
from minidl.numeric import is_real
from minidl.typing import Array

__all__ = [
    "abs",
    "check_bounds",
    "clip",
    "erf",
    "exp",
    "hard_sigmoid",
    "log",
    "negative",
    "power",
    "power_formula",
    "reciprocal",
    "relu6",
    "sqrt",
]


def clip(x: Array, low: float | None = None, high: float | None = None) -> tuple[Array, Pullback]:
    """The number nearest to x from low to high; None is no bound. Raises DTypeError, ValueError.

    The gradient is 0 where y is one of the bounds, as PyTorch's `hardtanh` has it.
    """
    return elementwise("clip", x, *check_bounds(low, high))


def relu6(x: Array) -> tuple[Array, Pullback]:
    """min(max(x, 0), 6). Raises DTypeError."""
    return elementwise("clip", x, 0.0, 6.0)


def hard_sigmoid(x: Array, *, slope: float = 1 / 6, offset: float = 0.5) -> tuple[Array, Pullback]:
    """Slope x + offset, clipped to [0, 1]. Raises DTypeError, and ValueError for numbers that aren't finite."""
    check_finite("slope", slope)
    check_finite("offset", offset)
    return elementwise("hard_sigmoid", x, slope, offset)


def abs(x: Array) -> tuple[Array, Pullback]:
    """x without its sign; the gradient at 0 is 0. Raises DTypeError."""
    return elementwise("abs", x)


NEGATIVE = -1.0, -0.0
"""The scale and offset that turn every sign, those of zeros too."""


def negative(x: Array) -> tuple[Array, Pullback]:
    """-x. Raises DTypeError."""
    return elementwise("rescale", x, *NEGATIVE)


def exp(x: Array) -> tuple[Array, Pullback]:
    """e to the x. Raises DTypeError."""
    return elementwise("exp", x)


def log(x: Array) -> tuple[Array, Pullback]:
    """The natural logarithm: minus infinity of 0, NaN of what is below. Raises DTypeError."""
    return elementwise("log", x)


def sqrt(x: Array) -> tuple[Array, Pullback]:
    """The square root, NaN of what is below 0. Raises DTypeError."""
    return elementwise("sqrt", x)


def erf(x: Array) -> tuple[Array, Pullback]:
    """The error function: 2 / sqrt(pi) times the integral of exp(-t**2) from 0 to x. Raises DTypeError."""
    return elementwise("erf", x)


def reciprocal(x: Array) -> tuple[Array, Pullback]:
    """1 / x. Raises DTypeError."""
    return elementwise("reciprocal", x)


def power(x: Array, exponent: float) -> tuple[Array, Pullback]:
    """x to an exponent: of numbers below 0, NaN unless that is an integer. Raises DTypeError, ValueError."""
    name, settings, _ = power_formula(exponent)
    return elementwise(name, x, *settings)


def power_formula(exponent: float) -> Elementwise:
    """The record of a power, which is a product or a root where it can be. Raises ValueError unless it's finite."""
    check_finite("exponent", exponent)
    known = {0.5: "sqrt", -1: "reciprocal", 2: "square", 3: "cube"}
    if exponent == 1:
        return formula("rescale", 1.0, -0.0)
    return formula(known[exponent]) if exponent in known else formula("power", exponent)


def check_bounds(low: Any, high: Any) -> tuple[float, float]:
    """Both as numbers, infinite where there is none. Raises ValueError unless the first is at most the second."""
    for name, value in (("low", low), ("high", high)):
        if value is not None and (not is_real(value) or math.isnan(value)):
            raise ValueError(f"{name}: expected a number, or None for no bound, got {value!r}")
    least, most = -math.inf if low is None else low, math.inf if high is None else high
    if least > most:
        raise ValueError(f"low: expected at most the {high!r} of high, got {low!r}")
    return least, most
