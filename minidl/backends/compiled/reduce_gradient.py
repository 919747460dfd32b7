"""Gradients of what was combined along axes, and reductions and repetitions as operators of networks."""

import math
from typing import NamedTuple

import numpy as np

from minidl.backends.compiled.codegen.by_vectors import kernel_by_vectors
from minidl.backends.compiled.codegen.jit import kernel
from minidl.backends.compiled.codegen.lanewise import divide, relu_grad
from minidl.backends.compiled.codegen.load_store import clear, load, splat, store
from minidl.backends.compiled.graph.lowered import Lowered, as_kernels_see, new, through
from minidl.backends.compiled.merge import prepare_multiply
from minidl.backends.compiled.rearrange import prepare_zeros
from minidl.backends.compiled.reduce import as_rows, dense, prepare_argmax, prepare_reduce
from minidl.backends.compiled.runtime.copy import prepare_copy
from minidl.backends.compiled.runtime.memory import empty
from minidl.backends.compiled.runtime.operands import Operands, kernel_by_operands, operands_of
from minidl.backends.compiled.runtime.program import Job, pieces, shared_job
from minidl.backends.compiled.runtime.replay import Replay
from minidl.description.operators import ArgMax, Expand, Reduce
from minidl.typing import Array

__all__ = ["reduce_backward"]


class _Winners(NamedTuple):
    x: Array  # (outer, length, inner)
    dy: Array  # (outer, inner)
    dx: Array
    outer: int
    length: int
    inner: int
    tasks: int


@kernel(_Winners)
def _to_winners(memory, ints, job, task, scratch):
    """dx: the gradient to the first largest value, zero to all others."""
    length, inner = job.length, job.inner
    for outer in range(task * job.outer // job.tasks, (task + 1) * job.outer // job.tasks):
        first, dx = job.x + outer * length * inner, job.dx + outer * length * inner
        clear(memory, dx, length * inner)
        for c in range(inner):
            best, where = memory[first + c], 0
            for k in range(1, length):
                value = memory[first + k * inner + c]
                if value > best or (value != value and best == best):
                    best, where = value, k
            memory[dx + where * inner + c] = memory[job.dy + outer * inner + c]


class _Divide(NamedTuple):
    x: Array
    y: Array
    by: int
    size: int
    tasks: int


@kernel_by_vectors(_Divide)
def _divide(memory, i, count, job):
    store(memory, job.y + i, divide(load(memory, job.x + i, count), splat(memory, job.by)), count)


class _Quotient(NamedTuple):
    operands: Operands


@kernel_by_operands(_Quotient)
def _by_length(memory, dy, y, job):
    """The quotient, 0 where y, which isn't below, is 0."""
    return relu_grad(y, divide(dy, y))


def _prepare_backward(
    name: str, dy: Array, x: Array | None, y: Array | None, shape: tuple[int, ...]
) -> tuple[Array, list[Job]]:
    """(dx, jobs) for arrays that are dense, images with their channels last."""
    axes = tuple(axis for axis, size in enumerate(shape) if dy.shape[axis] != size)
    jobs: list[Job] = []
    if name == "max":
        assert x is not None
        return _prepare_to_winners(dy, x, axes)
    if name == "l2":
        assert x is not None
        assert y is not None
        share = new(dy.shape, dy.dtype)
        operands = operands_of(dy, y, share)
        dx, job = prepare_multiply(share, x)
        return dx, [Job(_by_length, _Quotient(operands), operands.tasks, 16 * dy.size), job]
    if name == "mean":
        share = new(dy.shape, dy.dtype)
        count = math.prod(shape[axis] for axis in axes)
        jobs.append(shared_job(_divide, dy, share, count, size=dy.size, work=16))
        dy = share
    dx, more = _prepare_repeated(dy, shape)
    return dx, jobs + more


def _prepare_repeated(x: Array, shape: tuple[int, ...]) -> tuple[Array, list[Job]]:
    """X repeated along its axes of length 1."""
    y = new(shape, x.dtype)
    return y, [prepare_copy(as_kernels_see(np.broadcast_to(x, shape)), as_kernels_see(y))]


def _prepare_to_winners(dy: Array, x: Array, axes: tuple[int, ...]) -> tuple[Array, list[Job]]:
    jobs: list[Job] = []
    rows = as_rows(x, axes, jobs, in_order=True)
    dx = new(x.shape, x.dtype)
    flat = dx if rows.order is None else empty(rows.x.shape, x.dtype)
    tasks = max(min(rows.outer, pieces(x.size)), 1)
    record = _Winners(rows.x, dy, flat, rows.outer, rows.length, rows.inner, tasks)
    jobs.append(Job(_to_winners, record, tasks, 32 * x.size))
    if rows.order is not None:
        jobs.append(prepare_copy(flat.transpose(np.argsort(rows.order)), as_kernels_see(dx)))
    return dx, jobs


@Replay
def reduce_backward(
    name: str, dy: Array, x: Array | None, y: Array | None, *, shape: tuple[int, ...]
) -> tuple[Array, list[Job]]:
    """Along the axes that are 1 long in dy alone."""
    return _prepare_backward(name, dense(dy), None if x is None else dense(x), None if y is None else dense(y), shape)


def lower_reduce(operator: Reduce, x: Array) -> Lowered:
    """Values along axes combined."""
    name, axes = operator
    y, jobs = prepare_reduce(name, x, axes)
    needs_both = name in ("max", "l2")
    kept = (x, y) if needs_both else (None, None)
    return Lowered(y, jobs, through(lambda dy: _prepare_backward(name, dy, kept[0], kept[1], x.shape)))


def lower_argmax(operator: ArgMax, x: Array) -> Lowered:
    """The place of the largest value along an axis, which has no gradient."""
    y, jobs = prepare_argmax(x, operator.axis)
    shape = x.shape

    def backward(dy: Array) -> tuple[Array, list[Job]]:
        dx = new(shape, dy.dtype)
        return dx, [prepare_zeros(dx)]

    return Lowered(y, jobs, through(backward))


def lower_expand(operator: Expand, x: Array) -> Lowered:
    """Samples repeated along axes."""
    axes = tuple(axis for axis, size in enumerate(operator.shape, 1) if x.shape[axis] != size)
    if not axes:
        return Lowered(x, [], through(lambda dy: (dy, [])))
    y, jobs = _prepare_repeated(x, (len(x), *operator.shape))
    return Lowered(y, jobs, through(lambda dy: prepare_reduce("sum", dy, axes)))
