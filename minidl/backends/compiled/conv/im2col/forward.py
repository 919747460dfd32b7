"""Convolution by an im2col that is never built: the matrix product reads the image through tables of offsets.

For a zero-padded channels-last image, im2col[m, k] = image[row[m] + column[k]]: the offset of output pixel m plus the
offset of filter tap k. The gradients, from the same product with other tables, are in `backward`.
"""

import math
from typing import NamedTuple

from minidl.backends.compiled.activation.elementwise import InPlace, activate, in_place
from minidl.backends.compiled.codegen.jit import kernel
from minidl.backends.compiled.conv.epilogue import Epilogue, add_rows
from minidl.backends.compiled.conv.plan import Geometry, Plan
from minidl.backends.compiled.matmul.gather_matmul import gather_matmul
from minidl.backends.compiled.pool.max import NO_WINDOWS, PoolWindows, pool_rows, pool_windows
from minidl.backends.compiled.runtime import program
from minidl.backends.compiled.runtime.copy import prepare_packed
from minidl.backends.compiled.runtime.memory import as_nhwc, empty_like
from minidl.backends.compiled.runtime.padding import pad_rows
from minidl.typing import Array


class _Forward(NamedTuple):
    x: Array
    weights: Array  # (kh kw in, out)
    bias: Array
    y: Array
    y_step: int  # floats from a pixel to the next
    argmax: Array | None  # 0 without pooling
    other: Array | None  # of another branch, added; 0 without
    relu: bool
    activation: InPlace  # any other
    bands: int
    geometry: Geometry
    windows: PoolWindows


@kernel(_Forward)
def _forward(memory, ints, job, task, scratch):
    """Convolve a band of rows, add bias and another branch, activate, and pool if there is an argmax to keep.

    What is between the input and the pooled output is the thread's own, and never leaves its cache.
    """
    geometry, windows = job.geometry, job.windows
    channels, filters, groups = geometry.channels, geometry.filters, geometry.groups
    height, width, row = geometry.height, geometry.width, geometry.padded_width * geometry.channels
    out_height, out_width, stride = geometry.out_height, geometry.out_width, geometry.stride_down
    n, band = task // job.bands, task % job.bands

    rows = windows.out_height if job.argmax else out_height
    first_pooled, last_pooled = band * rows // job.bands, (band + 1) * rows // job.bands
    first, last = first_pooled, last_pooled
    if job.argmax:
        down = windows.stride_down
        first = max(first_pooled * down - windows.top, 0)
        last = min((last_pooled - 1) * down - windows.top + windows.taps_down, out_height)
    step = filters if job.argmax else job.y_step
    target = job.y + (n * out_height + first) * out_width * step
    image = job.x + n * height * width * channels
    if geometry.padded_size:
        start, stop = first * stride, (last - 1) * stride + geometry.span
        top, left, padded_width = geometry.top, geometry.left, geometry.padded_width
        pad_rows(memory, image, height, width, channels, top, left, padded_width, start, stop, scratch)
        image = scratch - start * row
        scratch += (stop - start) * row
    if job.argmax:
        target = scratch
    floor = 0.0 if job.relu and job.other == 0 else -math.inf
    for g in range(groups):
        c = g * (filters // groups)
        gather_matmul(
            *(memory, ints, (last - first) * out_width, geometry.pixel_offsets + first * out_width),
            *(geometry.taps, geometry.forward_table, filters // groups, image + g * (channels // groups)),
            *(job.weights + c, target + c, step, job.bias + c, 0, floor),
        )
    if job.other:
        place, size = (n * out_height + first) * out_width * filters, (last - first) * out_width * filters
        add_rows(memory, 0, size, target, job.other + place, job.relu)
    activate(memory, ints, job.activation, target, filters, (last - first) * out_width, step)
    if job.argmax:
        place = n * rows * windows.out_width * filters
        virtual = target - first * out_width * filters
        pool_rows(memory, windows, first_pooled, last_pooled, virtual, job.y + place, job.argmax + place)


BAND = 1 << 15
"""Floats that a band of lines may take between input and output: an eighth of a megabyte, of float32."""

FEW_TASKS = 8
"""So many tasks at least, so that threads have enough to share of a few images."""

FEWEST_PIXELS = 48
"""A band has so many pixels at least, for the sake of full tiles."""


def _bands(n: int, plan: Plan, windows: PoolWindows) -> tuple[int, int]:
    """(bands of an image, floats between input and output of one)."""
    pools = windows is not NO_WINDOWS
    rows = windows.out_height if pools else plan.out[0]
    down, taps = (windows.stride_down, windows.taps_down) if pools else (1, 1)

    def floats(pooled_rows: int) -> int:
        out = min((pooled_rows - 1) * down + taps, plan.out[0])
        padded = ((out - 1) * plan.stride[0] + plan.span) * plan.padded[1] * plan.channels
        return (padded if plan.padded_size else 0) + (out * plan.out[1] * plan.filters if pools else 0)

    bands = 1
    shared = n * plan.macs >= program.SMALL
    while bands < rows:
        size = -(-rows // bands)
        wanted = floats(size) > BAND or (shared and n * bands < FEW_TASKS)
        if not wanted or size * down * plan.out[1] < 2 * FEWEST_PIXELS:
            break
        bands += 1
    return bands, floats(-(-rows // bands))


TAKES = ("other", "activation", "pool")
"""Of an epilogue."""


def prepare(
    x: Array, w: Array, plan: Plan, epilogue: Epilogue, into: Array | None = None
) -> tuple[Array, Array | None, list[program.Job]]:
    """(y, argmax, jobs); argmax is None without pooling. `into` are channels of a block to write y to."""
    n, filters, pool = len(x), plan.filters, epilogue.pool
    windows = NO_WINDOWS if pool is None else pool_windows(plan.out, filters, pool)
    bands, scratch = _bands(n, plan, windows)
    weights, jobs = prepare_packed(w.transpose(2, 3, 1, 0))
    y = epilogue.output(n, plan.out, filters, x.dtype) if into is None else into.transpose(0, 2, 3, 1)
    argmax = None if pool is None else empty_like(y)
    bias, other = epilogue.bias_of(filters, x.dtype), None if epilogue.other is None else as_nhwc(epilogue.other)
    record = _Forward(
        *(as_nhwc(x), weights, bias, y, y.strides[2] // y.itemsize, argmax, other),
        *(epilogue.relu, in_place(epilogue.activation, x.dtype), bands, plan.geometry, windows),
    )
    jobs.append(program.Job(_forward, record, n * bands, n * plan.macs, scratch))
    return y.transpose(0, 3, 1, 2), None if argmax is None else argmax.transpose(0, 3, 1, 2), jobs
