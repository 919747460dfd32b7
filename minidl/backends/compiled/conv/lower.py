"""Convolutions as operators of a network."""

from collections.abc import Sequence

from minidl.backends.compiled.activation.lower import prepare_activation
from minidl.backends.compiled.conv import select
from minidl.backends.compiled.conv.fold_batch_norm import prepare_fold
from minidl.backends.compiled.conv.transposed import prepare_conv_transpose, prepare_conv_transpose_backward
from minidl.backends.compiled.graph.lowered import Lowered, accumulate, value_of
from minidl.backends.compiled.merge import prepare_add
from minidl.backends.compiled.norm.lower import prepare_normalize
from minidl.backends.compiled.norm.scale_and_shift import prepare_scale_and_shift
from minidl.backends.compiled.pool.max import prepare_max_pool
from minidl.backends.compiled.runtime.program import Job
from minidl.description.operators import Conv, ConvTranspose, ReLU, is_trained
from minidl.typing import Array

KERNEL_ORDER = (2, 3, 1, 0)
"""Of the axes of weights in memory: (kh, kw, in, out)."""


def lower_conv(operator: Conv, x: Array, other: Array | None = None) -> Lowered:
    """A convolution and its epilogue."""
    w, b = operator.weight.value, value_of(operator.bias)
    normalization, adds, activation, pool = operator.epilogue
    jobs: list[Job] = []
    if normalization is not None and operator.folds:
        w, b, jobs = prepare_fold(w, b, normalization)
        normalization = None
    plan = select.plan_of(x, w, *operator.geometry)
    scale, shift = None, None
    if normalization is not None and plan.depthwise and not adds:
        scale, shift, job = prepare_scale_and_shift(normalization)
        jobs.append(job)
        normalization = None
    relu = isinstance(activation, ReLU)
    if normalization is None and not adds and (activation is None or relu):
        y, argmax, more = select.prepare(x, w, b, plan, relu=relu, pool=pool, scale=scale, shift=shift)
    else:
        relu, argmax = False, None
        y, _, more = select.prepare(x, w, b, plan, relu=False, pool=None)
        if normalization is not None:
            fused = isinstance(activation, ReLU) and not adds
            y, after = prepare_normalize(y, normalization, relu=fused)
            more += after
            activation = None if fused else activation
        if other is not None:
            y, job = prepare_add(y, other, relu=isinstance(activation, ReLU))
            more.append(job)
            activation = None if isinstance(activation, ReLU) else activation
        if activation is not None:
            y, job = prepare_activation(activation, y)
            more.append(job)
        if pool is not None:
            y, _, job = prepare_max_pool(y, pool)
            more.append(job)

    def backward(dy: Array, needs: Sequence[bool]) -> tuple[list[Array | None], list[Job]]:
        dx, dw, db, jobs = select.prepare_backward(
            dy,
            x,
            w,
            plan,
            need_dx=needs[0],
            need_dw=is_trained(operator),
            y=y if relu else None,
            argmax=argmax,
            pool=pool,
        )
        return [dx], [*jobs, *accumulate(operator.weight, dw, KERNEL_ORDER), *accumulate(operator.bias, db, (0,))]

    return Lowered(y, jobs + more, backward)


def lower_conv_transpose(operator: ConvTranspose, x: Array) -> Lowered:
    """A transposed convolution."""
    w, b = operator.weight.value, value_of(operator.bias)
    y, jobs = prepare_conv_transpose(x, w, b, operator.geometry, operator.size)

    def backward(dy: Array, needs: Sequence[bool]) -> tuple[list[Array | None], list[Job]]:
        dx, dw, db, jobs = prepare_conv_transpose_backward(
            dy, x, w, operator.geometry, need_dx=needs[0], need_dw=is_trained(operator)
        )
        return [dx], [*jobs, *accumulate(operator.weight, dw, KERNEL_ORDER), *accumulate(operator.bias, db, (0,))]

    return Lowered(y, jobs, backward)
