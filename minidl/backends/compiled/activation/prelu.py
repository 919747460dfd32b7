"""PReLU: a leaky ReLU whose slope is a weight of each channel."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from minidl.backends.compiled.codegen.jit import Kernel
from minidl.backends.compiled.codegen.lanewise import add, multiply
from minidl.backends.compiled.codegen.vector import in_kernels
from minidl.backends.compiled.graph.lowered import Lowered, accumulate, dense, new
from minidl.backends.compiled.merge import prepare_summed
from minidl.backends.compiled.runtime.constants import of_weights
from minidl.backends.compiled.runtime.memory import contiguous, empty
from minidl.backends.compiled.runtime.operands import Operands, kernel_by_operands, operands_of
from minidl.backends.compiled.runtime.program import Job
from minidl.backends.compiled.runtime.replay import Replay
from minidl.description.operators import PReLU
from minidl.typing import Array

__all__ = ["prelu", "prelu_backward"]

SHORT = 512
"""Fewer channels than these are repeated for a row of pixels, so that loops over numbers side by side are longer."""


class _Job(NamedTuple):
    operands: Operands


@in_kernels
def _leaky(x, w):
    return (w * x).where(x <= 0, x)


@in_kernels
def _slope(x, w):
    return w.where(x <= 0, 1)


@in_kernels
def _below(x, value):
    return value.where(x <= 0, 0)


@kernel_by_operands(_Job)
def _forward(memory, x, w, job):
    return _leaky(x, w)


@kernel_by_operands(_Job)
def _slopes(memory, x, w, job):
    return _slope(x, w)


@kernel_by_operands(_Job)
def _product(memory, a, b, job):
    return multiply(a, b)


@kernel_by_operands(_Job)
def _weight_parts(memory, dy, x, job):
    return _below(x, multiply(dy, x))


@kernel_by_operands(_Job)
def _repeat(memory, w, zero, job):
    return add(w, zero)


def _prepare(kernel: Kernel, a: Array, b: Array, into: Array | None = None) -> tuple[Array, Job]:
    y = new(a.shape, a.dtype) if into is None else into
    operands = operands_of(a, b, y)
    return y, Job(kernel, _Job(operands), operands.tasks, 8 * y.size)


@of_weights
def _prepare_rows(w: Array, width: int) -> tuple[Array, list[Job]]:
    """(the weights of a row of pixels, (1, c, 1, width), jobs)."""
    rows = empty((1, 1, width, w.size), w.dtype).transpose(0, 3, 1, 2)
    nothing = np.full((1, 1, 1, 1), -0.0, w.dtype)  # which changes no bit
    return rows, [_prepare(_repeat, w.reshape(1, -1, 1, 1), nothing, rows)[1]]


def _along_channels(w: Array, x: Array) -> tuple[Array, list[Job]]:
    """(the weights, as they go with x, jobs)."""
    if x.ndim == 4 and 1 < w.size < SHORT and x.shape[3] > 1:
        return _prepare_rows(w, x.shape[3])
    return w.reshape(1, w.size, *[1] * (x.ndim - 2)) if x.ndim > 1 else w, []


def prepare_prelu(x: Array, w: Array, into: Array | None = None) -> tuple[Array, list[Job]]:
    """(y, jobs), written `into` channels of a block if they're given."""
    weights, jobs = _along_channels(w, x)
    y, job = _prepare(_forward, x, weights, into)
    return y, [*jobs, job]


def prepare_prelu_backward(
    dy: Array, x: Array, w: Array, *, need_dx: bool, need_dw: bool
) -> tuple[Array | None, Array | None, list[Job]]:
    """(dx, dw, jobs)."""
    dx, dw, jobs = None, None, []
    if need_dx:
        weights, before = _along_channels(w, x)
        slopes, first = _prepare(_slopes, x, weights)
        dx, second = _prepare(_product, slopes, dy)
        jobs += [*before, first, second]
    if need_dw:
        parts, job = _prepare(_weight_parts, dy, x)
        jobs.append(job)
        dw = prepare_summed(parts, (1, w.size, *[1] * (x.ndim - 2))[: x.ndim], jobs).reshape(w.shape)
    return dx, dw, jobs


def _few_axes(array: Array) -> Array:
    """At most four axes, the channels still the second, as kernels see them."""
    return dense(array if array.ndim <= 4 else array.reshape(*array.shape[:2], math.prod(array.shape[2:])))


@Replay
def _prelu(x: Array, w: Array) -> tuple[Array, list[Job]]:
    return prepare_prelu(x, w)


@Replay
def _prelu_backward(dy: Array, x: Array, w: Array) -> tuple[tuple[Array, Array], list[Job]]:
    dx, dw, jobs = prepare_prelu_backward(dy, x, w, need_dx=True, need_dw=True)
    assert dx is not None
    assert dw is not None
    return (dx, dw), jobs


def prelu(x: Array, w: Array) -> Array:
    """X where it's above zero, else the channel's weight times x; w is (c,), or (1,) for all channels."""
    return _prelu(_few_axes(x), contiguous(w)).reshape(x.shape)


def prelu_backward(dy: Array, x: Array, w: Array) -> tuple[Array, Array]:
    """(dx, dw)."""
    dx, dw = _prelu_backward(_few_axes(dy), _few_axes(x), contiguous(w))
    return dx.reshape(x.shape), dw


def lower_prelu(operator: PReLU, x: Array, *, into: Array | None = None) -> Lowered:
    """PReLU, as an operator of a network."""
    w = operator.weight.value
    y, jobs = prepare_prelu(x, w, into)

    def backward(dy: Array, needs: Sequence[bool]) -> tuple[list[Array | None], list[Job]]:
        is_trained = operator.weight.grad is not None
        dx, dw, jobs = prepare_prelu_backward(dy, x, w, need_dx=needs[0], need_dw=is_trained)
        return [dx], jobs + accumulate(operator.weight, None if dw is None else dw[None], (0,))

    return Lowered(y, jobs, backward)
