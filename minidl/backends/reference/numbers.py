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


def wanted(dtype, *gradients):
    """Each array of the (array, whether it's needed), in this dtype; None for the others."""
    return tuple(array.astype(dtype) if needed else None for array, needed in gradients)
