"""Softmax, its logarithm and cross-entropy, row by row."""

import numpy as np

from minidl.backends.vectorized.windows import quiet
from minidl.typing import Array

__all__ = ["cross_entropy", "log_softmax", "log_softmax_backward", "softmax", "softmax_backward"]


@quiet
def softmax(x: Array) -> Array:
    """Row by row of (n, classes), below the row's maximum so that exp can't overflow."""
    exponentials: Array = np.exp(x - x.max(axis=1, keepdims=True))
    exponentials /= exponentials.sum(axis=1, keepdims=True)
    return exponentials


@quiet
def softmax_backward(dy: Array, y: Array) -> Array:
    """Y (dy - the row's sum of dy y)."""
    dx: Array = y * (dy - (dy * y).sum(axis=1, keepdims=True))
    return dx


@quiet
def log_softmax(x: Array) -> Array:
    """Row by row of (n, classes), below the row's maximum."""
    differences: Array = x - x.max(axis=1, keepdims=True)
    differences -= np.log(np.exp(differences).sum(axis=1, keepdims=True))
    return differences


@quiet
def log_softmax_backward(dy: Array, y: Array) -> Array:
    """Dy - softmax times the row's sum of dy."""
    dx: Array = dy - np.exp(y) * dy.sum(axis=1, keepdims=True)
    return dx


@quiet
def cross_entropy(logits: Array, targets: Array) -> tuple[Array, Array]:
    """(losses (n,), dlogits (n, classes)) of rows of logits and rows of target probabilities."""
    log_probabilities = log_softmax(logits)
    costs = np.where(targets == 0, 0, targets * log_probabilities)  # 0 times minus infinity is 0 here
    return -costs.sum(axis=1), np.exp(log_probabilities) - targets
