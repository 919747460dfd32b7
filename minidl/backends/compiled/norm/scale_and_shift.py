"""What a batch normalization by running statistics multiplies each channel by, and adds to it; the first's gradient."""

from typing import NamedTuple

import numpy as np

from minidl.backends.compiled.codegen.jit import inlined, kernel
from minidl.backends.compiled.codegen.lanewise import add, divide, multiply, square_root, subtract
from minidl.backends.compiled.codegen.load_store import lanes, load, splat, store
from minidl.backends.compiled.runtime.constants import of_weights
from minidl.backends.compiled.runtime.memory import empty
from minidl.backends.compiled.runtime.program import Job
from minidl.description.operators import Normalize
from minidl.typing import Array


class _ScaleAndShift(NamedTuple):
    weight: Array
    bias: Array
    mean: Array
    variance: Array
    scale: Array
    shift: Array
    eps: Array  # a single number
    channels: int


@inlined
def _deviation(memory, job, c, count):
    """sqrt(variance + eps) of `count` channels from c on."""
    return square_root(add(load(memory, job.variance + c, count), splat(memory, memory[job.eps])))


@kernel(_ScaleAndShift)
def _scale_and_shift(memory, ints, job, task, scratch):
    """weight / sqrt(variance + eps), and bias - mean scale, each operation rounded by itself as NumPy does."""
    for c in range(0, job.channels, lanes(memory)):
        count = job.channels - c
        scale = divide(load(memory, job.weight + c, count), _deviation(memory, job, c, count))
        moved = multiply(load(memory, job.mean + c, count), scale)
        store(memory, job.scale + c, scale, count)
        store(memory, job.shift + c, subtract(load(memory, job.bias + c, count), moved), count)


class _Gradient(NamedTuple):
    sums: Array  # (2, c): of dy, and of dy x
    mean: Array
    variance: Array
    dweight: Array
    eps: Array
    channels: int


@kernel(_Gradient)
def _gradient(memory, ints, job, task, scratch):
    """(sum of dy x - sum of dy mean) / sqrt(variance + eps), each operation rounded by itself as NumPy does."""
    for c in range(0, job.channels, lanes(memory)):
        count = job.channels - c
        moved = multiply(load(memory, job.sums + c, count), load(memory, job.mean + c, count))
        product = subtract(load(memory, job.sums + job.channels + c, count), moved)
        store(memory, job.dweight + c, divide(product, _deviation(memory, job, c, count)), count)


def prepare_weight_gradient(operator: Normalize, sums: Array) -> tuple[Array, Job]:
    """(dweight (1, c), job), by the sums of dy and of dy x, (2, c)."""
    dweight = empty((1, sums.shape[1]), sums.dtype)
    one = np.full(1, operator.eps, sums.dtype)
    record = _Gradient(sums, operator.mean, operator.variance, dweight, one, sums.shape[1])
    return dweight, Job(_gradient, record, 1)


@of_weights
def prepare_scale_and_shift(operator: Normalize) -> tuple[Array, Array, list[Job]]:
    """(scale, shift, jobs), both (c,)."""
    (weight, _), (bias, _), mean, variance, eps, _ = operator
    scale, shift = empty(weight.shape, weight.dtype), empty(weight.shape, weight.dtype)
    record = _ScaleAndShift(weight, bias, mean, variance, scale, shift, np.full(1, eps, weight.dtype), weight.size)
    return scale, shift, [Job(_scale_and_shift, record, 1)]
