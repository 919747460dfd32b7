"""Optimizer steps, in place."""

import math

import numpy as np

from minidl.backends.reference.numbers import quiet


@quiet
def sgd_step(value, grad, velocity, *, lr, momentum, nesterov, weight_decay):
    """Change the vectors value and velocity (None without momentum) in place."""
    for i in range(value.size):
        slope = float(grad[i]) + weight_decay * float(value[i])
        if velocity is not None:
            velocity[i] = momentum * float(velocity[i]) + slope
            slope = slope + momentum * float(velocity[i]) if nesterov else float(velocity[i])
        value[i] = float(value[i]) - lr * slope


@quiet
def adam_step(value, grad, first, second, *, betas, eps, weight_decay, step_size, second_scale):
    """Change the vectors value and first and second moment in place; the scales undo the moments' start at zero."""
    for i in range(value.size):
        slope = float(grad[i]) + weight_decay * float(value[i])
        first[i] = betas[0] * float(first[i]) + (1 - betas[0]) * slope
        second[i] = betas[1] * float(second[i]) + (1 - betas[1]) * slope * slope
        root = np.float64(math.sqrt(float(second[i])) * second_scale)  # not a Python float, which can't divide by zero
        value[i] = float(value[i]) - step_size * float(first[i]) / (root + eps)
