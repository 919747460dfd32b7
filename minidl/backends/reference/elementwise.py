"""Activations that are formulas of one number, on Python's floats."""

import math

import numpy as np

from minidl.backends.reference.numbers import exp, quiet


@quiet
def _each(formula, *arrays):
    """The formula of the arrays' elements, index by index."""
    result = np.zeros(arrays[0].shape, arrays[0].dtype)
    for index in np.ndindex(result.shape):
        result[index] = formula(*(float(array[index]) for array in arrays))
    return result


def _logistic(x):
    return 1 / (1 + exp(-x)) if x > 0 else exp(x) / (1 + exp(x))


def _normal_distribution(x):
    return math.erfc(-x / math.sqrt(2)) / 2


def _normal_density(x):
    return exp(-x * x / 2) / math.sqrt(2 * math.pi)


def leaky_relu(x, *, negative_slope):
    """x where it is above zero, else negative_slope x."""
    return _each(lambda x: negative_slope * x if x <= 0 else x, x)


def leaky_relu_backward(dy, y, *, negative_slope):
    """dx of `leaky_relu`, whose output has the sign of its input."""
    return _each(lambda dy, y: negative_slope * dy if y <= 0 else dy, dy, y)


def elu(x, *, alpha):
    """x where it is above zero, else alpha (exp(x) - 1)."""
    return _each(lambda x: alpha * math.expm1(x) if x <= 0 else x, x)


def elu_backward(dy, x, *, alpha):
    """dx of `elu`: where x isn't above zero, its slope is alpha exp(x)."""
    return _each(lambda dy, x: dy * (alpha * exp(x)) if x <= 0 else dy, dy, x)


def gelu(x, *, approximate):
    """x times the share of a standard normal distribution that lies below x.

    `approximate` "tanh" takes (1 + tanh(sqrt(2 / pi) (x + 0.044715 x**3))) / 2 for that share.
    """
    return _each(lambda x: 0.0 if x == -math.inf else x * _share(x, approximate)[0], x)


def gelu_backward(dy, x, *, approximate):
    """dx of `gelu`: the share, plus x times its slope, which far away is zero."""

    def slope(dy, x):
        share, density = _share(x, approximate)
        return dy * (share if abs(x) > 1000 else share + x * density)

    return _each(slope, dy, x)


def _share(x, approximate):
    """(share, its slope) of `gelu`; (1 + tanh(z)) / 2 is the logistic function of 2 z."""
    if approximate != "tanh":
        return _normal_distribution(x), _normal_density(x)
    scale = 2 * math.sqrt(2 / math.pi)
    z = scale * (x + 0.044715 * x * x * x)
    return _logistic(z), _logistic(z) * _logistic(-z) * scale * (1 + 3 * 0.044715 * x * x)


def silu(x):
    """x / (1 + exp(-x))."""
    return _each(lambda x: 0.0 if x == -math.inf else x * _logistic(x), x)


def silu_backward(dy, x):
    """dx of `silu`: s + x s (1 - s) with s = 1 / (1 + exp(-x)), and 1 - s = 1 / (1 + exp(x)); far away, s."""

    def slope(dy, x):
        s = _logistic(x)
        return dy * (s if abs(x) > 1000 else s + x * s * _logistic(-x))

    return _each(slope, dy, x)


def sigmoid(x):
    """1 / (1 + exp(-x))."""
    return _each(_logistic, x)


def sigmoid_backward(dy, y):
    """dx of `sigmoid`: dy y (1 - y)."""
    return _each(lambda dy, y: dy * y * (1 - y), dy, y)


def tanh(x):
    """The hyperbolic tangent."""
    return _each(math.tanh, x)


def tanh_backward(dy, y):
    """dx of `tanh`: dy (1 - y**2)."""
    return _each(lambda dy, y: dy * (1 - y * y), dy, y)


def softplus(x, *, beta, threshold):
    """log(1 + exp(beta x)) / beta; where beta x is above the threshold, x."""

    def formula(x):
        if beta * x > threshold:
            return x
        return (max(beta * x, 0.0) + math.log1p(exp(-abs(beta * x)))) / beta

    return _each(formula, x)


def softplus_backward(dy, x, *, beta, threshold):
    """dx of `softplus`: dy / (1 + exp(-beta x)); where beta x is above the threshold, dy."""
    return _each(lambda dy, x: dy if beta * x > threshold else dy * _logistic(beta * x), dy, x)


def hard_swish(x):
    """x (x + 3) / 6 from -3 to 3; 0 below and x above."""
    return _each(lambda x: 0.0 if x <= -3 else x if x >= 3 else x * (x + 3) / 6, x)


def hard_swish_backward(dy, x):
    """dx of `hard_swish`: dy (2 x + 3) / 6 from -3 to 3; 0 below and dy above."""
    return _each(lambda dy, x: 0.0 if x <= -3 else dy if x >= 3 else dy * (2 * x + 3) / 6, dy, x)
