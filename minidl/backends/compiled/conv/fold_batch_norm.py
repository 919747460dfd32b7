"""Batch normalization by running statistics, as part of the weights of the convolution before it."""

import numpy as np

from minidl.backends.compiled.codegen.jit import Kernel
from minidl.backends.compiled.codegen.lanewise import add, divide, multiply, multiply_add, square_root, subtract
from minidl.backends.compiled.codegen.load_store import lanes, load, splat, store
from minidl.backends.compiled.runtime.copy import prepare_packed
from minidl.backends.compiled.runtime.memory import empty
from minidl.backends.compiled.runtime.program import Job
from minidl.backends.operators import Normalization
from minidl.typing import Array


@Kernel
def _fold(memory, ints, job, task, own):
    """w scale for rows of w (taps, out), and (b - mean) scale + shift, with scale = weight / sqrt(variance + eps)."""
    w, b, weight, bias = ints[job], ints[job + 1], ints[job + 2], ints[job + 3]
    mean, variance, eps = ints[job + 4], ints[job + 5], ints[job + 6]
    new_w, new_b, taps, filters = ints[job + 7], ints[job + 8], ints[job + 9], ints[job + 10]
    least = splat(memory, memory[eps])
    for c in range(0, filters, lanes(memory)):
        count = filters - c
        deviation = square_root(add(load(memory, variance + c, count), least))
        scale = divide(load(memory, weight + c, count), deviation)
        offset = subtract(load(memory, b + c, count), load(memory, mean + c, count))
        store(memory, new_b + c, multiply_add(offset, scale, load(memory, bias + c, count)), count)
        for k in range(taps):
            place = k * filters + c
            store(memory, new_w + place, multiply(load(memory, w + place, count), scale), count)


def prepare_fold(w: Array, b: Array | None, normalization: Normalization) -> tuple[Array, Array, list[Job]]:
    """(weights, bias, jobs) of a convolution that gives what normalizing the output of this one gives."""
    source, jobs = prepare_packed(w.transpose(2, 3, 1, 0))
    bias = np.zeros(w.shape[0], w.dtype) if b is None else b
    new_w, new_b = empty(source.shape, w.dtype), empty(bias.shape, w.dtype)
    weight, shift, mean, variance, eps = normalization
    filters = w.shape[0]
    job = [source, bias, weight, shift, mean, variance, np.full(1, eps, w.dtype), new_w, new_b]
    jobs.append(Job(_fold, [*job, w.size // max(filters, 1), filters], 1))
    return new_w.transpose(3, 2, 0, 1), new_b, jobs
