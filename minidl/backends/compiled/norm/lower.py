"""Normalizations as operators of a network."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from minidl.backends.compiled.graph.lowered import CannotPrepareError, Lowered, accumulate
from minidl.backends.compiled.norm.batch import (
    prepare_batch_norm,
    prepare_batch_norm_backward,
    prepare_branch_backward,
    prepare_scale_shift,
    prepare_scale_shift_sums,
    prepare_scaled,
)
from minidl.backends.compiled.norm.group import group_norm, group_norm_backward
from minidl.backends.compiled.norm.prologue import Prologue
from minidl.backends.compiled.norm.scale_and_shift import prepare_scale_and_shift, prepare_weight_gradient
from minidl.backends.compiled.runtime.program import Job
from minidl.description.operators import BatchNorm, GroupNorm, Normalize, Param, ReLU, is_trained
from minidl.typing import Array


def lower_batch_norm(
    operator: BatchNorm, x: Array, other: Array | None = None, *, into: Array | None = None, deferred: bool = False
) -> Lowered:
    """A batch normalization in training, and its epilogue; a `deferred` one is left to its reader."""
    weight, bias, mean, variance, momentum, eps, (_, _, activation, pool) = operator
    relu, running = isinstance(activation, ReLU), (mean, variance, momentum)
    saved, jobs = prepare_batch_norm(
        x,
        weight.value,
        bias.value,
        eps=eps,
        relu=relu,
        pool=pool,
        other=other,
        running=running,
        into=into,
        deferred=deferred,
    )

    def backward_of_sum(dys: Sequence[Array], needs: Sequence[bool]) -> tuple[list[Array | None], list[Job]]:
        if other is not None and relu:  # both branches get what is left of dy
            gradients, dy, jobs = prepare_branch_backward(dys, x, saved, eps=eps)
        else:
            (dy,) = dys
            gradients, jobs = prepare_batch_norm_backward(dy, x, saved, eps=eps, relu=relu, pool=pool)
        for param, part in ((weight, gradients.dgamma), (bias, gradients.dbeta)):
            jobs += accumulate(param, part[None], (0,))
        dxs: list[Array | None] = [gradients.dx, dy]
        return dxs[: len(needs)], jobs

    def backward(dy: Array, needs: Sequence[bool]) -> tuple[list[Array | None], list[Job]]:
        return backward_of_sum([dy], needs)

    prologue = Prologue(saved.mean, saved.scale, saved.shift, relu) if deferred else None
    of_sum = backward_of_sum if other is not None and relu else None
    return Lowered(saved.y, jobs, backward, prologue=prologue, backward_of_sum=of_sum)


def lower_normalize(operator: Normalize, x: Array, *, into: Array | None = None) -> Lowered:
    """A batch normalization by running statistics."""
    scale, shift, before = prepare_scale_and_shift(operator)
    y, job = prepare_scale_shift(x, scale, shift, relu=operator.relu, into=into)

    def backward(dy: Array, needs: Sequence[bool]) -> tuple[list[Array | None], list[Job]]:
        dx, jobs = None, []
        if needs[0]:
            scale, _, before = prepare_scale_and_shift(operator)
            dx, job = prepare_scaled(dy, scale)
            jobs += [*before, job]
        if is_trained(operator):
            sums, more = prepare_scale_shift_sums(dy, x)
            dweight, job = prepare_weight_gradient(operator, sums)
            jobs += [
                *more,
                job,
                *accumulate(operator.weight, dweight, (0,)),
                *accumulate(operator.bias, sums[:1], (0,)),
            ]
        return [dx], jobs

    return Lowered(y, [*before, job], backward)


def lower_group_norm(operator: GroupNorm, x: Array) -> Lowered:
    """Group or layer normalization."""
    rows = (x.shape[1], math.prod(x.shape[2:]))
    samples = x.reshape(len(x), *rows)
    weight, bias = (_in_rows(param, rows) if operator.by_value else param for param in operator[:2])
    how: dict[str, Any] = {"groups": operator.groups, "eps": operator.eps}
    (y, mean, variance), jobs = group_norm.prepare(samples, weight.value, bias.value, **how)

    def backward(dy: Array, needs: Sequence[bool]) -> tuple[list[Array | None], list[Job]]:
        grads = dy.reshape(samples.shape)
        given = grads, samples, weight.value, mean, variance
        (dx, dgamma, dbeta), jobs = group_norm_backward.prepare(*given, **how)
        for param, part in ((weight, dgamma), (bias, dbeta)):
            order = (1, 0) if part.ndim == 2 else (0,)
            jobs += accumulate(param, part.transpose(order)[None], order)
        return [dx.reshape(x.shape) if needs[0] else None], jobs

    return Lowered(y.reshape(x.shape), jobs, backward)


def _in_rows(param: Param, rows: tuple[int, int]) -> Param:
    """A parameter of a sample's shape as (channels, pixels), in the same memory."""
    value, grad = param.value.reshape(rows), None if param.grad is None else param.grad.reshape(rows)
    if not np.shares_memory(value, param.value):
        raise CannotPrepareError("expected parameters whose channels lie last in memory")
    return Param(value, grad)
