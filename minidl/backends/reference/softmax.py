"""Softmax, its logarithm and cross-entropy: row by row."""

import math

import numpy as np

from minidl.backends.reference.numbers import exp, log, quiet

__all__ = ["cross_entropy", "log_softmax", "log_softmax_backward", "softmax", "softmax_backward"]


@quiet
def softmax(x):
    """exp(x) / sum of exp(x) along each row of (n, classes), from which its maximum is first subtracted."""
    y = np.zeros(x.shape, x.dtype)
    for n in range(x.shape[0]):
        exponentials = [exp(difference) for difference in _below_maximum(x[n])]
        total = sum(exponentials)
        for k in range(x.shape[1]):
            y[n, k] = exponentials[k] / total
    return y


@quiet
def softmax_backward(dy, y):
    """dx of `softmax`: y (dy - the sum of dy y along the row)."""
    dx = np.zeros(dy.shape, dy.dtype)
    for n in range(y.shape[0]):
        mean = 0.0
        for k in range(y.shape[1]):
            mean += float(dy[n, k]) * float(y[n, k])
        for k in range(y.shape[1]):
            dx[n, k] = float(y[n, k]) * (float(dy[n, k]) - mean)
    return dx


@quiet
def log_softmax(x):
    """x - log of the sum of exp(x) along each row of (n, classes), computed below the row's maximum."""
    y = np.zeros(x.shape, x.dtype)
    for n in range(x.shape[0]):
        differences = _below_maximum(x[n])
        log_total = log(sum(exp(difference) for difference in differences))
        for k in range(x.shape[1]):
            y[n, k] = differences[k] - log_total
    return y


@quiet
def log_softmax_backward(dy, y):
    """dx of `log_softmax`: dy - exp(y) times the sum of dy along the row."""
    dx = np.zeros(dy.shape, dy.dtype)
    for n in range(y.shape[0]):
        total = 0.0
        for k in range(y.shape[1]):
            total += float(dy[n, k])
        for k in range(y.shape[1]):
            dx[n, k] = float(dy[n, k]) - exp(float(y[n, k])) * total
    return dx


@quiet
def cross_entropy(logits, targets):
    """(losses, dlogits): -sum of targets log_softmax(logits) of each row, and the gradient of each by its logits.

    `targets` (n, classes) are distributions: rows that sum to one.
    """
    losses, dlogits = np.zeros(logits.shape[0], logits.dtype), np.zeros(logits.shape, logits.dtype)
    for n in range(logits.shape[0]):
        differences = _below_maximum(logits[n])
        exponentials = [exp(difference) for difference in differences]
        total = sum(exponentials)
        loss = 0.0
        for k in range(logits.shape[1]):
            target = float(targets[n, k])
            if target != 0:  # a class of no probability costs nothing, even at a logit of minus infinity
                loss -= target * (differences[k] - log(total))
            dlogits[n, k] = exponentials[k] / total - target
        losses[n] = loss
    return losses, dlogits


def _below_maximum(row):
    """Each value of a row less the row's maximum, NaN where the row has a NaN."""
    values = [float(value) for value in row]
    largest = math.nan if any(math.isnan(value) for value in values) else max(values)
    return [value - largest for value in values]
