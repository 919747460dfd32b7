"""Activations, element by element."""

from typing import Any

from minidl import backends
from minidl.functional.checks import check_floats, check_number, check_slope
from minidl.functional.origin import mark_sigmoid
from minidl.functional.pullbacks import Pullback, from_output
from minidl.typing import Array


def relu(x: Array) -> tuple[Array, Pullback]:
    """max(x, 0), element by element; NaN stays NaN. Raises DTypeError."""
    check_floats(x=x)
    backend = backends.current()
    return from_output(backend.relu(x), backend.relu_backward)


def leaky_relu(x: Array, *, negative_slope: float = 0.01) -> tuple[Array, Pullback]:
    """x where it is above zero, else negative_slope x, which is at least 0. Raises DTypeError, ValueError."""
    check_number("negative_slope", negative_slope)
    return _elementwise("leaky_relu", x, keeps_x=False, negative_slope=negative_slope)


def elu(x: Array, *, alpha: float = 1.0) -> tuple[Array, Pullback]:
    """x where it is above zero, else alpha (exp(x) - 1) with alpha at least 0. Raises DTypeError, ValueError."""
    check_number("alpha", alpha)
    return _elementwise("elu", x, keeps_x=True, alpha=alpha)


def gelu(x: Array, *, approximate: str = "none") -> tuple[Array, Pullback]:
    """x times the standard normal distribution up to x: x (1 + erf(x / sqrt(2))) / 2. Raises DTypeError, ValueError.

    `approximate` "tanh" is x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x**3))) / 2, within 0.0005 of it.
    """
    check_approximate(approximate)
    return _elementwise("gelu", x, keeps_x=True, approximate=approximate)


def silu(x: Array) -> tuple[Array, Pullback]:
    """x sigmoid(x), also known as swish. Raises DTypeError."""
    return _elementwise("silu", x, keeps_x=True)


def sigmoid(x: Array) -> tuple[Array, Pullback]:
    """1 / (1 + exp(-x)). Raises DTypeError."""
    y, pullback = _elementwise("sigmoid", x, keeps_x=False)
    return mark_sigmoid(y), pullback


def tanh(x: Array) -> tuple[Array, Pullback]:
    """The hyperbolic tangent. Raises DTypeError."""
    return _elementwise("tanh", x, keeps_x=False)


def softplus(x: Array, *, beta: float = 1.0, threshold: float = 20.0) -> tuple[Array, Pullback]:
    """log(1 + exp(beta x)) / beta, and where beta x is above the threshold x itself. Raises DTypeError, ValueError."""
    check_number("beta", beta, is_positive=True)
    check_number("threshold", threshold)
    return _elementwise("softplus", x, keeps_x=True, beta=beta, threshold=threshold)


def hard_swish(x: Array) -> tuple[Array, Pullback]:
    """x times (x + 3) / 6 clipped to [0, 1]. Raises DTypeError."""
    return _elementwise("hard_swish", x, keeps_x=True)


def _elementwise(name: str, x: Array, *, keeps_x: bool, **settings: Any) -> tuple[Array, Pullback]:
    """(y, pullback) of a backend's operator whose backward needs x, or y, which the next operator may keep as well."""
    check_floats(x=x)
    backend = backends.current()
    y: Array = getattr(backend, name)(x, **settings)
    backward, kept = getattr(backend, f"{name}_backward"), x if keeps_x else y
    shape, dtype = y.shape, y.dtype

    def pullback(dy: Array) -> Array:
        check_slope(dy, shape, dtype)
        dx: Array = backward(dy, kept, **settings)
        return dx

    return y, pullback


def check_approximate(approximate: Any) -> None:
    """Raise ValueError unless GELU can be computed so."""
    if approximate not in ("none", "tanh"):
        raise ValueError(f'approximate: expected "none" or "tanh", got {approximate!r}')
