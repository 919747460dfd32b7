"""Filters of 3 x 3 as Winograd's products read them: at 36 points, which a job computes from them in every call."""

from typing import NamedTuple

from minidl.backends.compiled.codegen.interleave import transpose_square
from minidl.backends.compiled.codegen.jit import kernel, njit
from minidl.backends.compiled.codegen.load_store import lanes, load, load_strided, store
from minidl.backends.compiled.conv.plan import Plan
from minidl.backends.compiled.conv.winograd.tile_2d import filter_tile
from minidl.backends.compiled.conv.winograd.transform_2d import APART, LANES, PANEL, POINTS
from minidl.backends.compiled.runtime import program
from minidl.backends.compiled.runtime.constants import of_weights
from minidl.backends.compiled.runtime.memory import empty
from minidl.typing import Array

TAPS = 9
CHANNELS_AT_ONCE = 16
"""Channels of filters that make a task."""


class Weights(NamedTuple):
    """How filters lie in memory, and what they are at 36 points."""

    w: Array  # from tap (0, 0) on
    channels: int
    filters: int
    channel_step: int
    filter_step: int
    tap_step: int
    transformed: Array  # (panels, 36, channels * PANEL + APART)


@njit
def _load_filters(memory, w, step, count):
    """A weight of each of `count` filters, `step` apart."""
    return load(memory, w, count) if step == 1 else load_strided(memory, w, step, count)


@kernel(Weights)
def _transform_filters(memory, ints, job, task, scratch):
    """Some channels of a panel of filters, at 36 points.

    Filters that lie apart are transposed by squares, if there are whole ones: to gather each lane takes longer.
    """
    channels, filter_step, tap = job.channels, job.filter_step, job.tap_step
    panel, part = divmod(task, (channels + CHANNELS_AT_ONCE - 1) // CHANNELS_AT_ONCE)
    n, step = lanes(memory), channels * PANEL + APART
    last = min((part + 1) * CHANNELS_AT_ONCE, channels)
    for first in range(part * CHANNELS_AT_ONCE, last, n):
        for k in range(0, min(job.filters - panel * PANEL, PANEL), n):
            count = job.filters - panel * PANEL - k
            w = job.w + first * job.channel_step + (panel * PANEL + k) * filter_step
            across, apart, along = job.channel_step, tap, filter_step
            if along != 1 and across == 1 and count >= n and first + n <= last:
                for place in range(TAPS):
                    transpose_square(memory, w + place * tap, filter_step, scratch + place * n * n, n)
                w, across, apart, along = scratch, n, n * n, 1
            for c in range(first, min(first + n, last)):
                filter_tile(
                    memory,
                    _load_filters(memory, w, along, count),
                    _load_filters(memory, w + apart, along, count),
                    _load_filters(memory, w + 2 * apart, along, count),
                    _load_filters(memory, w + 3 * apart, along, count),
                    _load_filters(memory, w + 4 * apart, along, count),
                    _load_filters(memory, w + 5 * apart, along, count),
                    _load_filters(memory, w + 6 * apart, along, count),
                    _load_filters(memory, w + 7 * apart, along, count),
                    _load_filters(memory, w + 8 * apart, along, count),
                    *(job.transformed + panel * POINTS * step + c * PANEL + k, step),
                )
                w += across


@njit
def order_filters(memory, weights, first, count, target):
    """Write `count` filters from the first on as (kh kw in, out), for a direct convolution."""
    channels, step = weights.channels, weights.filter_step
    for c in range(channels):
        for tap in range(TAPS):
            w = weights.w + c * weights.channel_step + tap * weights.tap_step + first * step
            for k in range(0, count, lanes(memory)):
                value = _load_filters(memory, w + k * step, step, count - k)
                store(memory, target + (tap * channels + c) * count + k, value, count - k)


@of_weights
def prepare_weights(w: Array, plan: Plan, flipped: bool) -> tuple[Weights, list[program.Job]]:
    """Those of filters (kh, kw, in, out), dense; `flipped` for (kh, kw, out, in) turned by half."""
    channels, filters = plan.channels, plan.filters
    panels, tap = -(-filters // PANEL), channels * filters
    transformed = empty((panels, POINTS, channels * PANEL + APART), w.dtype)
    if flipped:
        weights = Weights(w.reshape(-1)[(TAPS - 1) * tap :], channels, filters, 1, channels, -tap, transformed)
    else:
        weights = Weights(w, channels, filters, filters, 1, tap, transformed)
    tasks = panels * -(-channels // CHANNELS_AT_ONCE)
    return weights, [program.Job(_transform_filters, weights, tasks, 100 * w.size, TAPS * LANES * LANES)]
