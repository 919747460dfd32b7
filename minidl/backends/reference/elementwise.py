"""Activations that are formulas of one number, on Python's floats."""

import math

import numpy as np

from minidl.backends.reference.numbers import exp, quiet

__all__ = ["elementwise", "elementwise_backward"]


def elementwise(name, x, settings=()):
    """y by the formula of this name, index by index."""
    return _each(FORMULAS[name][0], settings, x)


def elementwise_backward(name, dy, kept, settings=()):
    """dx by the formula's gradient, of dy and what was kept: y or x, as its second argument says."""
    return _each(FORMULAS[name][1], settings, dy, kept)


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
    "elu": (_elu, _elu_backward),
    "gelu": (_gelu, _gelu_backward),
    "gelu_tanh": (_gelu_tanh, _gelu_tanh_backward),
    "hard_swish": (_hard_swish, _hard_swish_backward),
    "leaky_relu": (_leaky_relu, _leaky_relu_backward),
    "mish": (_mish, _mish_backward),
    "relu": (_relu, _relu_backward),
    "rescale": (_rescale, _rescale_backward),
    "selu": (_selu, _selu_backward),
    "sigmoid": (_logistic, _logistic_backward),
    "silu": (_silu, _silu_backward),
    "softplus": (_softplus, _softplus_backward),
    "tanh": (math.tanh, _tanh_backward),
}
"""(y by x and the settings, dx by dy, what was kept, and the settings)."""
