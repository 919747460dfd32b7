"""Activations and functions that are formulas of one number, on Python's floats."""

import math

import numpy as np

from minidl.backends.reference.numbers import divide, exp, natural_log, power, quiet

__all__ = ["elementwise", "elementwise_backward", "prelu", "prelu_backward"]


def elementwise(name, x, settings=()):
    """y by the formula of this name, index by index."""
    return _each(FORMULAS[name][0], settings, x)


def elementwise_backward(name, dy, kept, settings=()):
    """dx by the formula's gradient, of dy and what was kept: y or x, as its second argument says."""
    return _each(FORMULAS[name][1], settings, dy, kept)


@quiet
def prelu(x, w):
    """x where it is above zero, else the channel's weight times x; w is (c,), or (1,) for all channels."""
    y = np.zeros(x.shape, x.dtype)
    for index in np.ndindex(x.shape):
        y[index] = _leaky_relu(float(x[index]), float(w[index[1] if w.size > 1 else 0]))
    return y


@quiet
def prelu_backward(dy, x, w):
    """(dx, dw)."""
    dx, dw = np.zeros(x.shape, x.dtype), [0.0] * w.size
    for index in np.ndindex(x.shape):
        channel = index[1] if w.size > 1 else 0
        gradient, value = float(dy[index]), float(x[index])
        dx[index] = float(w[channel]) * gradient if value <= 0 else gradient
        dw[channel] += gradient * value if value <= 0 else 0.0
    return dx, np.array(dw, w.dtype)


@quiet
def _each(formula, settings, *arrays):
    result = np.zeros(arrays[0].shape, arrays[0].dtype)
    for index in np.ndindex(result.shape):
        result[index] = formula(*(float(array[index]) for array in arrays), *settings)
    return result


def _relu(x):
    """max(x, 0); NaN stays NaN."""
    return x if x > 0 or math.isnan(x) else 0.0


def _relu_backward(dy, y):
    return 0.0 if y <= 0 else dy


def _leaky_relu(x, negative_slope):
    """x where it is above zero, else negative_slope x."""
    return negative_slope * x if x <= 0 else x


def _leaky_relu_backward(dy, y, negative_slope):
    """By the output, which has the sign of the input."""
    return negative_slope * dy if y <= 0 else dy


def _elu(x, alpha):
    """x where it is above zero, else alpha (exp(x) - 1)."""
    return alpha * math.expm1(x) if x <= 0 else x


def _elu_backward(dy, x, alpha):
    """Where x isn't above zero, the derivative is alpha exp(x)."""
    return dy * (alpha * exp(x)) if x <= 0 else dy


def _rescale(x, scale, offset):
    """scale x + offset."""
    return scale * x + offset


def _rescale_backward(dy, x, scale, offset):
    return scale * dy


def _abs_backward(dy, x):
    """dy with the sign of x; 0 where x is 0."""
    return dy if x > 0 else -dy if x < 0 else x * dy


def _clip(x, low, high):
    """The number nearest to x from low to high; NaN stays."""
    return low if x < low else high if x > high else x


def _clip_backward(dy, y, low, high):
    """By the output: 0 where it is one of the bounds."""
    return 0.0 if y <= low or y >= high else dy


def _hard_sigmoid(x, slope, offset):
    """slope x + offset from 0 to 1."""
    return _clip(slope * x + offset, 0.0, 1.0)


def _hard_sigmoid_backward(dy, y, slope, offset):
    return 0.0 if y <= 0 or y >= 1 else slope * dy


def _exp(x):
    """exp(x), infinite where it overflows."""
    try:
        return math.exp(x)
    except OverflowError:
        return math.inf


def _exp_backward(dy, y):
    return dy * y


def _log_backward(dy, x):
    return divide(dy, x)


def _sqrt(x):
    return math.nan if x < 0 else math.sqrt(x)


def _sqrt_backward(dy, y):
    return divide(0.5 * dy, y)


def _reciprocal(x):
    return divide(1.0, x)


def _reciprocal_backward(dy, y):
    return -dy * (y * y)


def _square(x):
    return x * x


def _square_backward(dy, x):
    return dy * (2 * x)


def _cube(x):
    return x * x * x


def _cube_backward(dy, x):
    return dy * (3 * x * x)


def _power_backward(dy, x, exponent):
    """exponent x^(exponent - 1); 0 where the exponent is."""
    return 0.0 if exponent == 0 else dy * (exponent * power(x, exponent - 1))


def _erf_backward(dy, x):
    return dy * (2 / math.sqrt(math.pi) * exp(-x * x))


def _logistic(x):
    """1 / (1 + exp(-x))."""
    return 1 / (1 + exp(-x)) if x > 0 else exp(x) / (1 + exp(x))


