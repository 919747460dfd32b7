"""Activations, each element for itself."""

import math

import numpy as np

from minidl.backends.reference.numbers import quiet


@quiet
def relu(x):
    """max(x, 0), element by element; NaN stays NaN."""
    y = np.zeros(x.shape, x.dtype)
    for index in np.ndindex(x.shape):
        value = float(x[index])
        y[index] = value if value > 0 or math.isnan(value) else 0.0
    return y


@quiet
def relu_backward(dy, y):
    """dx of `relu`: dy where the output isn't zero."""
    dx = np.zeros(dy.shape, dy.dtype)
    for index in np.ndindex(dy.shape):
        if not float(y[index]) <= 0:
            dx[index] = dy[index]
    return dx
