"""Convolution by an im2col that is never built: the matrix product reads the image through tables of offsets.

For a zero-padded channels-last image, im2col[m, k] = image[row[m] + column[k]]: the offset of output pixel m plus the
offset of filter tap k. The gradients, from the same product with other tables, are in `backward`.
"""

import functools
import math
from typing import NamedTuple

import numpy as np

from minidl.backends.compiled.activation.elementwise import InPlace, activate, in_place
from minidl.backends.compiled.codegen.jit import kernel
from minidl.backends.compiled.conv.epilogue import Epilogue, add_rows
from minidl.backends.compiled.conv.plan import Geometry, Plan
from minidl.backends.compiled.matmul.gather_matmul import gather_matmul
from minidl.backends.compiled.matmul.panels import PANEL, prepare_panels, worth_panels
from minidl.backends.compiled.pool.max import NO_WINDOWS, PoolWindows, pool_rows, pool_windows
from minidl.backends.compiled.runtime import program
from minidl.backends.compiled.runtime.copy import prepare_packed
from minidl.backends.compiled.runtime.memory import as_nhwc, empty_like
from minidl.backends.compiled.runtime.padding import pad_rows
from minidl.typing import Array, IntArray


class _Tasks(NamedTuple):
    """How images, rows and filters are shared."""

    parts: int  # of the images
    bands: int  # of rows of an image: one, if a part has several images
    splits: int  # of the filters
    scratch: int  # floats between input and output of a task

    @property
    def number(self) -> int:
        """Of all tasks."""
        return self.parts * self.bands * self.splits


class _Forward(NamedTuple):
    x: Array
    weights: Array  # (kh kw in, out), or its panels
    bias: Array
    y: Array
    y_step: int  # floats from a pixel to the next
    argmax: Array | None  # 0 without pooling
    other: Array | None  # of another branch, added; 0 without
    relu: bool
    activation: InPlace  # any other
    images: int
    tasks: _Tasks
    pixel_offsets: IntArray  # of a part's images
    panel_table: IntArray | None  # 0 without panels
    geometry: Geometry
    windows: PoolWindows


