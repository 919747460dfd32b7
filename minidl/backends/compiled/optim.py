"""Optimizer steps: one pass over the flat buffers."""

import math

from minidl.backends.compiled.jit import contiguous, njit
from minidl.typing import Array


@njit
def _sgd_step(value, grad, lr, weight_decay):
    for i in range(value.size):
        value[i] -= lr * (grad[i] + weight_decay * value[i])


@njit
def _momentum_step(value, grad, velocity, lr, momentum, nesterov, weight_decay):
    for i in range(value.size):
        slope = grad[i] + weight_decay * value[i]
        velocity[i] = momentum * velocity[i] + slope
        value[i] -= lr * (slope + momentum * velocity[i] if nesterov else velocity[i])


@njit
def _adam_step(value, grad, first, second, beta1, beta2, eps, weight_decay, step_size, second_scale):
    for i in range(value.size):
        slope = grad[i] + weight_decay * value[i]
        first[i] = beta1 * first[i] + (1 - beta1) * slope
        second[i] = beta2 * second[i] + (1 - beta2) * slope * slope
        value[i] -= step_size * first[i] / (math.sqrt(second[i]) * second_scale + eps)


def sgd_step(
    value: Array,
    grad: Array,
    velocity: Array | None,
    *,
    lr: float,
    momentum: float,
    nesterov: bool,
    weight_decay: float,
) -> None:
    """Change the vectors value and velocity (None without momentum) in place."""
    if velocity is None:
        _sgd_step(value, contiguous(grad), float(lr), float(weight_decay))
    else:
        _momentum_step(value, contiguous(grad), velocity, float(lr), float(momentum), nesterov, float(weight_decay))


def adam_step(
    value: Array,
    grad: Array,
    first: Array,
    second: Array,
    *,
    betas: tuple[float, float],
    eps: float,
    weight_decay: float,
    step_size: float,
    second_scale: float,
) -> None:
    """Change the vectors value and first and second moment in place; the scales undo the moments' start at zero."""
    settings = (*betas, eps, weight_decay, step_size, second_scale)
    _adam_step(value, contiguous(grad), first, second, *map(float, settings))
