"""Convolutions as operators of a network."""

from collections.abc import Sequence

from minidl.backends.compiled.activation.elementwise import formula_of, prepare_elementwise_backward
from minidl.backends.compiled.conv import select
from minidl.backends.compiled.conv.epilogue import Epilogue
from minidl.backends.compiled.conv.fold_batch_norm import prepare_fold
from minidl.backends.compiled.conv.output_grad import OutputGrad
from minidl.backends.compiled.conv.transposed import prepare_conv_transpose, prepare_conv_transpose_backward
from minidl.backends.compiled.graph.lowered import Lowered, accumulate, as_kernels_see, value_of
from minidl.backends.compiled.norm.prologue import NOTHING as NO_PROLOGUE
from minidl.backends.compiled.norm.prologue import Prologue
from minidl.backends.compiled.norm.scale_and_shift import prepare_scale_and_shift
from minidl.backends.compiled.runtime.program import Job
from minidl.description.operators import Conv, ConvTranspose, ReLU, is_trained
from minidl.typing import Array

KERNEL_ORDER = (2, 3, 1, 0)
"""Of the axes of weights in memory: (kh, kw, in, out)."""


def lower_conv(
    operator: Conv,
    x: Array,
    other: Array | None = None,
    *,
    into: Array | None = None,
    prologue: Prologue = NO_PROLOGUE,
) -> Lowered:
    """A convolution and its epilogue, whose output goes `into` channels of a block if it can.

    A depthwise one may normalize x as it reads it.
    """
    w, b = operator.weight.value, value_of(operator.bias)
    normalization, _, activation, pool = operator.epilogue
    jobs: list[Job] = []
    if normalization is not None and operator.folds:
        w, b, jobs = prepare_fold(w, b, normalization)
        normalization = None
    scale, shift = None, None
    if normalization is not None:
        scale, shift, more = prepare_scale_and_shift(normalization)
        jobs += more
    plan, relu = select.plan_of(x, w, *operator.geometry), isinstance(activation, ReLU)
    y, argmax, more = select.prepare(x, w, plan, Epilogue(b, scale, shift, other, activation, pool), into, prologue)
    jobs += more

    def backward(dy: Array, needs: Sequence[bool]) -> tuple[list[Array | None], list[Job]]:
        before: list[Job] = []
        is_dense = all(as_kernels_see(array).flags.c_contiguous for array in (dy, y))
        if activation is not None and not (relu and is_dense):
            name, settings, _ = formula_of(activation)
            dy, job = prepare_elementwise_backward(name, dy, y, settings)
            before.append(job)
        grad = OutputGrad(dy, y if relu and is_dense else None, argmax, pool)
        need_dw, need_db = is_trained(operator), operator.bias is not None and operator.bias.grad is not None
        dx, dw, db, jobs = select.prepare_backward(
            grad, x, w, plan, prologue, need_dx=needs[0], need_dw=need_dw, need_db=need_db
        )
        jobs = before + jobs + accumulate(operator.weight, dw, KERNEL_ORDER) + accumulate(operator.bias, db, (0,))
        return [dx], jobs

    return Lowered(y, jobs, backward)


def lower_conv_transpose(operator: ConvTranspose, x: Array, *, into: Array | None = None) -> Lowered:
    """A transposed convolution."""
    w, b = operator.weight.value, value_of(operator.bias)
    y, jobs = prepare_conv_transpose(x, w, b, operator.geometry, operator.size, into)

    def backward(dy: Array, needs: Sequence[bool]) -> tuple[list[Array | None], list[Job]]:
        dx, dw, db, jobs = prepare_conv_transpose_backward(
            dy, x, w, operator.geometry, need_dx=needs[0], need_dw=is_trained(operator)
        )
        return [dx], [*jobs, *accumulate(operator.weight, dw, KERNEL_ORDER), *accumulate(operator.bias, db, (0,))]

    return Lowered(y, jobs, backward)
