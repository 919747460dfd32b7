"""Transposed convolution: what convolutions and their gradients compute, in other roles."""

from typing import NamedTuple

import numpy as np

from minidl.backends.compiled.codegen.jit import kernel
from minidl.backends.compiled.codegen.lanewise import add
from minidl.backends.compiled.codegen.load_store import lanes, load, splat, store
from minidl.backends.compiled.conv import side_by_side
from minidl.backends.compiled.conv.epilogue import NOTHING
from minidl.backends.compiled.conv.im2col.backward import Gradients
from minidl.backends.compiled.conv.output_grad import OutputGrad
from minidl.backends.compiled.conv.select import plan_of, prepare, prepare_backward, summed_gradients
from minidl.backends.compiled.norm.batch import prepare_scale_shift
from minidl.backends.compiled.runtime.memory import as_nhwc, empty
from minidl.backends.compiled.runtime.parts import part_start, parts_of
from minidl.backends.compiled.runtime.program import Job
from minidl.backends.compiled.runtime.replay import Replay
from minidl.description.operators import ConvGeometry
from minidl.typing import AffineGradients, Array, Pair

__all__ = ["conv_transpose2d", "conv_transpose2d_backward"]


class _SumPixels(NamedTuple):
    x: Array
    parts: Array  # (parts, c)
    images: int
    pixels: int
    channels: int
    tasks: int


@kernel(_SumPixels)
def _sum_pixels(memory, ints, job, task, scratch):
    """The sum of the pixels of part `task` of the images, one after the other."""
    first, last = part_start(job.images, job.tasks, task), part_start(job.images, job.tasks, task + 1)
    for c in range(0, job.channels, lanes(memory)):
        count = job.channels - c
        total = splat(memory, 0.0)
        for place in range(first * job.pixels * job.channels, last * job.pixels * job.channels, job.channels):
            total = add(total, load(memory, job.x + place + c, count))
        store(memory, job.parts + task * job.channels + c, total, count)


@Replay
def conv_transpose2d(
    x: Array, w: Array, b: Array | None, *, geometry: ConvGeometry, size: Pair
) -> tuple[Array, list[Job]]:
    """The gradient that a convolution by w hands to images of `size`, if x is that of its output.

    A convolution for each phase of the stride takes longer for a single image and for few filters.
    """
    return prepare_conv_transpose(x, w, b, geometry, size)


def prepare_conv_transpose(
    x: Array, w: Array, b: Array | None, geometry: ConvGeometry, size: Pair, into: Array | None = None
) -> tuple[Array, list[Job]]:
    """Of `conv_transpose2d`; with a bias, y may be written `into` channels of a block."""
    if side_by_side.suits(geometry, (w.shape[2], w.shape[3]), (x.shape[2], x.shape[3]), size):
        return side_by_side.prepare(x, w, b, into)
    nothing = np.zeros((len(x), *size, w.shape[1] * geometry.groups), x.dtype).transpose(0, 3, 1, 2)  # not read
    plan = plan_of(nothing, w, *geometry)
    y, _, _, jobs = prepare_backward(OutputGrad(x), nothing, w, plan, need_dx=True, need_dw=False, need_db=False)
    assert y is not None
    if b is not None:
        y, job = prepare_scale_shift(y, np.ones(len(b), x.dtype), b, into=into)
        jobs.append(job)
    return y, jobs


def prepare_conv_transpose_backward(
    dy: Array, x: Array, w: Array, geometry: ConvGeometry, *, need_dx: bool, need_dw: bool
) -> Gradients:
    """dx is dy convolved by w, and dw the weights' gradient of that convolution, if x is that of its output."""
    plan = plan_of(dy, w, *geometry)
    dx, _, jobs = prepare(dy, w, plan, NOTHING) if need_dx else (None, None, [])
    if not need_dw:
        return dx, None, None, jobs
    _, dw, _, more = prepare_backward(OutputGrad(x), dy, w, plan, need_dx=False, need_dw=True, need_db=False)
    pixels, parts = as_nhwc(dy), parts_of(len(dy))
    n, height, width, channels = pixels.shape
    db = empty((parts, channels), dy.dtype)
    record = _SumPixels(pixels, db, n, height * width, channels, parts)
    return dx, dw, db, [*jobs, *more, Job(_sum_pixels, record, parts, 8 * dy.size)]


@Replay
def conv_transpose2d_backward(
    dy: Array, x: Array, w: Array, *, geometry: ConvGeometry, need_dx: bool = True, need_dw: bool = True
) -> tuple[AffineGradients, list[Job]]:
    """(dx, dw, db)."""
    gradients = prepare_conv_transpose_backward(dy, x, w, geometry, need_dx=need_dx, need_dw=need_dw)
    return summed_gradients(gradients, w)
