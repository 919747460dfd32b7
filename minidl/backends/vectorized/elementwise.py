"""Elementwise activations. `np.where` instead of a product where a derivative or a factor may be infinite."""

import math
from collections.abc import Callable

import numpy as np

from minidl.backends.vectorized.gaussian import erf, gaussian
from minidl.backends.vectorized.windows import quiet
from minidl.typing import Array

__all__ = ["elementwise", "elementwise_backward", "prelu", "prelu_backward"]


@quiet
def elementwise(name: str, x: Array, settings: tuple[float, ...] = ()) -> Array:
    """Y by the formula of this name."""
    return FORMULAS[name][0](x, *settings)


@quiet
def elementwise_backward(name: str, dy: Array, kept: Array, settings: tuple[float, ...] = ()) -> Array:
    """Dx by the formula's gradient, of dy and what was kept: y or x, as its second argument says."""
    return FORMULAS[name][1](dy, kept, *settings)


@quiet
def prelu(x: Array, w: Array) -> Array:
    """X where it's above zero, else the channel's weight times x; w is (c,), or (1,) for all channels."""
    return np.where(x <= 0, _along_channels(w, x.ndim) * x, x)


@quiet
def prelu_backward(dy: Array, x: Array, w: Array) -> tuple[Array, Array]:
    """(dx, dw)."""
    axes = tuple(axis for axis in range(x.ndim) if axis != 1 or w.size == 1)
    below = x <= 0
    dx = np.where(below, _along_channels(w, x.ndim) * dy, dy)
    return dx, np.where(below, dy * x, x.dtype.type(0)).sum(axis=axes).reshape(w.shape)


def _along_channels(w: Array, ndim: int) -> Array:
    return w if w.size == 1 else w.reshape(-1, *[1] * (ndim - 2))


def _relu(x: Array) -> Array:
    """max(x, 0); `np.maximum` keeps NaN."""
    y: Array = np.maximum(x, x.dtype.type(0))
    return y


def _relu_backward(dy: Array, y: Array) -> Array:
    """Dy where y isn't zero; a choice, not a product, which would make NaN of an infinite dy."""
    return np.where(y <= 0, dy.dtype.type(0), dy)


def _leaky_relu(x: Array, negative_slope: float) -> Array:
    """X where it's above zero, else negative_slope x."""
    return np.where(x <= 0, negative_slope * x, x)


def _leaky_relu_backward(dy: Array, y: Array, negative_slope: float) -> Array:
    """Dy where y is above zero, else negative_slope dy."""
    return np.where(y <= 0, negative_slope * dy, dy)


def _elu(x: Array, alpha: float) -> Array:
    """X where it's above zero, else alpha (exp(x) - 1)."""
    return np.where(x <= 0, alpha * np.expm1(np.minimum(x, 0)), x)


def _elu_backward(dy: Array, x: Array, alpha: float) -> Array:
    """Dy where x is above zero, else dy alpha exp(x): by y, which is -alpha from -17 on, it would be lost there."""
    return np.where(x <= 0, dy * (alpha * np.exp(np.minimum(x, 0))), dy)


def _rescale(x: Array, scale: float, offset: float) -> Array:
    y: Array = scale * x + x.dtype.type(offset)
    return y


def _rescale_backward(dy: Array, x: Array, scale: float, offset: float) -> Array:
    dx: Array = scale * dy
    return dx


def _abs_backward(dy: Array, x: Array) -> Array:
    """Dy with the sign of x; 0 where x is 0."""
    return np.where(x > 0, dy, np.where(x < 0, -dy, x * 0 * dy))


def _clip(x: Array, low: float, high: float) -> Array:
    y: Array = np.clip(x, x.dtype.type(low), x.dtype.type(high))
    return y


def _clip_backward(dy: Array, y: Array, low: float, high: float) -> Array:
    """Dy where y is neither of the bounds, as rounded to its dtype."""
    return np.where((y <= y.dtype.type(low)) | (y >= y.dtype.type(high)), dy.dtype.type(0), dy)


def _hard_sigmoid(x: Array, slope: float, offset: float) -> Array:
    return _clip(slope * x + x.dtype.type(offset), 0, 1)


