"""The sums of Winograd's products at 36 points, as the gradients of the filters' nine taps.

Where one of them isn't finite, all are computed again, directly: NaN and infinity would be in all the taps of a filter.
"""

import math
from typing import NamedTuple

import numpy as np

from minidl.backends.compiled.codegen.jit import kernel
from minidl.backends.compiled.codegen.lanewise import add, multiply_add
from minidl.backends.compiled.codegen.load_store import (
    any_nan,
    clear,
    lanes,
    load,
    load_whole,
    splat,
    store,
    store_whole,
)
from minidl.backends.compiled.conv.plan import Geometry, Plan
from minidl.backends.compiled.conv.winograd.filters import TAPS
from minidl.backends.compiled.conv.winograd.tile_2d import filter_grad_tile
from minidl.backends.compiled.conv.winograd.transform_2d import APART, LANES, POINTS
from minidl.backends.compiled.matmul.gather_matmul import gather_matmul_plain
from minidl.backends.compiled.runtime import program
from minidl.backends.compiled.runtime.padding import with_border
from minidl.typing import Array, IntArray

TASKS = 16
"""Tasks that share the channels whose gradients are transformed back."""


class _FilterGradient(NamedTuple):
    """What both kernels read."""

    sums: Array  # (parts, 36, channels * filters + APART)
    parts: int
    dw: Array  # (kh, kw, channels, filters)
    bad: Array  # by task: 1 where dw isn't finite
    x: Array
    grads: Array  # of the outputs
    images: int
    table: IntArray  # of the direct products
    geometry: Geometry


@kernel(_FilterGradient)
def _transform_sums(memory, ints, job, task, scratch):
    """Some channels' sums at 36 points to the gradients of their taps."""
    channels, filters = job.geometry.channels, job.geometry.filters
    step, n, zero = channels * filters + APART, lanes(memory), splat(memory, 0.0)
    taps = scratch + POINTS * n
    check = zero
    for c in range(task * channels // TASKS, (task + 1) * channels // TASKS):
        for k in range(0, filters, n):
            count = filters - k
            for point in range(POINTS):
                source = job.sums + point * step + c * filters + k
                value = load(memory, source, count)
                for part in range(1, job.parts):
                    value = add(value, load(memory, source + part * POINTS * step, count))
                store_whole(memory, scratch + point * n, value)
            filter_grad_tile(memory, scratch, taps, n)
            target = job.dw + c * filters + k
            for tap in range(TAPS):
                value = load_whole(memory, taps + tap * n)
                check = multiply_add(value, zero, check)
                store(memory, target + tap * channels * filters, value, count)
    memory[job.bad + task] = 1 if any_nan(check) else 0


@kernel(_FilterGradient)
def _compute_directly(memory, ints, job, task, scratch):
    """Where the weights' gradient isn't finite, compute it as im2col does."""
    bad = 0.0
    for part in range(TASKS):
        bad += memory[job.bad + part]
    if bad == 0:
        return
    geometry, dw = job.geometry, job.dw
    height, width, channels, filters = geometry.height, geometry.width, geometry.channels, geometry.filters
    clear(memory, dw, TAPS * channels * filters)
    for n in range(job.images):
        image = with_border(memory, geometry, job.x + n * height * width * channels, scratch)
        grads = job.grads + n * geometry.pixels * filters
        gather_matmul_plain(
            *(memory, ints, TAPS * channels, geometry.tap_offsets, geometry.pixels, job.table, filters),
            *(image, grads, dw, filters, dw, filters, -math.inf),
        )


def prepare_filter_gradient(x: Array, grads: Array, plan: Plan, sums: Array, dw: Array) -> list[program.Job]:
    """Jobs that write dw (kh kw in, out) from sums (parts, 36, channels * filters + APART)."""
    bad = np.empty(TASKS, sums.dtype)
    record = _FilterGradient(sums, len(sums), dw, bad, x, grads, len(x), plan.weights_unpadded, plan.geometry)
    scratch = (POINTS + TAPS) * LANES
    return [
        program.Job(_transform_sums, record, TASKS, sums.size * 8, scratch),
        program.Job(_compute_directly, record, 1, 0, plan.padded_size),
    ]
