"""Transposed convolutions whose windows lie side by side, as where images are made twice as large by 2 x 2 taps.

Each output is of one tap, so a row of the output is one matrix product, written where it belongs: rows of pixels of the
small image, times the taps of one row of the window, side by side.
"""

import math
from typing import NamedTuple

import numpy as np

from minidl.backends.compiled.codegen.jit import kernel
from minidl.backends.compiled.matmul.dense import TASKS
from minidl.backends.compiled.matmul.gather_matmul import gather_matmul
from minidl.backends.compiled.runtime.copy import prepare_packed
from minidl.backends.compiled.runtime.memory import as_nhwc, empty, spaced
from minidl.backends.compiled.runtime.program import Job
from minidl.description.operators import ConvGeometry
from minidl.typing import Array, IntArray, Pair


class _Windows(NamedTuple):
    x: Array
    weights: Array  # (kh, in, kw, out)
    start: Array  # the bias (kw, out)
    y: Array
    y_step: int  # floats from a pixel to the next
    height: int
    width: int
    channels: int
    taps_down: int
    taps_across: int
    filters: int
    pixels: IntArray  # where those of a row lie
    table: IntArray
    bands: int  # of rows of an image, that tasks share


@kernel(_Windows)
def _side_by_side(memory, ints, job, task, scratch):
    """A band of rows of an image."""
    image, band = task // job.bands, task % job.bands
    row = job.taps_across * job.filters
    parts, columns = (1, row) if job.y_step == job.filters else (job.taps_across, job.filters)
    for i in range(band * job.height // job.bands, (band + 1) * job.height // job.bands):
        x = job.x + (image * job.height + i) * job.width * job.channels
        for p in range(job.taps_down):
            line = (image * job.height + i) * job.taps_down + p
            y = job.y + line * job.width * job.taps_across * job.y_step
            weights = job.weights + p * job.channels * row
            for q in range(parts):
                gather_matmul(
                    *(memory, ints, job.width, job.pixels, job.channels, job.table, columns),
                    *(x, weights + q * columns, y + q * job.y_step, job.taps_across * job.y_step),
                    *(job.start + q * columns, 0, -math.inf),
                )


def suits(geometry: ConvGeometry, kernel_size: Pair, x_size: Pair, size: Pair) -> bool:
    """Whether windows lie side by side, and cover all of the large image."""
    plain = geometry.groups == 1 and not any(map(any, geometry.padding)) and geometry.dilation == (1, 1)
    covers = all(small * taps == large for small, taps, large in zip(x_size, kernel_size, size, strict=True))
    return plain and kernel_size == geometry.stride and covers


def prepare(x: Array, w: Array, b: Array | None, into: Array | None = None) -> tuple[Array, list[Job]]:
    """(y, jobs) for weights w (in, out, kh, kw), perhaps written `into` channels of a block."""
    (n, channels, height, width), (_, filters, down, across) = x.shape, w.shape
    if into is None:
        into = empty((n, height * down, width * across, filters), x.dtype).transpose(0, 3, 1, 2)
    y, y_step = spaced(into)
    weights, jobs = prepare_packed(w.transpose(2, 0, 3, 1))
    bias = np.zeros(filters, x.dtype) if b is None else b
    start, more = prepare_packed(np.broadcast_to(bias, (across, filters)))
    every = np.arange(channels, dtype=np.int64)
    table = np.ascontiguousarray(np.stack([every, every * (across * filters)], axis=1)).reshape(-1)
    bands = max(min(height, -(-TASKS // max(n, 1))), 1)
    sizes = height, width, channels, down, across, filters
    pixels = np.arange(width, dtype=np.int64) * channels
    record = _Windows(as_nhwc(x), weights, start, y, y_step, *sizes, pixels, table, bands)
    return into, [*jobs, *more, Job(_side_by_side, record, n * bands, x.size * filters * down * across)]
