"""The gradients of a convolution, some images at a time, so that padded images and dy stay in the cache for both.

The weights' gradient is the product with rows of taps, summed over pixels; the input's is in `phases.py` and
`input_gradient.py`. Many weights are shared out by blocks of channels, and then a task sums several parts of the batch
in turn: if each part had a gradient of all weights, adding them up would take long.
"""

import math
from typing import NamedTuple

import numpy as np

from minidl.backends.compiled.codegen.jit import kernel, njit
from minidl.backends.compiled.codegen.load_store import clear, copy
from minidl.backends.compiled.conv.im2col.grad_tables import GradTables, grad_tables
from minidl.backends.compiled.conv.im2col.input_gradient import (
    input_by_columns,
    input_by_windows,
    is_finite,
    spread_grad,
    sum_lines,
)
from minidl.backends.compiled.conv.im2col.phases import MOST_ROWS, input_by_phases
from minidl.backends.compiled.conv.output_grad import OutputGrad
from minidl.backends.compiled.conv.plan import Geometry, Plan
from minidl.backends.compiled.matmul.gather_matmul import gather_matmul
from minidl.backends.compiled.pool.max import PoolWindows
from minidl.backends.compiled.runtime.copy import prepare_packed
from minidl.backends.compiled.runtime.memory import as_nhwc, empty
from minidl.backends.compiled.runtime.padding import pad_image
from minidl.backends.compiled.runtime.parts import buffer_of, merge_buffers, part_start, parts_of
from minidl.backends.compiled.runtime.program import Job
from minidl.process.share import PARTS
from minidl.typing import Array

WEIGHT_BLOCK = 1 << 16
"""Weights of a block, whose gradient stays in the second-level cache from images to images."""

FEWEST_CHANNELS = 32
"""A block has so many channels at least: two vectors of the widest CPU."""

FEW_IMAGES, MANY_IMAGES = 1 << 16, 1 << 18
"""Floats of the images at a time, in their borders: more where many weights are read for them."""

CHECKS = 8
"""Tasks that share the search for weights that aren't finite."""


class _Backward(NamedTuple):
    x: Array
    dy: Array
    dx: Array | None  # 0 where it isn't needed
    dw: Array | None  # (shares, kh kw in, out); 0 where it isn't needed
    db: Array | None  # (parts, out)
    y: Array | None  # of the ReLU after the convolution; 0 without
    argmax: Array | None  # of the pooling after that; 0 without
    weights: Array  # (out, kh, kw, in) by columns, else (groups, kh, kw, out, in)
    zeros: Array
    bad: Array | None  # (CHECKS,): 1 where weights aren't finite; 0 where no zeros are multiplied by them
    images: int
    parts: int
    shares: int  # of the parts, that tasks sum; both are powers of two
    blocks: int  # of the channels
    block_size: int  # weights of the largest
    geometry: Geometry
    grad: GradTables
    windows: PoolWindows


