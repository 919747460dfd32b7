"""Optimizer steps: one pass of vectors over the flat buffers."""

from collections.abc import Callable
from typing import Any

from minidl.backends.compiled.codegen.by_vectors import kernel_by_vectors
from minidl.backends.compiled.codegen.jit import Kernel, inlined, njit
from minidl.backends.compiled.codegen.lanewise import (
    add,
    divide,
    multiply,
    multiply_add,
    rectify,
    select_max,
    sign,
    square_root,
    subtract,
)
from minidl.backends.compiled.codegen.load_store import load, splat, store
from minidl.backends.compiled.codegen.record import record_around
from minidl.backends.compiled.runtime.memory import contiguous
from minidl.backends.compiled.runtime.program import run, shared_job
from minidl.backends.updates import AdagradStep, AdamStep, LionStep, RMSPropStep, SGDStep
from minidl.typing import Array

__all__ = ["adagrad_step", "adam_step", "lion_step", "rmsprop_step", "sgd_step"]


def _step_of(settings: Any, *state: str) -> Callable[[Callable[..., None]], Kernel]:
    """Make a kernel of body(memory, i, count, job), which changes the value and vectors of state, or None, in place.

    `job.settings` are those of minidl.backends.updates, in double precision: single couldn't tell 1 - beta for betas
    near 1.
    """
    vectors = dict.fromkeys(("value", "grad", *state), Array)
    return kernel_by_vectors(record_around(settings, vectors | {"settings": settings, "size": int, "tasks": int}))


@inlined
def _value_and_gradient(memory, i, count, job):
    """A vector of the value, and the gradient with what weight decay adds to it: if 0, nothing even of infinity."""
    w, grad = load(memory, job.value + i, count), load(memory, job.grad + i, count)
    if job.settings.weight_decay != 0:
        grad = multiply_add(splat(memory, job.settings.weight_decay), w, grad)
    return w, grad


@njit
def _averaged(memory, beta, mean, new):
    """A running mean: beta of what it was, and the rest new."""
    return multiply_add(splat(memory, beta), mean, multiply(splat(memory, 1 - beta), new))


@_step_of(SGDStep, "velocity")
def _sgd_step(memory, i, count, job):
    value, velocity, settings = job.value, job.velocity, job.settings
    lr, momentum = splat(memory, settings.lr), splat(memory, settings.momentum)
    w, grad = _value_and_gradient(memory, i, count, job)
    if velocity:
        taken = multiply(splat(memory, settings.share), grad)
        speed = multiply_add(momentum, load(memory, velocity + i, count), taken)
        store(memory, velocity + i, speed, count)
        grad = multiply_add(momentum, speed, grad) if settings.nesterov else speed
    store(memory, value + i, subtract(w, multiply(lr, grad)), count)


@_step_of(AdamStep, "first", "second", "largest")
def _adam_step(memory, i, count, job):
    value, first, second, largest, settings = job.value, job.first, job.second, job.largest, job.settings
    step_size, scale = splat(memory, settings.step_size), splat(memory, settings.second_scale)
    eps, shrink = splat(memory, settings.eps), splat(memory, settings.shrink)
    w, grad = _value_and_gradient(memory, i, count, job)
    m = _averaged(memory, settings.beta1, load(memory, first + i, count), grad)
    v = _averaged(memory, settings.beta2, load(memory, second + i, count), multiply(grad, grad))
    store(memory, first + i, m, count)
    store(memory, second + i, v, count)
    if largest:
        before = load(memory, largest + i, count)
        v = select_max(v, before, v, before)
        store(memory, largest + i, v, count)
    step = divide(multiply(step_size, m), multiply_add(square_root(v), scale, eps))
    store(memory, value + i, subtract(multiply(w, shrink), step), count)


@_step_of(RMSPropStep, "square", "mean", "velocity")
def _rmsprop_step(memory, i, count, job):
    value, square, mean, velocity, settings = job.value, job.square, job.mean, job.velocity, job.settings
    lr, eps, momentum = splat(memory, settings.lr), splat(memory, settings.eps), splat(memory, settings.momentum)
    w, grad = _value_and_gradient(memory, i, count, job)
    spread = _averaged(memory, settings.alpha, load(memory, square + i, count), multiply(grad, grad))
    store(memory, square + i, spread, count)
    if mean:
        m = _averaged(memory, settings.alpha, load(memory, mean + i, count), grad)
        store(memory, mean + i, m, count)
        spread = rectify(subtract(spread, multiply(m, m)))
    step = divide(grad, add(square_root(spread), eps))
    if velocity:
        step = multiply_add(momentum, load(memory, velocity + i, count), step)
        store(memory, velocity + i, step, count)
    store(memory, value + i, subtract(w, multiply(lr, step)), count)


@_step_of(AdagradStep, "total")
def _adagrad_step(memory, i, count, job):
    value, total, settings = job.value, job.total, job.settings
    step_size, eps = splat(memory, settings.step_size), splat(memory, settings.eps)
    w, grad = _value_and_gradient(memory, i, count, job)
    squares = multiply_add(grad, grad, load(memory, total + i, count))
    store(memory, total + i, squares, count)
    step = divide(multiply(step_size, grad), add(square_root(squares), eps))
    store(memory, value + i, subtract(w, step), count)


@_step_of(LionStep, "mean")
def _lion_step(memory, i, count, job):
    value, mean, settings = job.value, job.mean, job.settings
    lr, shrink = splat(memory, settings.lr), splat(memory, settings.shrink)
    grad, m = load(memory, job.grad + i, count), load(memory, mean + i, count)
    step = multiply(lr, sign(_averaged(memory, settings.beta1, m, grad)))
    store(memory, value + i, subtract(multiply(load(memory, value + i, count), shrink), step), count)
    store(memory, mean + i, _averaged(memory, settings.beta2, m, grad), count)


def _update(kernel: Kernel, settings: Any, value: Array, grad: Array, *state: Array | None, cost: int) -> None:
    """Run a kernel over vectors that it changes in place; `cost` is what an element takes, in multiply-adds."""
    run(value.dtype, shared_job(kernel, value, contiguous(grad), *state, settings, size=value.size, work=cost))


def sgd_step(value: Array, grad: Array, velocity: Array | None, settings: SGDStep) -> None:
    """Change the vectors value and velocity (None without momentum) in place."""
    _update(_sgd_step, settings, value, grad, velocity, cost=16)


def adam_step(
    value: Array, grad: Array, first: Array, second: Array, largest: Array | None, settings: AdamStep
) -> None:
    """Change the vectors value, first and second moment and the largest second one (or None) in place.

    The scales undo the moments' start at zero.
    """
    _update(_adam_step, settings, value, grad, first, second, largest, cost=64)


def rmsprop_step(
    value: Array, grad: Array, square: Array, mean: Array | None, velocity: Array | None, settings: RMSPropStep
) -> None:
    """Change the vectors value, mean square, mean (None if not centered) and velocity (or None) in place."""
    _update(_rmsprop_step, settings, value, grad, square, mean, velocity, cost=64)


def adagrad_step(value: Array, grad: Array, total: Array, settings: AdagradStep) -> None:
    """Change the vectors value and total, the sum of the gradients' squares, in place."""
    _update(_adagrad_step, settings, value, grad, total, cost=64)


def lion_step(value: Array, grad: Array, mean: Array, settings: LionStep) -> None:
    """Change the vectors value and mean in place: a step of lr by the sign of a mixture of mean and gradient."""
    _update(_lion_step, settings, value, grad, mean, cost=16)
