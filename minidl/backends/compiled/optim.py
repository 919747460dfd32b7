"""Optimizer steps: one pass of vectors over the flat buffers."""

from typing import Any

import numpy as np

from minidl.backends.compiled.codegen.jit import Kernel, njit
from minidl.backends.compiled.codegen.lanewise import (
    add,
    divide,
    multiply,
    multiply_add,
    rectify,
    sign,
    square_root,
    subtract,
)
from minidl.backends.compiled.codegen.load_store import lanes, load, splat, store
from minidl.backends.compiled.runtime.memory import address, contiguous
from minidl.backends.compiled.runtime.program import Job, pieces, run
from minidl.backends.updates import AdagradStep, AdamStep, LionStep, RMSPropStep, SGDStep
from minidl.typing import Array

# Each job's integers are: size, tasks, and the addresses of settings, value, grad, and the vectors of the optimizer's
# state, 0 for one that isn't there. The settings are those of minidl.backends.updates, in their order, and then the
# rests 1 - beta, which single precision couldn't tell from betas near 1.


@njit
def _decayed(memory, slope, weight_decay, w):
    """The slope and what weight decay adds to it: without any, nothing, even of an infinite value."""
    if weight_decay == 0:
        return slope
    return multiply_add(splat(memory, weight_decay), w, slope)


@njit
def _averaged(memory, beta, rest, mean, new):
    """A running mean: beta of what it was, and the rest, 1 - beta, new."""
    return multiply_add(splat(memory, beta), mean, multiply(splat(memory, rest), new))


