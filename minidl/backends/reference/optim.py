"""Optimizer steps, in place."""

import math

import numpy as np

from minidl.backends.reference.numbers import quiet

__all__ = ["adagrad_step", "adam_step", "lion_step", "rmsprop_step", "sgd_step"]


@quiet
def sgd_step(value, grad, velocity, settings):
    """Change the vectors value and velocity (None without momentum) in place."""
    for i in range(value.size):
        g = _decayed(grad[i], value[i], settings.weight_decay)
        if velocity is not None:
            velocity[i] = settings.momentum * float(velocity[i]) + settings.share * g
            speed = float(velocity[i])
            g = g + settings.momentum * speed if settings.nesterov else speed
        value[i] = float(value[i]) - settings.lr * g


@quiet
def adam_step(value, grad, first, second, largest, settings):
    """Change the vectors value, first and second moment and the largest second one (or None) in place.

    The scales undo the moments' start at zero.
    """
    beta1, beta2 = settings.beta1, settings.beta2
    for i in range(value.size):
        g = _decayed(grad[i], value[i], settings.weight_decay)
        first[i] = beta1 * float(first[i]) + (1 - beta1) * g
        second[i] = beta2 * float(second[i]) + (1 - beta2) * g * g
        square = second[i]
        if largest is not None:
            square = largest[i] = np.maximum(largest[i], square)  # NaN if either is
        root = np.float64(_root(square) * settings.second_scale)  # not a Python float, which can't divide by zero
        step = settings.step_size * float(first[i]) / (root + settings.eps)
        value[i] = settings.shrink * float(value[i]) - step


@quiet
def rmsprop_step(value, grad, square, mean, velocity, settings):
    """Change the vectors value, mean square, mean and velocity in place; the last two may be None.

    With a mean, the gradient is divided by its deviation. The variance is the mean square less the mean's square, which
    rounding may make negative: it's at least 0 here.
    """
    alpha = settings.alpha
    for i in range(value.size):
        g = _decayed(grad[i], value[i], settings.weight_decay)
        square[i] = alpha * float(square[i]) + (1 - alpha) * g * g
        spread = float(square[i])
        if mean is not None:
            mean[i] = alpha * float(mean[i]) + (1 - alpha) * g
            spread = spread - float(mean[i]) * float(mean[i])
            spread = 0.0 if spread < 0 else spread
        step = g / np.float64(_root(spread) + settings.eps)
        if velocity is not None:
            velocity[i] = settings.momentum * float(velocity[i]) + step
            step = float(velocity[i])
        value[i] = float(value[i]) - settings.lr * step


@quiet
def adagrad_step(value, grad, total, settings):
    """Change the vectors value and total, the sum of the squared gradients, in place."""
    for i in range(value.size):
        g = _decayed(grad[i], value[i], settings.weight_decay)
        total[i] = float(total[i]) + g * g
        value[i] = float(value[i]) - settings.step_size * g / np.float64(_root(total[i]) + settings.eps)


@quiet
def lion_step(value, grad, mean, settings):
    """Change the vectors value and mean in place: a step of lr by the sign of a mixture of mean and gradient."""
    for i in range(value.size):
        g = float(grad[i])
        mixed = settings.beta1 * float(mean[i]) + (1 - settings.beta1) * g
        sign = 1.0 if mixed > 0 else -1.0 if mixed < 0 else mixed  # that of NaN is NaN
        value[i] = settings.shrink * float(value[i]) - settings.lr * sign
        mean[i] = settings.beta2 * float(mean[i]) + (1 - settings.beta2) * g


def _decayed(grad, value, weight_decay):
    """The gradient and what weight decay adds to it: without any, nothing, even of an infinite value."""
    return float(grad) + weight_decay * float(value) if weight_decay else float(grad)


def _root(value):
    return math.sqrt(float(value)) if value >= 0 else math.nan
