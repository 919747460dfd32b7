"""Activations that are formulas of one number. Choices, not products, where a slope or a factor may be infinite."""

import math

import numpy as np

from minidl.backends.vectorized.gaussian import gaussian
from minidl.backends.vectorized.windows import quiet
from minidl.typing import Array


def leaky_relu(x: Array, *, negative_slope: float) -> Array:
    """X where it's above zero, else negative_slope x."""
    return np.where(x <= 0, negative_slope * x, x)


@quiet
def leaky_relu_backward(dy: Array, y: Array, *, negative_slope: float) -> Array:
    """Dy where y is above zero, else negative_slope dy."""
    return np.where(y <= 0, negative_slope * dy, dy)


def elu(x: Array, *, alpha: float) -> Array:
    """X where it's above zero, else alpha (exp(x) - 1)."""
    return np.where(x <= 0, alpha * np.expm1(np.minimum(x, 0)), x)


@quiet
def elu_backward(dy: Array, x: Array, *, alpha: float) -> Array:
    """Dy where x is above zero, else dy alpha exp(x): by y, which is -alpha from -17 on, it would be lost there."""
    return np.where(x <= 0, dy * (alpha * np.exp(np.minimum(x, 0))), dy)


FAR = 1000
"""Beyond it, either way, a sigmoid is 0 or 1; and infinity times zero would be NaN."""


def gelu(x: Array, *, approximate: str) -> Array:
    """X times the normal distribution up to x; for "tanh", sigmoid(2 sqrt(2 / pi) (x + 0.044715 x**3)) for that."""
    share: Array = sigmoid(_cubic(np.clip(x, -FAR, FAR))) if approximate == "tanh" else gaussian(x)[0]
    y: Array = np.maximum(x, -FAR) * share
    return y


@quiet
def gelu_backward(dy: Array, x: Array, *, approximate: str) -> Array:
    """Dy times the slope of `gelu` at x."""
    x = np.clip(x, -FAR, FAR)
    if approximate == "tanh":
        share, rest = sigmoid(_cubic(x)), sigmoid(-_cubic(x))
        dx: Array = dy * (share + x * share * rest * (_SCALE * (1 + 3 * _CUBIC * x * x)))
    else:
        share, density = gaussian(x)
        dx = dy * (share + x * density)
    return dx


_CUBIC, _SCALE = 0.044715, 2 * math.sqrt(2 / math.pi)


def _cubic(x: Array) -> Array:
    z: Array = _SCALE * (x + _CUBIC * x * x * x)
    return z


def silu(x: Array) -> Array:
    """X sigmoid(x)."""
    y: Array = np.maximum(x, -FAR) * sigmoid(x)
    return y


@quiet
def silu_backward(dy: Array, x: Array) -> Array:
    """Dy s (1 + x (1 - s)) with s = sigmoid(x)."""
    x = np.clip(x, -FAR, FAR)
    dx: Array = dy * (sigmoid(x) * (1 + x * sigmoid(-x)))
    return dx


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)), by exp of negative numbers alone."""
    e = np.exp(-np.abs(x))
    y: Array = np.where(x < 0, e, x.dtype.type(1)) / (1 + e)
    return y


@quiet
def sigmoid_backward(dy: Array, y: Array) -> Array:
    """Dy y (1 - y)."""
    dx: Array = dy * (y * (1 - y))
    return dx


def tanh(x: Array) -> Array:
    """The hyperbolic tangent."""
    return np.tanh(x)


@quiet
def tanh_backward(dy: Array, y: Array) -> Array:
    """Dy (1 - y**2)."""
    dx: Array = dy * ((1 - y) * (1 + y))
    return dx


@quiet
def softplus(x: Array, *, beta: float, threshold: float) -> Array:
    """log(1 + exp(beta x)) / beta, or x itself where beta x is above the threshold."""
    scaled = beta * x
    smooth = np.maximum(scaled, 0) + np.log1p(np.exp(-np.abs(scaled)))
    return np.where(scaled > threshold, x, smooth / beta)


@quiet
def softplus_backward(dy: Array, x: Array, *, beta: float, threshold: float) -> Array:
    """Dy sigmoid(beta x), or dy itself where beta x is above the threshold."""
    scaled = beta * x
    return np.where(scaled > threshold, dy, dy * sigmoid(scaled))


@quiet
def hard_swish(x: Array) -> Array:
    """X times (x + 3) / 6 clipped to [0, 1]."""
    return np.where(x <= -3, x.dtype.type(0), np.where(x >= 3, x, x * ((x + 3) / 6)))


@quiet
def hard_swish_backward(dy: Array, x: Array) -> Array:
    """Dy where x is at least 3, zero where it's at most -3, and dy (x / 3 + 1 / 2) between."""
    return np.where(x <= -3, dy.dtype.type(0), np.where(x >= 3, dy, dy * (x / 3 + 0.5)))
