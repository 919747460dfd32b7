"""Activations, element by element."""

from typing import Any

from minidl import backends, shapes
from minidl.description.operators import Elementwise
from minidl.functional.checks import check_finite, check_floats, check_gradient, check_number
from minidl.functional.origin import mark_sigmoid
from minidl.functional.pullbacks import Pullback, WeightPullback
from minidl.typing import Array

__all__ = [
    "check_approximate",
    "elu",
    "formula",
    "gelu",
    "hard_swish",
    "leaky_relu",
    "mish",
    "prelu",
    "relu",
    "rescale",
    "selu",
    "sigmoid",
    "silu",
    "softplus",
    "tanh",
]


def formula(name: str, *settings: float) -> Elementwise:
    """The record of an activation that is a formula of one number."""
    return Elementwise(name, settings, name in KEEP_Y)


KEEP_Y = frozenset({"clip", "exp", "hard_sigmoid", "leaky_relu", "reciprocal", "relu", "sigmoid", "sqrt", "tanh"})
"""Whose backward needs y, which the next operator may keep as well; that of the others needs x."""


def relu(x: Array) -> tuple[Array, Pullback]:
    """max(x, 0), element by element; NaN stays NaN. Raises DTypeError."""
    return elementwise("relu", x)


def leaky_relu(x: Array, *, negative_slope: float = 0.01) -> tuple[Array, Pullback]:
    """x where it is above zero, else negative_slope x, which is at least 0. Raises DTypeError, ValueError."""
    check_number("negative_slope", negative_slope)
    return elementwise("leaky_relu", x, negative_slope)


def elu(x: Array, *, alpha: float = 1.0) -> tuple[Array, Pullback]:
    """x where it is above zero, else alpha (exp(x) - 1) with alpha at least 0. Raises DTypeError, ValueError."""
    check_number("alpha", alpha)
    return elementwise("elu", x, alpha)


def gelu(x: Array, *, approximate: str = "none") -> tuple[Array, Pullback]:
    """x times the standard normal distribution up to x: x (1 + erf(x / sqrt(2))) / 2. Raises DTypeError, ValueError.

    `approximate` "tanh" is x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x**3))) / 2, within 0.0005 of it.
    """
    check_approximate(approximate)
    return elementwise("gelu_tanh" if approximate == "tanh" else "gelu", x)


def silu(x: Array) -> tuple[Array, Pullback]:
    """x sigmoid(x), also known as swish. Raises DTypeError."""
    return elementwise("silu", x)


def sigmoid(x: Array) -> tuple[Array, Pullback]:
    """1 / (1 + exp(-x)). Raises DTypeError."""
    y, pullback = elementwise("sigmoid", x)
    return mark_sigmoid(y), pullback


def tanh(x: Array) -> tuple[Array, Pullback]:
    """The hyperbolic tangent. Raises DTypeError."""
    return elementwise("tanh", x)


def softplus(x: Array, *, beta: float = 1.0, threshold: float = 20.0) -> tuple[Array, Pullback]:
    """log(1 + exp(beta x)) / beta, and where beta x is above the threshold x itself. Raises DTypeError, ValueError."""
    check_number("beta", beta, is_positive=True)
    check_number("threshold", threshold)
    return elementwise("softplus", x, beta, threshold)


def hard_swish(x: Array) -> tuple[Array, Pullback]:
    """x times (x + 3) / 6 clipped to [0, 1]. Raises DTypeError."""
    return elementwise("hard_swish", x)


def rescale(x: Array, *, scale: float, offset: float = 0.0) -> tuple[Array, Pullback]:
    """Scale x + offset, element by element. Raises DTypeError, and ValueError for numbers that aren't finite."""
    check_finite("scale", scale)
    check_finite("offset", offset)
    return elementwise("rescale", x, scale, offset)


def selu(x: Array) -> tuple[Array, Pullback]:
    """1.0507 x where it is above zero, else 1.0507 times 1.6733 (exp(x) - 1). Raises DTypeError."""
    return elementwise("selu", x)


def mish(x: Array) -> tuple[Array, Pullback]:
    """x tanh(log(1 + exp(x))). Raises DTypeError."""
    return elementwise("mish", x)


def prelu(x: Array, w: Array) -> tuple[Array, WeightPullback]:
    """x where it is above zero, else the channel's weight times x (n, c, ...); w is (c,), or (1,) for all channels.

    `pullback(dy)` gives (dx, dw). Raises ShapeError and DTypeError.
    """
    check_floats(x=x, w=w)
    if w.shape != (1,):
        channels = x.shape[1] if x.ndim > 1 else "channels"
        shapes.expect("w ", w.shape, (channels,))
    backend = backends.current()
    y = backend.prelu(x, w)

    def pullback(dy: Array) -> tuple[Array, Array]:
        check_gradient(dy, x.shape, x.dtype)
        return backend.prelu_backward(dy, x, w)

    return y, pullback


def elementwise(name: str, x: Array, *settings: float) -> tuple[Array, Pullback]:
    """(y, pullback) of the formula of this name, which every backend has."""
    check_floats(x=x)
    backend = backends.current()
    y = backend.elementwise(name, x, settings)
    kept, shape, dtype = y if name in KEEP_Y else x, y.shape, y.dtype

    def pullback(dy: Array) -> Array:
        check_gradient(dy, shape, dtype)
        return backend.elementwise_backward(name, dy, kept, settings)

    return y, pullback


def check_approximate(approximate: Any) -> None:
    """Raise ValueError unless GELU can be computed so."""
    if approximate not in ("none", "tanh"):
        raise ValueError(f'approximate: expected "none" or "tanh", got {approximate!r}')
