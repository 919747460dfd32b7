"""The gradients of Winograd's convolution, as jobs one after the other.

The input's gradient is itself a convolution, of dy with the filters turned by half; the weights' is in
`filter_gradient.py`.
"""

from typing import NamedTuple

from minidl.backends.compiled.codegen.jit import kernel
from minidl.backends.compiled.codegen.load_store import clear
from minidl.backends.compiled.conv.im2col.input_gradient import copy_positive, sum_lines
from minidl.backends.compiled.conv.output_grad import OutputGrad
from minidl.backends.compiled.conv.plan import Geometry, Plan, plan_for
from minidl.backends.compiled.conv.winograd.filter_gradient import prepare_filter_gradient
from minidl.backends.compiled.conv.winograd.forward import convolve
from minidl.backends.compiled.conv.winograd.transform_2d import zeros
from minidl.backends.compiled.pool.max import PoolWindows, unpool_image
from minidl.backends.compiled.runtime import program
from minidl.backends.compiled.runtime.copy import prepare_packed
from minidl.backends.compiled.runtime.memory import as_nhwc, empty
from minidl.backends.compiled.runtime.parts import part_start, parts_of
from minidl.description.operators import ConvGeometry
from minidl.typing import Array


class _OutputGradient(NamedTuple):
    dy: Array
    y: Array | None  # 0 without a ReLU
    argmax: Array | None  # 0 without pooling
    grads: Array  # dy itself without either
    db: Array  # (parts, filters)
    images: int
    parts: int
    geometry: Geometry
    windows: PoolWindows


@kernel(_OutputGradient)
def _output_gradient(memory, ints, job, task, scratch):
    """For part `task` of the batch: dy, back through pooling and ReLU, and its sum."""
    height, width, filters = job.geometry.out_height, job.geometry.out_width, job.geometry.filters
    dy, y, windows = job.dy, job.y, job.windows
    size = height * width * filters
    db = job.db + task * filters
    clear(memory, db, filters)
    for n in range(part_start(job.images, job.parts, task), part_start(job.images, job.parts, task + 1)):
        target = job.grads + n * size
        if job.argmax:
            step = n * windows.out_height * windows.out_width * filters
            clear(memory, target, size)
            unpool_image(memory, windows, dy + step, job.argmax + step, y + step, y != 0, target, width)
        elif y:
            copy_positive(memory, 0, size, target, dy + n * size, y + n * size)
        sum_lines(memory, target, width * filters, height, width, filters, db)


def backward(
    grad: OutputGrad, x: Array, w: Array, plan: Plan, need_dx: bool, need_dw: bool, need_db: bool
) -> tuple[Array | None, Array | None, Array | None, list[program.Job]]:
    """(dx, sums of parts of dw (groups, kh kw in, out), parts of db, jobs), through the ReLU and the pooling, too."""
    n, channels, height, width = x.shape
    filters, parts = plan.filters, parts_of(n)
    x, (dy, y, argmax) = as_nhwc(x), grad.blocks()
    grads = dy if y is None and argmax is None else empty((n, *plan.out, filters), x.dtype)
    dw, db, jobs = None, None, []
    if need_db or grads is not dy:
        db = empty((parts, filters), x.dtype)
        record = _OutputGradient(dy, y, argmax, grads, db, n, parts, plan.geometry, grad.windows(plan))
        work = n * plan.pixels.size * filters * (32 if argmax is not None else 8)
        jobs.append(program.Job(_output_gradient, record, parts, work))
    if need_dw:
        dw, job = prepare_filter_gradient(x, grads, plan)
        jobs.append(job)
    if not need_dx:
        return None, dw, db, jobs
    weights, packing = prepare_packed(w.transpose(2, 3, 1, 0))
    dx = empty((n, height, width, channels), x.dtype)
    (top, bottom), (left, right) = plan.padding
    padding = (2 - top, 2 - bottom), (2 - left, 2 - right)
    turned = plan_for(plan.out, filters, channels, plan.kernel, ConvGeometry(plan.stride, padding, plan.dilation, 1))
    jobs += packing + convolve(grads, weights, zeros(channels), turned, dx, flipped=True)
    return dx.transpose(0, 3, 1, 2), dw, db, jobs
