"""Formulas of one number, activations and elementary functions, and their gradients: written once, for either dtype.

Their limits at infinity are right and NaN stays: where a formula multiplies x by what is zero at infinity, x is kept
from being infinite. In both dtypes y is good to 5 units in the last place as long as the factors of y are normal
numbers; where an exponent is rounded first, as in GELU by tanh and in softplus with a beta, to 2 eps times max(1, |y|).
Gradients are good to 2 eps.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

from minidl.backends.compiled.codegen.elementary import (
    both_sigmoids,
    erf,
    exp,
    expm1,
    gaussian,
    log,
    normal_distribution,
    power,
    sigmoid,
    softplus,
    tanh,
)
from minidl.backends.compiled.codegen.vector import Vector, clamp, multiply_add


def _relu(x):
    return x.like(0).where(x < 0, x)


def _relu_backward(dy, y):
    return dy.like(0).where(y <= 0, dy)


def _leaky_relu(x, negative_slope):
    return (negative_slope * x).where(x <= 0, x)


def _leaky_relu_backward(dy, y, negative_slope):
    return (negative_slope * dy).where(y <= 0, dy)


def _elu(x, alpha):
    return (alpha * expm1(clamp(x, high=0))).where(x <= 0, x)


def _elu_backward(dy, x, alpha):
    return (dy * (alpha * exp(clamp(x, high=0)))).where(x <= 0, dy)


def _rescale(x, scale, offset):
    return multiply_add(x, scale, offset)


def _rescale_backward(dy, x, scale, offset):
    return scale * dy


def _clip_backward(dy, y, low, high):
    return dy.like(0).where(y <= low, dy.like(0).where(y >= high, dy))


def _hard_sigmoid(x, slope, offset):
    return clamp(multiply_add(x, slope, offset), 0, 1)


def _hard_sigmoid_backward(dy, y, slope, offset):
    return _clip_backward(slope * dy, y, 0, 1)


def _abs_backward(dy, x):
    return dy.where(x > 0, (-dy).where(x < 0, x * 0 * dy))


def _exp_backward(dy, y):
    return dy * y


def _log_backward(dy, x):
    return dy / x


def _sqrt_backward(dy, y):
    return 0.5 * dy / y


def _reciprocal(x):
    return 1 / x


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
    return dy.like(0).where(exponent.equals(0), dy * (exponent * power(x, exponent - 1)))


def _erf_backward(dy, x):
    near = clamp(x, -FAR, FAR)
    return dy * (2 / math.sqrt(math.pi) * exp(-near * near))


def _sigmoid_backward(dy, y):
    return dy * (y * (1 - y))


def _tanh_backward(dy, y):
    return dy * ((1 - y) * (1 + y))


FAR = 1000
"""Beyond it, either way, a sigmoid is 0 or 1 in both dtypes; and infinity times zero would be NaN."""


def _silu(x):
    return clamp(x, low=-FAR) * sigmoid(x)


def _silu_backward(dy, x):
    x = clamp(x, low=-FAR, high=FAR)
    s, rest = both_sigmoids(x)
    return dy * (s * multiply_add(x, rest, 1))


def _gelu(x):
    return clamp(x, low=-FAR) * normal_distribution(x)


def _gelu_backward(dy, x):
    x = clamp(x, low=-FAR, high=FAR)
    distribution, e = gaussian(x)
    return dy * multiply_add(x, e * (1 / math.sqrt(2 * math.pi)), distribution)


CUBIC, SCALE = 0.044715, 2 * math.sqrt(2 / math.pi)
"""Of GELU by tanh: (1 + tanh(z / 2)) / 2 = sigmoid(z) with z = SCALE (x + CUBIC x**3)."""


def _gelu_tanh(x):
    near = clamp(x, low=-FAR, high=FAR)
    return clamp(x, low=-FAR) * sigmoid(SCALE * near * multiply_add(CUBIC * near, near, 1))


def _gelu_tanh_backward(dy, x):
    x = clamp(x, low=-FAR, high=FAR)
    s, rest = both_sigmoids(SCALE * x * multiply_add(CUBIC * x, x, 1))
    grad = SCALE * multiply_add(3 * CUBIC * x, x, 1)
    return dy * (s * multiply_add(x * rest, grad, 1))


def _softplus(x, beta, threshold):
    scaled = beta * x
    return x.where(scaled > threshold, softplus(scaled) / beta)


def _softplus_backward(dy, x, beta, threshold):
    scaled = beta * x
    return dy.where(scaled > threshold, dy * sigmoid(scaled))


def _hard_swish(x):
    inside = x * (clamp(x + 3, high=6) / 6)
    return x.like(0).where(x <= -3, x.where(x >= 3, inside))


def _hard_swish_backward(dy, x):
    inside = dy * (x / 3 + 0.5)
    return dy.like(0).where(x <= -3, dy.where(x >= 3, inside))


ALPHA, LAMBDA = 1.6732632423543772, 1.0507009873554805
"""Of SELU."""


def _selu(x):
    return ((LAMBDA * ALPHA) * expm1(clamp(x, high=0))).where(x <= 0, LAMBDA * x)


def _selu_backward(dy, x):
    return (dy * ((LAMBDA * ALPHA) * exp(clamp(x, high=0)))).where(x <= 0, LAMBDA * dy)


def _mish_parts(x):
    """(tanh(log(1 + exp(x))), its derivative), by e = exp(-|x|) so that nothing overflows or cancels.

    With p = exp(x), tanh is (p^2 + 2 p) / (p^2 + 2 p + 2), and its derivative 4 p (1 + p) / (p^2 + 2 p + 2)^2.
    """
    e = exp(-abs(x))
    below = x < 0
    inverse = 1 / (e * (e + 2) + 2).where(below, 2 * e * (e + 1) + 1)
    share = (e * (e + 2)).where(below, 1 + 2 * e) * inverse
    return share, 4 * e * (1 + e) * x.like(1).where(below, e) * (inverse * inverse)


def _mish(x):
    return clamp(x, low=-FAR) * _mish_parts(x)[0]


def _mish_backward(dy, x):
    x = clamp(x, low=-FAR, high=FAR)
    share, steep = _mish_parts(x)
    return dy * multiply_add(x, steep, share)


class Formula(NamedTuple):
    """An activation, as functions of vectors."""

    forward: Callable[..., Vector]
    """y by x and up to two settings."""
    backward: Callable[..., Vector]
    """dx by dy, what was kept (y or x) and the settings."""
    work: int = 64
    """What an element costs, in multiply-adds, for the decision whether threads share the work."""


FORMULAS = {
    "abs": Formula(abs, _abs_backward, work=8),
    "clip": Formula(clamp, _clip_backward, work=8),
    "cube": Formula(_cube, _cube_backward, work=8),
    "elu": Formula(_elu, _elu_backward),
    "erf": Formula(erf, _erf_backward),
    "exp": Formula(exp, _exp_backward),
    "gelu": Formula(_gelu, _gelu_backward),
    "gelu_tanh": Formula(_gelu_tanh, _gelu_tanh_backward),
    "hard_sigmoid": Formula(_hard_sigmoid, _hard_sigmoid_backward, work=8),
    "hard_swish": Formula(_hard_swish, _hard_swish_backward),
    "leaky_relu": Formula(_leaky_relu, _leaky_relu_backward),
    "log": Formula(log, _log_backward),
    "mish": Formula(_mish, _mish_backward),
    "power": Formula(power, _power_backward, work=128),
    "reciprocal": Formula(_reciprocal, _reciprocal_backward, work=16),
    "relu": Formula(_relu, _relu_backward, work=8),
    "rescale": Formula(_rescale, _rescale_backward, work=8),
    "selu": Formula(_selu, _selu_backward),
    "sigmoid": Formula(sigmoid, _sigmoid_backward),
    "silu": Formula(_silu, _silu_backward),
    "softplus": Formula(_softplus, _softplus_backward),
    "sqrt": Formula(Vector.square_root, _sqrt_backward, work=16),
    "square": Formula(_square, _square_backward, work=8),
    "tanh": Formula(tanh, _tanh_backward),
}
