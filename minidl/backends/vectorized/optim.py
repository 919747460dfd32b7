"""Optimizer steps, in place."""

import numpy as np

from minidl.backends.vectorized.windows import quiet
from minidl.typing import Array


@quiet
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
    slope = grad + weight_decay * value if weight_decay else grad
    if velocity is not None:
        velocity *= momentum
        velocity += slope
        slope = slope + momentum * velocity if nesterov else velocity
    value -= lr * slope


@quiet
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
    slope = grad + weight_decay * value if weight_decay else grad
    first *= betas[0]
    first += (1 - betas[0]) * slope
    second *= betas[1]
    second += (1 - betas[1]) * (slope * slope)
    value -= step_size * first / (np.sqrt(second) * second_scale + eps)