@kernel(_Forward)
def _forward(memory, ints, job, task, scratch):
    """Convolve images or a band of rows, add bias and another branch, activate, and pool if there is an argmax to keep.

    What is between the input and the pooled output is the thread's own, and never leaves its cache.
    """
    geometry, windows = job.geometry, job.windows
    channels, filters, groups = geometry.channels, geometry.filters, geometry.groups
    height, width, row = geometry.height, geometry.width, geometry.padded_width * geometry.channels
    out_height, out_width, stride = geometry.out_height, geometry.out_width, geometry.stride_down
    place, split = divmod(task, job.tasks.splits)
    part, band = divmod(place, job.tasks.bands)
    n = part * job.images // job.tasks.parts
    images = (part + 1) * job.images // job.tasks.parts - n
    panels = (filters + PANEL - 1) // PANEL
    column = split * panels // job.tasks.splits * PANEL
    columns = min((split + 1) * panels // job.tasks.splits * PANEL, filters) - column

    rows = windows.out_height if job.argmax else out_height
    first_pooled, last_pooled = band * rows // job.tasks.bands, (band + 1) * rows // job.tasks.bands
    first, last = first_pooled, last_pooled
    if job.argmax:
        down = windows.stride_down
        first = max(first_pooled * down - windows.top, 0)
        last = min((last_pooled - 1) * down - windows.top + windows.taps_down, out_height)
    step, pixels = filters if job.argmax else job.y_step, images * (last - first) * out_width
    start = (n * out_height + first) * out_width
    target = job.y + start * step
    image = job.x + n * height * width * channels
    if geometry.padded_size:
        begin, stop = first * stride, (last - 1) * stride + geometry.span
        top, left, padded_width = geometry.top, geometry.left, geometry.padded_width
        pad_rows(memory, image, height, width, channels, top, left, padded_width, begin, stop, scratch)
        image = scratch - begin * row
        scratch += (stop - begin) * row
    if job.argmax:
        target = scratch
    floor = 0.0 if job.relu and job.other == 0 else -math.inf
    for c in range(column, column + columns if job.panel_table else column, PANEL):
        gather_matmul(
            *(memory, ints, pixels, job.pixel_offsets + first * out_width, geometry.taps, job.panel_table),
            *(min(column + columns - c, PANEL), image),
            *(job.weights + c * geometry.taps, target + c, step, job.bias + c, 0, floor),
        )
    for g in range(0 if job.panel_table else groups):
        c = g * (filters // groups) + column
        gather_matmul(
            *(memory, ints, pixels, job.pixel_offsets + first * out_width, geometry.taps, geometry.forward_table),
            *(columns // groups, image + g * (channels // groups)),
            *(job.weights + c, target + c, step, job.bias + c, 0, floor),
        )
    target += column
    if job.other:
        other = job.other + start * filters + column
        count, size = (1, pixels * filters) if columns == filters else (pixels, columns)
        for m in range(count):
            add_rows(memory, 0, size, target + m * filters, other + m * filters, job.relu)
    activate(memory, ints, job.activation, target, columns, pixels, step)
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

MANY_PIXELS = 192
"""Small images are multiplied by a panel of filters, which must be packed, until there are so many pixels."""

MANY_WEIGHTS, MANY_TASKS = 1 << 16, 4
"""So many weights are put in panels before so many tasks read them."""


def _tasks(n: int, plan: Plan, windows: PoolWindows) -> _Tasks:
    """How to share the images, their rows and the filters."""
    pools = windows is not NO_WINDOWS
    rows = windows.out_height if pools else plan.out[0]
    down, taps = (windows.stride_down, windows.taps_down) if pools else (1, 1)

    def floats(pooled_rows: int) -> int:
        out = min((pooled_rows - 1) * down + taps, plan.out[0])
        padded = ((out - 1) * plan.stride[0] + plan.span) * plan.padded[1] * plan.channels
        return (padded if plan.padded_size else 0) + (out * plan.out[1] * plan.filters if pools else 0)

    parts, bands, splits = n, 1, 1
    if not pools and not plan.padded_size:
        parts = -(-n // max(MANY_PIXELS // max(plan.pixels.size, 1), 1))
    fewest = FEW_TASKS if n * plan.macs >= program.SMALL else 1
    most = 1 if pools or plan.groups > 1 else -(-plan.filters // PANEL)
    if plan.pixels.size <= 2 * plan.filters:  # with more, panels are rather packed for each band
        splits = min(-(-fewest // max(parts, 1)), most)
    while parts == n and bands < rows:
        size = -(-rows // bands)
        wanted = floats(size) > BAND or n * bands * splits < fewest
        if not wanted or size * down * plan.out[1] < 2 * FEWEST_PIXELS:
            break
        bands += 1
    splits = max(splits, min(-(-fewest // max(parts * bands, 1)), most))
    return _Tasks(parts, bands, splits, floats(-(-rows // bands)))


@functools.lru_cache(maxsize=256)
def _pixel_offsets(plan: Plan, images: int) -> IntArray:
    """Of so many images, one behind the other."""
    step = plan.size[0] * plan.size[1] * plan.channels
    return np.ascontiguousarray((step * np.arange(images)[:, None] + plan.pixels).reshape(-1))


TAKES = ("other", "activation", "pool")
"""Of an epilogue."""


def prepare(
    x: Array, w: Array, plan: Plan, epilogue: Epilogue, into: Array | None = None
) -> tuple[Array, Array | None, list[program.Job]]:
    """(y, argmax, jobs); argmax is None without pooling. `into` are channels of a block to write y to."""
    n, filters, pool = len(x), plan.filters, epilogue.pool
    windows = NO_WINDOWS if pool is None else pool_windows(plan.out, filters, pool)
    tasks = _tasks(n, plan, windows)
    weights, jobs = prepare_packed(w.transpose(2, 3, 1, 0))
    y = epilogue.output(n, plan.out, filters, x.dtype) if into is None else into.transpose(0, 2, 3, 1)
    argmax = None if pool is None else empty_like(y)
    bias, other = epilogue.bias_of(filters, x.dtype), None if epilogue.other is None else as_nhwc(epilogue.other)
    table = None
    is_read_often = plan.taps.size * filters >= MANY_WEIGHTS and tasks.parts * tasks.bands >= MANY_TASKS
    if plan.groups == 1 and (is_read_often or worth_panels(filters, plan.taps.size)):
        weights, packing = prepare_panels(weights.reshape(-1, filters))
        table, jobs = plan.panel_table, jobs + packing
    offsets = plan.pixels if tasks.parts == n else _pixel_offsets(plan, -(-n // tasks.parts))
    factors = as_nhwc(x), weights, bias, y, y.strides[2] // y.itemsize
    after = argmax, other, epilogue.relu, in_place(epilogue.activation, x.dtype)
    record = _Forward(*factors, *after, n, tasks, offsets, table, plan.geometry, windows)
    jobs.append(program.Job(_forward, record, tasks.number, n * plan.macs, tasks.scratch))
    return y.transpose(0, 3, 1, 2), None if argmax is None else argmax.transpose(0, 3, 1, 2), jobs
