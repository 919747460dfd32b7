"""The gradients of a convolution, image by image, so that the padded image and dy stay in the cache for both.

The weights' gradient is the product with rows of taps, summed over pixels; the input's is in `input_gradient.py`.
"""

import math
from typing import NamedTuple

import numpy as np

from minidl.backends.compiled.codegen.jit import kernel
from minidl.backends.compiled.codegen.load_store import clear
from minidl.backends.compiled.conv.im2col.input_gradient import (
    input_by_columns,
    input_by_phases,
    input_by_windows,
    is_finite,
    spread_grad,
    sum_lines,
)
from minidl.backends.compiled.conv.output_grad import OutputGrad
from minidl.backends.compiled.conv.plan import Geometry, GradTables, Plan
from minidl.backends.compiled.matmul.gather_matmul import gather_matmul
from minidl.backends.compiled.pool.max import PoolWindows
from minidl.backends.compiled.runtime.copy import prepare_packed
from minidl.backends.compiled.runtime.memory import as_nhwc, empty
from minidl.backends.compiled.runtime.padding import with_border
from minidl.backends.compiled.runtime.program import PARTS, Job
from minidl.typing import Array


class _Backward(NamedTuple):
    x: Array
    dy: Array
    dx: Array | None  # 0 where it isn't needed
    dw: Array | None  # (parts, kh kw in, out); 0 where it isn't needed
    db: Array | None
    y: Array | None  # of the ReLU after the convolution; 0 without
    argmax: Array | None  # of the pooling after that; 0 without
    weights: Array  # (out, kh, kw, in) by columns, else (groups, kh, kw, out, in)
    zeros: Array
    images: int
    parts: int
    geometry: Geometry
    grad: GradTables
    windows: PoolWindows


@kernel(_Backward)
def _backward(memory, ints, job, task, scratch):
    """For part `task` of the batch: sum the weights' and the bias's gradients, and give the input's."""
    geometry, grad = job.geometry, job.grad
    groups, channels, filters, taps = geometry.groups, geometry.channels, geometry.filters, geometry.taps
    height, width, out_height, out_width = geometry.height, geometry.width, geometry.out_height, geometry.out_width
    group_channels, group_filters = channels // groups, filters // groups
    dw, db = job.dw + task * taps * filters, job.db + task * filters
    if job.dw:
        clear(memory, dw, taps * filters)
        clear(memory, db, filters)
    by_windows = False
    if job.dx and grad.size and not grad.by_columns:
        by_windows = not is_finite(memory, job.weights, taps * filters)
    for n in range(task * job.images // job.parts, (task + 1) * job.images // job.parts):
        dy = job.dy + n * out_height * out_width * filters
        if grad.size:
            dy = scratch + geometry.padded_size
            spread_grad(memory, job, n, dy)
        inside = dy + grad.origin
        if job.dw:
            sum_lines(memory, inside, grad.width * filters, out_height, out_width, filters, db)
            image = with_border(memory, geometry, job.x + n * height * width * channels, scratch)
            for g in range(groups):
                c = dw + g * group_filters
                gather_matmul(
                    *(memory, ints, taps, geometry.tap_offsets, geometry.pixels, grad.weight_grad_table, group_filters),
                    *(image + g * group_channels, dy + g * group_filters, c, filters, c, filters, -math.inf),
                )
        if job.dx:
            dx = job.dx + n * height * width * channels
            if grad.by_columns:
                input_by_columns(memory, ints, job, dy, scratch + geometry.padded_size + grad.size, dx)
            elif by_windows:
                input_by_windows(
                    *(memory, inside, (grad.width * filters, out_height, out_width, filters), groups),
                    *(job.weights, group_filters * group_channels, (geometry.kernel_height, geometry.kernel_width)),
                    (geometry.stride_down, geometry.stride_across),
                    (geometry.dilation_down, geometry.dilation_across),
                    *(geometry.top, geometry.left, (height, width, channels), dx),
                )
            else:
                input_by_phases(memory, ints, job, dy, dx)


Gradients = tuple[Array | None, Array | None, Array | None, list[Job]]
"""(dx, parts of dw (parts, kh kw in, out), parts of db (parts, out), jobs), with None for what isn't needed."""


def prepare(grad: OutputGrad, x: Array, w: Array, plan: Plan, need_dx: bool, need_dw: bool) -> Gradients:
    """Through the ReLU and the pooling, too."""
    n, channels, height, width = x.shape
    filters, group_channels, kh, kw = w.shape
    groups, taps, parts = plan.groups, plan.taps.size, min(n, PARTS)
    dx = empty((n, height, width, channels), x.dtype) if need_dx else None
    dw, db = (empty((parts, *size), x.dtype) if need_dw else None for size in ((taps, filters), (filters,)))
    weights = zeros = np.zeros(max(channels, taps), x.dtype)
    jobs: list[Job] = []
    patches = 0
    if need_dx and plan.by_columns:
        weights, jobs = prepare_packed(w.transpose(0, 2, 3, 1))
        patches = plan.pixels.size * taps + math.prod(plan.padded) * channels
    elif need_dx:
        grouped = w.reshape(groups, filters // groups, group_channels, kh, kw)
        weights, jobs = prepare_packed(grouped.transpose(0, 3, 4, 1, 2))
    dy, y, argmax = grad.blocks()
    spread = y is not None or argmax is not None or (need_dx and plan.grad_size != plan.out)
    tables = plan.grad_in_border if spread else plan.grad_in_place
    record = _Backward(
        *(as_nhwc(x), dy, dx, dw, db, y, argmax, weights, zeros),
        *(n, parts, plan.geometry, tables, grad.windows(plan)),
    )
    scratch = plan.padded_size + tables.size + patches
    jobs.append(Job(_backward, record, parts, n * plan.macs * (need_dw + need_dx), scratch))
    return None if dx is None else dx.transpose(0, 3, 1, 2), dw, db, jobs