@Kernel
def _sgd_step(memory, ints, job, task, own):
    size, tasks, settings, value, grad = ints[job], ints[job + 1], ints[job + 2], ints[job + 3], ints[job + 4]
    velocity = ints[job + 5]
    lr, momentum = splat(memory, memory[settings]), splat(memory, memory[settings + 1])
    nesterov, weight_decay = memory[settings + 2], memory[settings + 3]
    last = (task + 1) * size // tasks
    for i in range(task * size // tasks, last, lanes(memory)):
        left = last - i
        w = load(memory, value + i, left)
        slope = _decayed(memory, load(memory, grad + i, left), weight_decay, w)
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
    size, tasks, settings, value, grad = ints[job], ints[job + 1], ints[job + 2], ints[job + 3], ints[job + 4]
    first, second = ints[job + 5], ints[job + 6]
    beta1, beta2, eps = memory[settings], memory[settings + 1], splat(memory, memory[settings + 2])
    step_size, scale = splat(memory, memory[settings + 3]), splat(memory, memory[settings + 4])
    weight_decay, shrink = memory[settings + 5], splat(memory, memory[settings + 6])
    rest1, rest2 = memory[settings + 7], memory[settings + 8]
    last = (task + 1) * size // tasks
    for i in range(task * size // tasks, last, lanes(memory)):
        left = last - i
        w = load(memory, value + i, left)
        slope = _decayed(memory, load(memory, grad + i, left), weight_decay, w)
        m = _averaged(memory, beta1, rest1, load(memory, first + i, left), slope)
        v = _averaged(memory, beta2, rest2, load(memory, second + i, left), multiply(slope, slope))
        store(memory, first + i, m, left)
        store(memory, second + i, v, left)
        step = divide(multiply(step_size, m), multiply_add(square_root(v), scale, eps))
        store(memory, value + i, subtract(multiply(w, shrink), step), left)


@Kernel
def _rmsprop_step(memory, ints, job, task, own):
    size, tasks, settings, value, grad = ints[job], ints[job + 1], ints[job + 2], ints[job + 3], ints[job + 4]
    square, mean, velocity = ints[job + 5], ints[job + 6], ints[job + 7]
    lr, alpha, eps = splat(memory, memory[settings]), memory[settings + 1], splat(memory, memory[settings + 2])
    momentum, weight_decay = splat(memory, memory[settings + 3]), memory[settings + 4]
    rest = memory[settings + 5]
    last = (task + 1) * size // tasks
    for i in range(task * size // tasks, last, lanes(memory)):
        left = last - i
        w = load(memory, value + i, left)
        slope = _decayed(memory, load(memory, grad + i, left), weight_decay, w)
        spread = _averaged(memory, alpha, rest, load(memory, square + i, left), multiply(slope, slope))
        store(memory, square + i, spread, left)
        if mean:
            m = _averaged(memory, alpha, rest, load(memory, mean + i, left), slope)
            store(memory, mean + i, m, left)
            spread = rectify(subtract(spread, multiply(m, m)))
        step = divide(slope, add(square_root(spread), eps))
        if velocity:
            step = multiply_add(momentum, load(memory, velocity + i, left), step)
            store(memory, velocity + i, step, left)
        store(memory, value + i, subtract(w, multiply(lr, step)), left)


@Kernel
def _adagrad_step(memory, ints, job, task, own):
    size, tasks, settings, value, grad = ints[job], ints[job + 1], ints[job + 2], ints[job + 3], ints[job + 4]
    total = ints[job + 5]
    step_size, eps = splat(memory, memory[settings]), splat(memory, memory[settings + 1])
    weight_decay = memory[settings + 2]
    last = (task + 1) * size // tasks
    for i in range(task * size // tasks, last, lanes(memory)):
        left = last - i
        w = load(memory, value + i, left)
        slope = _decayed(memory, load(memory, grad + i, left), weight_decay, w)
        squares = multiply_add(slope, slope, load(memory, total + i, left))
        store(memory, total + i, squares, left)
        step = divide(multiply(step_size, slope), add(square_root(squares), eps))
        store(memory, value + i, subtract(w, step), left)


@Kernel
def _lion_step(memory, ints, job, task, own):
    size, tasks, settings, value, grad = ints[job], ints[job + 1], ints[job + 2], ints[job + 3], ints[job + 4]
    mean = ints[job + 5]
    lr, beta1, beta2 = splat(memory, memory[settings]), memory[settings + 1], memory[settings + 2]
    shrink, rest1, rest2 = splat(memory, memory[settings + 3]), memory[settings + 4], memory[settings + 5]
    last = (task + 1) * size // tasks
    for i in range(task * size // tasks, last, lanes(memory)):
        left = last - i
        slope, m = load(memory, grad + i, left), load(memory, mean + i, left)
        step = multiply(lr, sign(_averaged(memory, beta1, rest1, m, slope)))
        store(memory, value + i, subtract(multiply(load(memory, value + i, left), shrink), step), left)
        store(memory, mean + i, _averaged(memory, beta2, rest2, m, slope), left)


def _update(
    kernel: Kernel, settings: Any, rests: list[float], value: Array, grad: Array, *state: Array | None, cost: int
) -> None:
    """Run a kernel over vectors that it changes in place; `cost` is what an element takes, in multiply-adds."""
    numbers, slopes = np.array([*settings, *rests], value.dtype), contiguous(grad)
    tasks = pieces(value.size)
    job = [value.size, tasks, address(numbers), address(value), address(slopes), *map(address, state)]
    run(value.dtype, Job(kernel, job, tasks, cost * value.size))


def sgd_step(value: Array, grad: Array, velocity: Array | None, settings: SGDStep) -> None:
    """Change the vectors value and velocity (None without momentum) in place."""
    _update(_sgd_step, settings, [], value, grad, velocity, cost=16)


def adam_step(value: Array, grad: Array, first: Array, second: Array, settings: AdamStep) -> None:
    """Change the vectors value and first and second moment in place; the scales undo the moments' start at zero."""
    rests = [1 - settings.beta1, 1 - settings.beta2]
    _update(_adam_step, settings, rests, value, grad, first, second, cost=64)


def rmsprop_step(
    value: Array, grad: Array, square: Array, mean: Array | None, velocity: Array | None, settings: RMSPropStep
) -> None:
    """Change the vectors value, mean square, mean (None if not centered) and velocity (or None) in place."""
    _update(_rmsprop_step, settings, [1 - settings.alpha], value, grad, square, mean, velocity, cost=64)


def adagrad_step(value: Array, grad: Array, total: Array, settings: AdagradStep) -> None:
    """Change the vectors value and total, the sum of the slopes' squares, in place."""
    _update(_adagrad_step, settings, [], value, grad, total, cost=64)


def lion_step(value: Array, grad: Array, mean: Array, settings: LionStep) -> None:
    """Change the vectors value and mean in place: a step of lr by the sign of a mixture of mean and slope."""
    _update(_lion_step, settings, [1 - settings.beta1, 1 - settings.beta2], value, grad, mean, cost=16)
