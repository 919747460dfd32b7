"""Optimizer steps, in place."""

import numpy as np

from minidl.backends.updates import AdagradStep, AdamStep, LionStep, RMSPropStep, SGDStep
from minidl.backends.vectorized.windows import quiet
from minidl.typing import Array

__all__ = ["adagrad_step", "adam_step", "lion_step", "rmsprop_step", "sgd_step"]


@quiet
def sgd_step(value: Array, grad: Array, velocity: Array | None, settings: SGDStep) -> None:
    """Change the vectors value and velocity (None without momentum) in place."""
    g = _decayed(grad, value, settings.weight_decay)
    if velocity is not None:
        velocity *= settings.momentum
        velocity += g if settings.share == 1 else settings.share * g
        g = g + settings.momentum * velocity if settings.nesterov else velocity
    value -= settings.lr * g


@quiet
def adam_step(
    value: Array, grad: Array, first: Array, second: Array, largest: Array | None, settings: AdamStep
) -> None:
    """Change the vectors value, first and second moment and the largest second one (or None) in place.

    The scales undo the moments' start at zero.
    """
    g = _decayed(grad, value, settings.weight_decay)
    _average(first, settings.beta1, g)
    _average(second, settings.beta2, g * g)
    square = second if largest is None else np.maximum(largest, second, out=largest)
    value *= settings.shrink
    value -= settings.step_size * first / (np.sqrt(square) * settings.second_scale + settings.eps)


@quiet
def rmsprop_step(
    value: Array, grad: Array, square: Array, mean: Array | None, velocity: Array | None, settings: RMSPropStep
) -> None:
    """Change the vectors value, mean square, mean (None if not centered) and velocity (or None) in place."""
    g = _decayed(grad, value, settings.weight_decay)
    _average(square, settings.alpha, g * g)
    spread: Array = square
    if mean is not None:
        _average(mean, settings.alpha, g)
        spread = np.maximum(square - mean * mean, 0)
    step: Array = g / (np.sqrt(spread) + settings.eps)
    if velocity is not None:
        velocity *= settings.momentum
        velocity += step
        step = velocity
    value -= settings.lr * step


@quiet
def adagrad_step(value: Array, grad: Array, total: Array, settings: AdagradStep) -> None:
    """Change the vectors value and total, the sum of the squared gradients, in place."""
    g = _decayed(grad, value, settings.weight_decay)
    total += g * g
    value -= settings.step_size * g / (np.sqrt(total) + settings.eps)


@quiet
def lion_step(value: Array, grad: Array, mean: Array, settings: LionStep) -> None:
    """Change the vectors value and mean in place: a step of lr by the sign of a mixture of mean and gradient."""
    value *= settings.shrink
    value -= settings.lr * np.sign(settings.beta1 * mean + (1 - settings.beta1) * grad)
    _average(mean, settings.beta2, grad)


def _decayed(grad: Array, value: Array, weight_decay: float) -> Array:
    return grad + weight_decay * value if weight_decay else grad


def _average(mean: Array, beta: float, new: Array) -> None:
    """Make a running mean beta of what it was, and the rest new."""
    mean *= beta
    mean += (1 - beta) * new