def _hard_sigmoid_backward(dy: Array, y: Array, slope: float, offset: float) -> Array:
    return _clip_backward(slope * dy, y, 0, 1)


def _exp_backward(dy: Array, y: Array) -> Array:
    dx: Array = dy * y
    return dx


def _log_backward(dy: Array, x: Array) -> Array:
    dx: Array = dy / x
    return dx


def _sqrt_backward(dy: Array, y: Array) -> Array:
    dx: Array = 0.5 * dy / y
    return dx


def _reciprocal(x: Array) -> Array:
    y: Array = 1 / x
    return y


def _reciprocal_backward(dy: Array, y: Array) -> Array:
    dx: Array = -dy * (y * y)
    return dx


def _square_backward(dy: Array, x: Array) -> Array:
    dx: Array = dy * (2 * x)
    return dx


def _cube(x: Array) -> Array:
    y: Array = x * x * x
    return y


def _cube_backward(dy: Array, x: Array) -> Array:
    dx: Array = dy * (3 * x * x)
    return dx


def _power(x: Array, exponent: float) -> Array:
    y: Array = np.power(x, x.dtype.type(exponent))
    return y


def _power_backward(dy: Array, x: Array, exponent: float) -> Array:
    """Dy exponent x^(exponent - 1), and 0 where the exponent is."""
    return dy * (exponent * _power(x, exponent - 1)) if exponent else np.zeros_like(dy)


def _erf_backward(dy: Array, x: Array) -> Array:
    near = np.clip(x, -FAR, FAR)
    dx: Array = dy * (2 / math.sqrt(math.pi) * np.exp(-near * near))
    return dx


FAR = 1000
"""Beyond it, either way, a sigmoid is 0 or 1; and infinity times zero would be NaN."""


def _gelu(x: Array) -> Array:
    """X times the normal distribution up to x."""
    y: Array = np.maximum(x, -FAR) * gaussian(x)[0]
    return y


def _gelu_backward(dy: Array, x: Array) -> Array:
    x = np.clip(x, -FAR, FAR)
    share, density = gaussian(x)
    dx: Array = dy * (share + x * density)
    return dx


_CUBIC, _SCALE = 0.044715, 2 * math.sqrt(2 / math.pi)


def _cubic(x: Array) -> Array:
    z: Array = _SCALE * (x + _CUBIC * x * x * x)
    return z


def _gelu_tanh(x: Array) -> Array:
    """X times sigmoid(2 sqrt(2 / pi) (x + 0.044715 x**3))."""
    y: Array = np.maximum(x, -FAR) * _sigmoid(_cubic(np.clip(x, -FAR, FAR)))
    return y


def _gelu_tanh_backward(dy: Array, x: Array) -> Array:
    x = np.clip(x, -FAR, FAR)
    share, rest = _sigmoid(_cubic(x)), _sigmoid(-_cubic(x))
    dx: Array = dy * (share + x * share * rest * (_SCALE * (1 + 3 * _CUBIC * x * x)))
    return dx


def _silu(x: Array) -> Array:
    """X _sigmoid(x)."""
    y: Array = np.maximum(x, -FAR) * _sigmoid(x)
    return y


def _silu_backward(dy: Array, x: Array) -> Array:
    """Dy s (1 + x (1 - s)) with s = _sigmoid(x)."""
    x = np.clip(x, -FAR, FAR)
    dx: Array = dy * (_sigmoid(x) * (1 + x * _sigmoid(-x)))
    return dx


