"""What the loops share: window positions along an axis, and functions of infinities and NaN that don't warn."""

import math

import numpy as np

# Infinities and NaN are data here: they reach the output, where they're seen, without a warning on the way.
quiet = np.errstate(invalid="ignore", over="ignore", divide="ignore")


def windows(size, kernel, stride, padding, dilation):
    """The number of window positions along one axis of an image."""
    return (size + sum(padding) - (dilation * (kernel - 1) + 1)) // stride + 1


def exp(value):
    """exp(value), infinite where it overflows."""
    return math.exp(value) if value <= 0 or math.isnan(value) else math.inf


def log(value):
    """log(value) of a positive number; others, NaN among them, stay."""
    return math.log(value) if value > 0 else value


def divide(a, b):
    """a / b with b = 0 too: infinite, or NaN of 0 / 0."""
    if b == 0:
        return math.nan if a == 0 or math.isnan(a) else math.copysign(math.inf, a) * math.copysign(1, b)
    return a / b


def power(value, exponent):
    """value to an exponent, as C's pow."""
    is_odd = math.isfinite(exponent) and exponent % 2 == 1
    sign = math.copysign(1, value) if is_odd else 1.0
    if value == 0 and exponent < 0:
        return sign * math.inf
    try:
        return math.pow(value, exponent)
    except OverflowError:
        return sign * math.inf
    except ValueError:
        return math.nan


def natural_log(value):
    """The logarithm with what it is of 0, and NaN below."""
    return math.log(value) if value > 0 else -math.inf if value == 0 else math.nan


def wanted(dtype, *gradients):
    """Each array of the (array, whether it's needed), in this dtype; None for the others."""
    return tuple(array.astype(dtype) if needed else None for array, needed in gradients)
