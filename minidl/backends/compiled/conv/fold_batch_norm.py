"""Batch normalization by running statistics, as part of the weights of the convolution before it."""

from typing import NamedTuple

import numpy as np

from minidl.backends.compiled.codegen.jit import kernel
from minidl.backends.compiled.codegen.lanewise import add, divide, multiply, multiply_add, square_root, subtract
from minidl.backends.compiled.codegen.load_store import lanes, load, splat, store
from minidl.backends.compiled.runtime.constants import of_weights
from minidl.backends.compiled.runtime.copy import prepare_packed
from minidl.backends.compiled.runtime.memory import empty
from minidl.backends.compiled.runtime.program import Job
from minidl.description.operators import Normalize
from minidl.typing import Array


class _Fold(NamedTuple):
    w: Array  # (taps, out)
    b: Array
    scale: Array  # the normalization's weight and bias
    shift: Array
    mean: Array
    variance: Array
    eps: Array  # one float
    new_w: Array
    new_b: Array
    taps: int
    filters: int


@kernel(_Fold)
def _fold(memory, ints, job, task, scratch):
    """w factor and (b - mean) factor + shift, with factor = scale / sqrt(variance + eps)."""
    taps, filters, eps = job.taps, job.filters, splat(memory, memory[job.eps])
    for c in range(0, filters, lanes(memory)):
        count = filters - c
        deviation = square_root(add(load(memory, job.variance + c, count), eps))
        factor = divide(load(memory, job.scale + c, count), deviation)
        centered = subtract(load(memory, job.b + c, count), load(memory, job.mean + c, count))
        store(memory, job.new_b + c, multiply_add(centered, factor, load(memory, job.shift + c, count)), count)
        for place in range(c, taps * filters, filters):
            store(memory, job.new_w + place, multiply(load(memory, job.w + place, count), factor), count)


@of_weights
def prepare_fold(w: Array, b: Array | None, normalization: Normalize) -> tuple[Array, Array, list[Job]]:
    """(weights, bias, jobs) of a convolution that gives what normalizing the output of this one gives."""
    source, jobs = prepare_packed(w.transpose(2, 3, 1, 0))
    filters = w.shape[0]
    bias = np.zeros(filters, w.dtype) if b is None else b
    new_w, new_b = empty(source.shape, w.dtype), empty(bias.shape, w.dtype)
    scale, shift, mean, variance, eps, _ = normalization
    one, taps = np.full(1, eps, w.dtype), w.size // max(filters, 1)
    record = _Fold(source, bias, scale.value, shift.value, mean, variance, one, new_w, new_b, taps, filters)
    jobs.append(Job(_fold, record, 1))
    return new_w.transpose(3, 2, 0, 1), new_b, jobs