def _logistic_backward(dy, y):
    return dy * y * (1 - y)


def _tanh_backward(dy, y):
    return dy * (1 - y * y)


def _gelu(x):
    """x times the share of a standard normal distribution that lies below x."""
    return 0.0 if x == -math.inf else x * math.erfc(-x / math.sqrt(2)) / 2


def _gelu_backward(dy, x):
    """The share, plus x times its derivative, which far away is zero."""
    share, density = math.erfc(-x / math.sqrt(2)) / 2, exp(-x * x / 2) / math.sqrt(2 * math.pi)
    return dy * (share if abs(x) > 1000 else share + x * density)


_SCALE = 2 * math.sqrt(2 / math.pi)


def _gelu_tanh(x):
    """GELU with (1 + tanh(z / 2)) / 2, which is the logistic function of z, for the share."""
    return 0.0 if x == -math.inf else x * _logistic(_SCALE * (x + 0.044715 * x * x * x))


def _gelu_tanh_backward(dy, x):
    z = _SCALE * (x + 0.044715 * x * x * x)
    derivative = _logistic(z) * _logistic(-z) * _SCALE * (1 + 3 * 0.044715 * x * x)
    return dy * (_logistic(z) if abs(x) > 1000 else _logistic(z) + x * derivative)


def _silu(x):
    """x / (1 + exp(-x))."""
    return 0.0 if x == -math.inf else x * _logistic(x)


def _silu_backward(dy, x):
    """s + x s (1 - s) with s = 1 / (1 + exp(-x)), and 1 - s = 1 / (1 + exp(x)); far away, s."""
    s = _logistic(x)
    return dy * (s if abs(x) > 1000 else s + x * s * _logistic(-x))


def _softplus(x, beta, threshold):
    """log(1 + exp(beta x)) / beta; where beta x is above the threshold, x."""
    if beta * x > threshold:
        return x
    return (max(beta * x, 0.0) + math.log1p(exp(-abs(beta * x)))) / beta


def _softplus_backward(dy, x, beta, threshold):
    return dy if beta * x > threshold else dy * _logistic(beta * x)


def _hard_swish(x):
    """x (x + 3) / 6 from -3 to 3; 0 below and x above."""
    return 0.0 if x <= -3 else x if x >= 3 else x * (x + 3) / 6


def _hard_swish_backward(dy, x):
    return 0.0 if x <= -3 else dy if x >= 3 else dy * (2 * x + 3) / 6


ALPHA, LAMBDA = 1.6732632423543772, 1.0507009873554805


def _selu(x):
    """lambda x where x is above zero, else lambda alpha (exp(x) - 1)."""
    return LAMBDA * (ALPHA * math.expm1(x) if x <= 0 else x)


def _selu_backward(dy, x):
    return dy * (LAMBDA * ALPHA * exp(x)) if x <= 0 else dy * LAMBDA


def _mish(x):
    """x tanh(log(1 + exp(x)))."""
    return 0.0 if x == -math.inf else x * math.tanh(_softplus(x, 1.0, 1000.0))


def _mish_backward(dy, x):
    """t + x (1 - t^2) / (1 + exp(-x)), with t = tanh(log(1 + exp(x))); far away, t."""
    t = math.tanh(_softplus(x, 1.0, 1000.0))
    return dy * (t if abs(x) > 1000 else t + x * (1 - t * t) * _logistic(x))


FORMULAS = {
    "abs": (abs, _abs_backward),
    "clip": (_clip, _clip_backward),
    "cube": (_cube, _cube_backward),
    "elu": (_elu, _elu_backward),
    "erf": (math.erf, _erf_backward),
    "exp": (_exp, _exp_backward),
    "gelu": (_gelu, _gelu_backward),
    "gelu_tanh": (_gelu_tanh, _gelu_tanh_backward),
    "hard_sigmoid": (_hard_sigmoid, _hard_sigmoid_backward),
    "hard_swish": (_hard_swish, _hard_swish_backward),
    "leaky_relu": (_leaky_relu, _leaky_relu_backward),
    "log": (natural_log, _log_backward),
    "mish": (_mish, _mish_backward),
    "power": (power, _power_backward),
    "reciprocal": (_reciprocal, _reciprocal_backward),
    "relu": (_relu, _relu_backward),
    "rescale": (_rescale, _rescale_backward),
    "selu": (_selu, _selu_backward),
    "sigmoid": (_logistic, _logistic_backward),
    "silu": (_silu, _silu_backward),
    "softplus": (_softplus, _softplus_backward),
    "sqrt": (_sqrt, _sqrt_backward),
    "square": (_square, _square_backward),
    "tanh": (math.tanh, _tanh_backward),
}
"""(y by x and the settings, dx by dy, what was kept, and the settings)."""
