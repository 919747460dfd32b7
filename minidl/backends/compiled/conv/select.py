"""Which strategy a convolution is computed by, from its geometry and dtype: planar, Winograd, depthwise or im2col."""

import functools
from typing import Any

import numpy as np

from minidl.backends.compiled.conv.depthwise import backward as depthwise_backward
from minidl.backends.compiled.conv.depthwise import forward as depthwise
from minidl.backends.compiled.conv.epilogue import NOTHING, Epilogue, prepare_epilogue
from minidl.backends.compiled.conv.im2col import backward as im2col_backward
from minidl.backends.compiled.conv.im2col import forward as im2col
from minidl.backends.compiled.conv.im2col.backward import Gradients
from minidl.backends.compiled.conv.output_grad import OutputGrad
from minidl.backends.compiled.conv.plan import Plan, plan_for
from minidl.backends.compiled.conv.planar import backward as planar_backward
from minidl.backends.compiled.conv.planar import forward as planar
from minidl.backends.compiled.conv.winograd import backward as winograd_backward
from minidl.backends.compiled.conv.winograd import forward as winograd
from minidl.backends.compiled.norm.prologue import NOTHING as NO_PROLOGUE
from minidl.backends.compiled.norm.prologue import Prologue
from minidl.backends.compiled.runtime.copy import prepare_sum
from minidl.backends.compiled.runtime.memory import empty
from minidl.backends.compiled.runtime.program import Job
from minidl.backends.compiled.runtime.replay import Replay
from minidl.description.operators import ConvGeometry
from minidl.process.exact import is_exact
from minidl.typing import AffineGradients, Array, Border, Pair

__all__ = ["conv2d", "conv2d_backward"]


def plan_of(x: Array, w: Array, stride: Pair, padding: Border, dilation: Pair, groups: int) -> Plan:
    """The plan for these images and weights."""
    geometry = ConvGeometry(stride, padding, dilation, groups)
    return plan_for((x.shape[2], x.shape[3]), x.shape[1], w.shape[0], w.shape[2:], geometry)


def _takes_winograd(x: Array) -> bool:
    return x.dtype == np.float32 and len(x) > 0 and not is_exact()


def prepare(
    x: Array,
    w: Array,
    plan: Plan,
    epilogue: Epilogue,
    into: Array | None = None,
    prologue: Prologue = NO_PROLOGUE,
) -> tuple[Array, Array | None, list[Job]]:
    """(y, argmax, jobs), by the fastest way that there is for this geometry; argmax is None without pooling.

    y is written `into` channels of a block, if they're given and the strategy can. Only a depthwise convolution takes
    a prologue.
    """
    strategy: Any  # (x, w, plan, epilogue) -> (y, argmax, jobs)
    can_write = False
    if plan.planar:
        strategy, takes = planar.forward, planar.takes(plan, epilogue)
    elif plan.winograd_forward and _takes_winograd(x):
        strategy, takes = winograd.forward, winograd.TAKES[: None if epilogue.other is None else -1]
        can_write = True
    elif plan.depthwise:
        strategy, takes = functools.partial(depthwise.prepare, prologue=prologue), depthwise.TAKES
        can_write = True
    else:
        strategy, takes = im2col.prepare, im2col.TAKES
        can_write = True
    fused, rest = epilogue.parted(*takes)
    if into is not None and can_write and rest is NOTHING and epilogue.other is None and epilogue.pool is None:
        y, argmax, jobs = strategy(x, w, plan, fused, into)
        return y, argmax, jobs
    y, argmax, jobs = strategy(x, w, plan, fused)
    if rest is NOTHING:
        return y, argmax, jobs
    y, argmax, more = prepare_epilogue(y, rest)
    return y, argmax, jobs + more


@Replay
def conv2d(x: Array, w: Array, b: Array | None, *, geometry: ConvGeometry) -> tuple[Array, list[Job]]:
    """The patches, which are never copied out, times the filters."""
    plan = plan_of(x, w, *geometry)
    y, _, jobs = prepare(x, w, plan, Epilogue(b))
    return y, jobs


def prepare_backward(
    grad: OutputGrad,
    x: Array,
    w: Array,
    plan: Plan,
    prologue: Prologue = NO_PROLOGUE,
    *,
    need_dx: bool,
    need_dw: bool,
    need_db: bool = True,
) -> Gradients:
    """im2col's, or a faster way where there is one for this geometry; without `need_db`, db where it costs nothing."""
    if not need_dx and not need_dw:
        return None, None, None, []
    if plan.planar_backward and not need_dx:
        return None, *planar_backward.backward(grad, x, plan)
    if plan.winograd and _takes_winograd(x):
        return winograd_backward.backward(grad, x, w, plan, need_dx, need_dw, need_db)
    if not plan.depthwise:
        return im2col_backward.prepare(grad, x, w, plan, need_dx, need_dw)
    dy, before = grad.prepare_alone(plan)
    dx, dw, db, jobs = depthwise_backward.prepare(dy, x, w, plan, need_dx, need_dw, prologue)
    return dx, dw, db, before + jobs


Summed = tuple[AffineGradients, list[Job]]


def summed_gradients(gradients: Gradients, w: Array) -> Summed:
    """((dx, dw, db), jobs), from the parts of dw and db."""
    dx, dw_parts, db_parts, jobs = gradients
    if dw_parts is None or db_parts is None:
        return (dx, None, None), jobs
    filters, group_channels, kh, kw = w.shape
    dw, db = empty((kh, kw, group_channels, filters), w.dtype), empty(db_parts.shape[-1:], w.dtype)
    sums = [prepare_sum(dw_parts, dw, onto=False), prepare_sum(db_parts, db, onto=False)]
    return (dx, dw.transpose(3, 2, 0, 1), db), jobs + sums


@Replay
def conv2d_backward(
    dy: Array, x: Array, w: Array, *, geometry: ConvGeometry, need_dx: bool = True, need_dw: bool = True
) -> Summed:
    """(dx, dw, db) of `conv2d`."""
    plan = plan_of(x, w, *geometry)
    return summed_gradients(prepare_backward(OutputGrad(dy), x, w, plan, need_dx=need_dx, need_dw=need_dw), w)
