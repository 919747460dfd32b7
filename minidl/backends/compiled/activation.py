"""ReLU, softmax and cross-entropy: one pass over the elements, or over each row."""

import math

import numpy as np

from minidl.backends.compiled.jit import contiguous, njit
from minidl.typing import Array


@njit
def _relu(x, y):
    for i in range(x.size):
        y[i] = x[i] if x[i] > 0 or x[i] != x[i] else 0


@njit
def _relu_backward(dy, y, dx):
    for i in range(y.size):
        dx[i] = 0 if y[i] <= 0 else dy[i]


@njit
def _below_maximum(row, differences):
    """Subtract a row's maximum, which is NaN if any of the row is, and return the sum of the exponentials."""
    largest = row[0]
    for k in range(row.size):
        if row[k] > largest or row[k] != row[k]:
            largest = row[k]
    total = row[0] - row[0]
    for k in range(row.size):
        differences[k] = row[k] - largest
        total += math.exp(differences[k])
    return total


@njit
def _softmax(x, y):
    for n in range(x.shape[0]):
        total = _below_maximum(x[n], y[n])
        for k in range(x.shape[1]):
            y[n, k] = math.exp(y[n, k]) / total


@njit
def _softmax_backward(dy, y, dx):
    for n in range(y.shape[0]):
        mean = (dy[n] * y[n]).sum()
        for k in range(y.shape[1]):
            dx[n, k] = y[n, k] * (dy[n, k] - mean)


@njit
def _log_softmax(x, y):
    for n in range(x.shape[0]):
        log_total = math.log(_below_maximum(x[n], y[n]))
        for k in range(x.shape[1]):
            y[n, k] -= log_total


@njit
def _log_softmax_backward(dy, y, dx):
    for n in range(y.shape[0]):
        total = dy[n].sum()
        for k in range(y.shape[1]):
            dx[n, k] = dy[n, k] - math.exp(y[n, k]) * total


@njit
def _cross_entropy(logits, targets, losses, dlogits):
    for n in range(logits.shape[0]):
        total = _below_maximum(logits[n], dlogits[n])
        log_total = math.log(total)
        losses[n] = 0
        for k in range(logits.shape[1]):
            if targets[n, k] != 0:  # 0 times minus infinity is 0 here
                losses[n] -= targets[n, k] * (dlogits[n, k] - log_total)
            dlogits[n, k] = math.exp(dlogits[n, k]) / total - targets[n, k]


def relu(x: Array) -> Array:
    """max(x, 0), NaN kept, in the memory order of x."""
    y = np.empty_like(x)
    source, target = _in_memory_order(x, y)
    _relu(source, target)
    return y


def relu_backward(dy: Array, y: Array) -> Array:
    """Dy where y isn't zero, in the memory order of y."""
    dx = np.empty_like(y)
    slopes, outputs, target = _in_memory_order(dy, y, dx)
    _relu_backward(slopes, outputs, target)
    return dx


def _in_memory_order(*arrays: Array) -> list[Array]:
    """Arrays of one shape as vectors, all in the order in which the last one, dense, lies in memory."""
    order = np.argsort(arrays[-1].strides, kind="stable")[::-1]
    return [contiguous(a.transpose(order)).reshape(-1) for a in arrays[:-1]] + [arrays[-1].transpose(order).reshape(-1)]


def softmax(x: Array) -> Array:
    """Row by row of (n, classes), below the row's maximum so that exp can't overflow."""
    y = np.empty(x.shape, x.dtype)
    _softmax(contiguous(x), y)
    return y


def softmax_backward(dy: Array, y: Array) -> Array:
    """Y (dy - the row's sum of dy y)."""
    dx = np.empty(y.shape, y.dtype)
    _softmax_backward(contiguous(dy), contiguous(y), dx)
    return dx


def log_softmax(x: Array) -> Array:
    """Row by row of (n, classes), below the row's maximum."""
    y = np.empty(x.shape, x.dtype)
    _log_softmax(contiguous(x), y)
    return y


def log_softmax_backward(dy: Array, y: Array) -> Array:
    """Dy - softmax times the row's sum of dy."""
    dx = np.empty(y.shape, y.dtype)
    _log_softmax_backward(contiguous(dy), contiguous(y), dx)
    return dx


def cross_entropy(logits: Array, targets: Array) -> tuple[Array, Array]:
    """(losses (n,), dlogits (n, classes)) of rows of logits and rows of target probabilities."""
    losses, dlogits = np.empty(logits.shape[0], logits.dtype), np.empty(logits.shape, logits.dtype)
    _cross_entropy(contiguous(logits), contiguous(targets), losses, dlogits)
    return losses, dlogits
