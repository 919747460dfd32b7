"""Filters of 3 x 3 as Winograd's products read them: at 36 points, which a job computes from them in every call."""

from enum import IntEnum, auto

from minidl.backends.compiled.codegen.jit import Kernel, njit
from minidl.backends.compiled.codegen.load_store import lanes, load, load_strided, load_whole, store
from minidl.backends.compiled.conv.plan import Plan
from minidl.backends.compiled.conv.winograd.transform_1d import LINE, filter_line
from minidl.backends.compiled.conv.winograd.transform_2d import APART, LANES, PANEL, POINTS
from minidl.backends.compiled.runtime import program
from minidl.backends.compiled.runtime.memory import empty
from minidl.backends.compiled.runtime.program import pack
from minidl.typing import Array

TAPS = 9
CHANNELS_AT_ONCE = 16
"""So many channels of filters make a task."""


class Weights(IntEnum):
    """The places of the integers that say how filters lie in memory."""

    w = 0  # tap (0, 0)
    channels = auto()
    filters = auto()
    channel_step = auto()
    filter_step = auto()
    tap_step = auto()
    transformed = auto()  # (panels, 36, channels times PANEL, and more)


@njit
def _of_filters(memory, w, step, count):
    """A weight of each of `count` filters, `step` apart."""
    return load(memory, w, count) if step == 1 else load_strided(memory, w, step, count)


@Kernel
def _transform_filters(memory, ints, job, task, own):
    """Some channels of a panel of filters, at 36 points."""
    channels, filters = ints[job + Weights.channels], ints[job + Weights.filters]
    filter_step, tap = ints[job + Weights.filter_step], ints[job + Weights.tap_step]
    parts = (channels + CHANNELS_AT_ONCE - 1) // CHANNELS_AT_ONCE
    panel, part = divmod(task, parts)
    n, step = lanes(memory), channels * PANEL + APART
    for c in range(part * CHANNELS_AT_ONCE, min((part + 1) * CHANNELS_AT_ONCE, channels)):
        target = ints[job + Weights.transformed] + panel * POINTS * step + c * PANEL
        for k in range(0, min(filters - panel * PANEL, PANEL), n):
            count = filters - panel * PANEL - k
            w = ints[job + Weights.w] + c * ints[job + Weights.channel_step] + (panel * PANEL + k) * filter_step
            for j in range(3):
                g0 = _of_filters(memory, w + j * tap, filter_step, count)
                g1 = _of_filters(memory, w + (3 + j) * tap, filter_step, count)
                g2 = _of_filters(memory, w + (6 + j) * tap, filter_step, count)
                filter_line(memory, g0, g1, g2, own + j * n, 3 * n)
            for i in range(LINE):
                g = own + 3 * i * n
                g0, g1, g2 = load_whole(memory, g), load_whole(memory, g + n), load_whole(memory, g + 2 * n)
                filter_line(memory, g0, g1, g2, target + i * LINE * step + k, step)


@njit
def order_filters(memory, ints, weights, target):
    """Write the filters as (kh kw in, out), for a direct convolution."""
    channels, filters = ints[weights + Weights.channels], ints[weights + Weights.filters]
    step = ints[weights + Weights.filter_step]
    for c in range(channels):
        w = ints[weights + Weights.w] + c * ints[weights + Weights.channel_step]
        for tap in range(TAPS):
            for k in range(0, filters, lanes(memory)):
                value = _of_filters(memory, w + tap * ints[weights + Weights.tap_step] + k * step, step, filters - k)
                store(memory, target + (tap * channels + c) * filters + k, value, filters - k)


def transform_job(w: Array, tables: Plan, flipped: bool) -> tuple[program.Job, Array]:
    """(job, what it computes) of filters (kh, kw, in, out), dense; `flipped` for (kh, kw, out, in) turned by half."""
    channels, filters = tables.channels, tables.filters
    panels, tap = -(-filters // PANEL), channels * filters
    transformed = empty((panels, POINTS, channels * PANEL + APART), w.dtype)
    arguments = pack(
        Weights,
        w=w.reshape(-1)[(TAPS - 1) * tap if flipped else 0 :],
        channels=channels,
        filters=filters,
        channel_step=1 if flipped else filters,
        filter_step=channels if flipped else 1,
        tap_step=-tap if flipped else tap,
        transformed=transformed,
    )
    tasks = panels * -(-channels // CHANNELS_AT_ONCE)
    return program.Job(_transform_filters, arguments, tasks, 100 * w.size, 3 * LINE * LANES), transformed