@kernel(_Backward)
def _check_weights(memory, ints, job, task, scratch):
    """Whether a share of the weights has a number that isn't finite."""
    size = job.geometry.taps * job.geometry.filters
    first = task * size // CHECKS
    memory[job.bad + task] = 0 if is_finite(memory, job.weights + first, (task + 1) * size // CHECKS - first) else 1


@njit
def _has_bad_weights(memory, job):
    """No weight may make NaN of the zeros in the border, which aren't data."""
    found = False
    if job.bad:
        for i in range(CHECKS):
            found |= memory[job.bad + i] != 0
    return found


@njit
def _padded(memory, geometry, x, images, scratch):
    """Where so many images lie in their borders of zeros: at `scratch`, or where they are if they have none."""
    if geometry.padded_size == 0:
        return x
    for i in range(images):
        image = x + i * geometry.height * geometry.width * geometry.channels
        pad_image(memory, geometry, image, scratch + i * geometry.padded_size)
    return scratch


@njit
def _add_weight_gradient(memory, ints, job, x, dy, images, first, last, dw, tap_step):
    """Add these images' part to the gradient of the weights of channels first to last - 1 of each group.

    It lies at `dw`, where a block's taps are `tap_step` floats apart.
    """
    geometry, groups, filters, taps = job.geometry, job.geometry.groups, job.geometry.filters, job.geometry.taps
    group_channels, group_filters, depth = geometry.channels // groups, filters // groups, images * geometry.pixels
    is_block = last - first < group_channels
    count = last - first if is_block else taps
    for place in range(first, taps, group_channels if is_block else taps):
        for g in range(groups):
            c = dw + g * group_filters
            gather_matmul(
                *(memory, ints, count, geometry.tap_offsets + place, depth, job.grad.weight_grad_table, group_filters),
                *(x + g * group_channels, dy + g * group_filters, c, filters, c, filters, -math.inf),
            )
        dw += tap_step


@njit
def _input_by_windows(memory, job, dy, dx):
    """One image's dx, where weights aren't finite."""
    geometry, grad, groups = job.geometry, job.grad, job.geometry.groups
    channels, filters = geometry.channels, geometry.filters
    input_by_windows(
        *(memory, dy + grad.origin, (grad.width * filters, geometry.out_height, geometry.out_width, filters), groups),
        *(job.weights, filters // groups * (channels // groups), (geometry.kernel_height, geometry.kernel_width)),
        (geometry.stride_down, geometry.stride_across),
        (geometry.dilation_down, geometry.dilation_across),
        *(geometry.top, geometry.left, (geometry.height, geometry.width, channels), dx),
    )


@njit
def _sum_part(memory, ints, job, part, block, dw, tap_step, scratch):
    """Of one part of the batch: its gradient of a block of the weights, given at `dw`, that of the bias, and dx."""
    geometry, grad = job.geometry, job.grad
    filters, group_channels = geometry.filters, geometry.channels // geometry.groups
    size, out_size = geometry.height * geometry.width * geometry.channels, geometry.pixels * filters
    first, last = block * group_channels // job.blocks, (block + 1) * group_channels // job.blocks
    db = job.db + part * filters
    if job.dw:
        for tap in range(geometry.taps // group_channels):
            clear(memory, dw + tap * tap_step, (last - first) * filters)
        if block == 0:
            clear(memory, db, filters)
    by_windows = _has_bad_weights(memory, job)
    stop = part_start(job.images, job.parts, part + 1)
    for n in range(part_start(job.images, job.parts, part), stop, grad.images):
        images = min(grad.images, stop - n)
        dy, rest = job.dy + n * out_size, scratch + grad.images * geometry.padded_size
        if grad.size:
            dy, rest = rest, rest + grad.images * grad.size
            for i in range(images):
                spread_grad(memory, job, n + i, dy + i * grad.size)
        if job.dw:
            for i in range(images if block == 0 else 0):
                lines = dy + i * grad.grad_step + grad.origin
                sum_lines(memory, lines, grad.width * filters, geometry.out_height, geometry.out_width, filters, db)
            x = _padded(memory, geometry, job.x + n * size, images, scratch)
            _add_weight_gradient(memory, ints, job, x, dy, images, first, last, dw, tap_step)
        if job.dx:
            dx = job.dx + n * size
            if not (grad.by_columns or by_windows):
                input_by_phases(memory, ints, job, dy, images, first, last, rest, dx)
            for i in range(images if (grad.by_columns or by_windows) and block == 0 else 0):
                if grad.by_columns:
                    input_by_columns(memory, ints, job, dy + i * grad.grad_step, rest, dx + i * size)
                else:
                    _input_by_windows(memory, job, dy + i * grad.grad_step, dx + i * size)


@kernel(_Backward)
def _backward(memory, ints, job, task, scratch):
    """For a share of the parts and a block of channels: sum the weights' and the bias's gradients, and give dx."""
    geometry, filters, taps = job.geometry, job.geometry.filters, job.geometry.taps
    group_channels, parts = geometry.channels // geometry.groups, job.parts // job.shares
    share, block = task // job.blocks, task % job.blocks
    first, last = block * group_channels // job.blocks, (block + 1) * group_channels // job.blocks
    dw, tap_step, count = job.dw + (share * taps + first) * filters, group_channels * filters, (last - first) * filters
    in_place = parts == 1 or job.dw == 0
    buffers, size = scratch, taps // group_channels * count
    if not in_place:
        scratch += (buffer_of(parts - 1) + 1) * job.block_size
    for leaf in range(parts):
        target, step = (dw, tap_step) if in_place else (buffers + buffer_of(leaf) * job.block_size, count)
        _sum_part(memory, ints, job, share * parts + leaf, block, target, step, scratch)
        if not in_place:
            merge_buffers(memory, buffers, job.block_size, size, leaf)
    for tap in range(0 if in_place else taps // group_channels):
        copy(memory, dw + tap * tap_step, buffers + tap * count, count)


Gradients = tuple[Array | None, Array | None, Array | None, list[Job]]
"""(dx, dw in parts (at most `parts`, kh kw in, out), db in parts (parts, out), jobs); None for what isn't needed."""


def _most_blocks(plan: Plan) -> int:
    """Of the channels, that tasks can share."""
    return max(plan.channels // FEWEST_CHANNELS, 1) if plan.groups == 1 and not plan.by_columns else 1


def _weight_blocks(plan: Plan) -> int:
    """Of the channels, for the weights' gradient to stay in the cache."""
    wanted: int = -(-plan.taps.size * plan.filters // WEIGHT_BLOCK)
    return min(wanted, _most_blocks(plan))


def _power_of_two(number: int) -> int:
    """The next one that is no less."""
    return 1 << max(number - 1, 0).bit_length()


def _tables(part: int, plan: Plan, *, in_border: bool, need_dx: bool) -> GradTables:
    """For as many images of a part of `part`, the batch's largest, as lie in the cache at a time: a power of two.

    How many changes the bits of a weight's gradient. So it depends neither on what else is needed nor on what is fused,
    is one where `planar` may give it, and leaves a part whole or cuts it at the same images, however large the others.
    """
    one = grad_tables(plan, 1, in_border=True, need_dx=True)
    room = MANY_IMAGES if _weight_blocks(plan) > 1 else FEW_IMAGES
    most = 1 if plan.planar_backward else max(room // (one.x_step + one.grad_step), 1)
    images = min(1 << (most.bit_length() - 1), _power_of_two(part))
    return grad_tables(plan, images, in_border=in_border, need_dx=need_dx)


def prepare(grad: OutputGrad, x: Array, w: Array, plan: Plan, need_dx: bool, need_dw: bool) -> Gradients:
    """Through the ReLU and the pooling, too."""
    n, channels, height, width = x.shape
    filters, group_channels, kh, kw = w.shape
    groups, taps, parts = plan.groups, plan.taps.size, parts_of(n)
    blocks = max(_weight_blocks(plan), min(-(-PARTS // parts), _most_blocks(plan)))  # for threads to share few images
    shares = min(parts, _power_of_two(-(-PARTS // blocks)))
    dx = empty((n, height, width, channels), x.dtype) if need_dx else None
    dw, db = (empty(size, x.dtype) if need_dw else None for size in ((shares, taps, filters), (parts, filters)))
    weights = zeros = np.zeros(max(channels, taps), x.dtype)
    jobs: list[Job] = []
    room = 0
    if need_dx and plan.by_columns:
        weights, jobs = prepare_packed(w.transpose(0, 2, 3, 1))
        room = plan.pixels.size * taps + math.prod(plan.padded) * channels
    elif need_dx:
        grouped = w.reshape(groups, filters // groups, group_channels, kh, kw)
        weights, jobs = prepare_packed(grouped.transpose(0, 3, 4, 1, 2))
        room = max(width, MOST_ROWS) * channels
    dy, y, argmax = grad.blocks()
    in_border = y is not None or argmax is not None or (need_dx and plan.grad_size != plan.out)
    tables = _tables(-(-n // parts), plan, in_border=in_border, need_dx=need_dx)
    checks = need_dx and tables.size and not plan.by_columns
    block_size = kh * kw * -(-group_channels // blocks) * filters
    record = _Backward(
        *(as_nhwc(x), dy, dx, dw, db, y, argmax, weights, zeros, empty((CHECKS,), x.dtype) if checks else None),
        *(n, parts, shares, blocks, block_size, plan.geometry, tables, grad.windows(plan)),
    )
    if checks:
        jobs.append(Job(_check_weights, record, CHECKS, w.size))
    buffers = (parts // shares).bit_length() * block_size if parts > shares else 0
    scratch = buffers + tables.images * (plan.padded_size + tables.size) + room
    jobs.append(Job(_backward, record, shares * blocks, n * plan.macs * (need_dw + need_dx), scratch))
    return None if dx is None else dx.transpose(0, 3, 1, 2), dw, db, jobs
