"""Optimizer steps: one pass of vectors over the flat buffers."""

import numpy as np

from minidl.backends.compiled.jit import Kernel, inlined
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


@inlined
def _sgd_at(memory, settings, value, grad, velocity, count):
    lr, weight_decay = splat(memory, memory[settings]), splat(memory, memory[settings + 1])
    momentum = splat(memory, memory[settings + 2])
    w = load(memory, value, count)
    slope = multiply_add(weight_decay, w, load(memory, grad, count))
    if velocity:
        speed = multiply_add(momentum, load(memory, velocity, count), slope)
        store(memory, velocity, speed, count)
        slope = multiply_add(momentum, speed, slope) if memory[settings + 3] else speed
    store(memory, value, subtract(w, multiply(lr, slope)), count)


@Kernel
def _sgd_step(memory, ints, job, task, own):
    value, grad, velocity, settings = ints[job], ints[job + 1], ints[job + 2], ints[job + 3]
    size, tasks = ints[job + 4], ints[job + 5]
    first, last = task * size // tasks, (task + 1) * size // tasks
    for i in range(first, last - lanes(memory) + 1, lanes(memory)):
        _sgd_at(memory, settings, value + i, grad + i, velocity + i if velocity else 0, lanes(memory))
    left = (last - first) % lanes(memory)
    if left:
        i = last - left
        _sgd_at(memory, settings, value + i, grad + i, velocity + i if velocity else 0, left)


@inlined
def _adam_at(memory, settings, value, grad, first, second, count):
    beta1, rest1 = splat(memory, memory[settings]), splat(memory, memory[settings + 1])
    beta2, rest2 = splat(memory, memory[settings + 2]), splat(memory, memory[settings + 3])
    eps, weight_decay = splat(memory, memory[settings + 4]), splat(memory, memory[settings + 5])
    step_size, scale = splat(memory, memory[settings + 6]), splat(memory, memory[settings + 7])
    w = load(memory, value, count)
    slope = multiply_add(weight_decay, w, load(memory, grad, count))
    m = multiply_add(beta1, load(memory, first, count), multiply(rest1, slope))
    v = multiply_add(beta2, load(memory, second, count), multiply(rest2, multiply(slope, slope)))
    store(memory, first, m, count)
    store(memory, second, v, count)
    root = multiply_add(square_root(v), scale, eps)
    store(memory, value, subtract(w, divide(multiply(step_size, m), root)), count)


@Kernel
def _adam_step(memory, ints, job, task, own):
    value, grad, first, second = ints[job], ints[job + 1], ints[job + 2], ints[job + 3]
    settings, size, tasks = ints[job + 4], ints[job + 5], ints[job + 6]
    start, last = task * size // tasks, (task + 1) * size // tasks
    for i in range(start, last - lanes(memory) + 1, lanes(memory)):
        _adam_at(memory, settings, value + i, grad + i, first + i, second + i, lanes(memory))
    left = (last - start) % lanes(memory)
    if left:
        i = last - left
        _adam_at(memory, settings, value + i, grad + i, first + i, second + i, left)


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
