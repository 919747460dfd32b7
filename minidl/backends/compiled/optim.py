"""Optimizer steps: one pass of vectors over the flat buffers."""

import numpy as np

from minidl.backends.compiled.jit import Kernel
from minidl.backends.compiled.launch import Job, pieces, run
from minidl.backends.compiled.memory import at, dense
from minidl.backends.compiled.simd import (
    divide,
    lanes,
    load,
    multiply,
    multiply_add,
    splat,
    square_root,
    store,
    subtract,
)
from minidl.typing import Array


@Kernel
def _sgd_step(memory, ints, job, task, own):
    value, grad, velocity, settings, size, tasks = (
        ints[job],
        ints[job + 1],
        ints[job + 2],
        ints[job + 3],
        ints[job + 4],
        ints[job + 5],
    )
    lr, weight_decay = splat(memory, memory[settings]), splat(memory, memory[settings + 1])
    momentum, nesterov = splat(memory, memory[settings + 2]), memory[settings + 3]
    last = (task + 1) * size // tasks
    for i in range(task * size // tasks, last, lanes(memory)):
        left = last - i
        w = load(memory, value + i, left)
        slope = multiply_add(weight_decay, w, load(memory, grad + i, left))
        if velocity:
            speed = multiply_add(momentum, load(memory, velocity + i, left), slope)
            store(memory, velocity + i, speed, left)
            if nesterov:
                slope = multiply_add(momentum, speed, slope)
            else:
                slope = speed
        store(memory, value + i, subtract(w, multiply(lr, slope)), left)


@Kernel
def _adam_step(memory, ints, job, task, own):
    value, grad, first, second, settings, size, tasks = (
        ints[job],
        ints[job + 1],
        ints[job + 2],
        ints[job + 3],
        ints[job + 4],
        ints[job + 5],
        ints[job + 6],
    )
    beta1, rest1 = splat(memory, memory[settings]), splat(memory, memory[settings + 1])
    beta2, rest2 = splat(memory, memory[settings + 2]), splat(memory, memory[settings + 3])
    eps, weight_decay = splat(memory, memory[settings + 4]), splat(memory, memory[settings + 5])
    step_size, scale = splat(memory, memory[settings + 6]), splat(memory, memory[settings + 7])
    last = (task + 1) * size // tasks
    for i in range(task * size // tasks, last, lanes(memory)):
        left = last - i
        w = load(memory, value + i, left)
        slope = multiply_add(weight_decay, w, load(memory, grad + i, left))
        m = multiply_add(beta1, load(memory, first + i, left), multiply(rest1, slope))
        v = multiply_add(beta2, load(memory, second + i, left), multiply(rest2, multiply(slope, slope)))
        store(memory, first + i, m, left)
        store(memory, second + i, v, left)
        root = multiply_add(square_root(v), scale, eps)
        store(memory, value + i, subtract(w, divide(multiply(step_size, m), root)), left)


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
    settings = np.array([lr, weight_decay, momentum, nesterov], value.dtype)
    slopes, tasks = dense(grad), pieces(value.size)
    job = [at(value), at(slopes), at(velocity), at(settings), value.size, tasks]
    run(value.dtype, Job(_sgd_step, job, tasks, 16 * value.size))


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
    settings = np.array(
        [betas[0], 1 - betas[0], betas[1], 1 - betas[1], eps, weight_decay, step_size, second_scale], value.dtype
    )
    slopes, tasks = dense(grad), pieces(value.size)
    job = [at(value), at(slopes), at(first), at(second), at(settings), value.size, tasks]
    run(value.dtype, Job(_adam_step, job, tasks, 64 * value.size))