def _sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)), by exp of negative numbers alone."""
    e = np.exp(-np.abs(x))
    y: Array = np.where(x < 0, e, x.dtype.type(1)) / (1 + e)
    return y


def _sigmoid_backward(dy: Array, y: Array) -> Array:
    """Dy y (1 - y)."""
    dx: Array = dy * (y * (1 - y))
    return dx


def _tanh_backward(dy: Array, y: Array) -> Array:
    """Dy (1 - y**2)."""
    dx: Array = dy * ((1 - y) * (1 + y))
    return dx


def _softplus(x: Array, beta: float, threshold: float) -> Array:
    """log(1 + exp(beta x)) / beta, or x itself where beta x is above the threshold."""
    scaled = beta * x
    smooth = np.maximum(scaled, 0) + np.log1p(np.exp(-np.abs(scaled)))
    return np.where(scaled > threshold, x, smooth / beta)


def _softplus_backward(dy: Array, x: Array, beta: float, threshold: float) -> Array:
    """Dy _sigmoid(beta x), or dy itself where beta x is above the threshold."""
    scaled = beta * x
    return np.where(scaled > threshold, dy, dy * _sigmoid(scaled))


def _hard_swish(x: Array) -> Array:
    """X times (x + 3) / 6 clipped to [0, 1]."""
    return np.where(x <= -3, x.dtype.type(0), np.where(x >= 3, x, x * ((x + 3) / 6)))


def _hard_swish_backward(dy: Array, x: Array) -> Array:
    """Dy where x is at least 3, zero where it's at most -3, and dy (x / 3 + 1 / 2) between."""
    return np.where(x <= -3, dy.dtype.type(0), np.where(x >= 3, dy, dy * (x / 3 + 0.5)))


ALPHA, LAMBDA = 1.6732632423543772, 1.0507009873554805


def _selu(x: Array) -> Array:
    """LAMBDA x where it's above zero, else LAMBDA ALPHA (exp(x) - 1)."""
    return np.where(x <= 0, LAMBDA * ALPHA * np.expm1(np.minimum(x, 0)), LAMBDA * x)


def _selu_backward(dy: Array, x: Array) -> Array:
    """Dy LAMBDA where x is above zero, else dy LAMBDA ALPHA exp(x)."""
    return np.where(x <= 0, dy * (LAMBDA * ALPHA * np.exp(np.minimum(x, 0))), dy * LAMBDA)


def _mish_parts(x: Array) -> tuple[Array, Array]:
    """(tanh(log(1 + exp(x))), x times its derivative), by e = exp(-|x|) so that nothing overflows or cancels.

    With p = exp(x), tanh is (p^2 + 2 p) / (p^2 + 2 p + 2), and its derivative 4 p (1 + p) / (p^2 + 2 p + 2)^2.
    """
    e = np.exp(-np.abs(x))
    below = x < 0
    divisor = np.where(below, e * (e + 2) + 2, 2 * e * (e + 1) + 1)
    share = np.where(below, e * (e + 2), 1 + 2 * e) / divisor
    steep = np.where(below, 4 * e * (1 + e), 4 * e * e * (1 + e)) / (divisor * divisor)
    return share, x * steep


def _mish(x: Array) -> Array:
    """X tanh(log(1 + exp(x)))."""
    y: Array = np.maximum(x, -FAR) * _mish_parts(np.clip(x, -FAR, FAR))[0]
    return y


def _mish_backward(dy: Array, x: Array) -> Array:
    share, rest = _mish_parts(np.clip(x, -FAR, FAR))
    dx: Array = dy * (share + rest)
    return dx


FORMULAS: dict[str, tuple[Callable[..., Array], Callable[..., Array]]] = {
    "abs": (np.abs, _abs_backward),
    "clip": (_clip, _clip_backward),
    "cube": (_cube, _cube_backward),
    "elu": (_elu, _elu_backward),
    "erf": (erf, _erf_backward),
    "exp": (np.exp, _exp_backward),
    "gelu": (_gelu, _gelu_backward),
    "gelu_tanh": (_gelu_tanh, _gelu_tanh_backward),
    "hard_sigmoid": (_hard_sigmoid, _hard_sigmoid_backward),
    "hard_swish": (_hard_swish, _hard_swish_backward),
    "leaky_relu": (_leaky_relu, _leaky_relu_backward),
    "log": (np.log, _log_backward),
    "mish": (_mish, _mish_backward),
    "power": (_power, _power_backward),
    "reciprocal": (_reciprocal, _reciprocal_backward),
    "relu": (_relu, _relu_backward),
    "rescale": (_rescale, _rescale_backward),
    "selu": (_selu, _selu_backward),
    "sigmoid": (_sigmoid, _sigmoid_backward),
    "silu": (_silu, _silu_backward),
    "softplus": (_softplus, _softplus_backward),
    "sqrt": (np.sqrt, _sqrt_backward),
    "square": (np.square, _square_backward),
    "tanh": (np.tanh, _tanh_backward),
}
"""(y by x and the settings, dx by dy, what was kept, and the settings)."""
