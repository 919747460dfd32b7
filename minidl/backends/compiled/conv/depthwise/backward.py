"""The gradients of a depthwise convolution: that of each weight by pixels, and the input's gathered from dy."""

import functools
import math
from typing import NamedTuple

import numpy as np

from minidl.backends.compiled.codegen.by_vectors import by_vectors
from minidl.backends.compiled.codegen.jit import kernel, njit
from minidl.backends.compiled.codegen.lanewise import add, multiply_add
from minidl.backends.compiled.codegen.load_store import clear, copy, lanes, load, store
from minidl.backends.compiled.conv.depthwise.nine_taps import TAPS, add_nine_taps
from minidl.backends.compiled.conv.depthwise.tile import Numbers, convolve_rows, numbers_of, repeated_room
from minidl.backends.compiled.conv.epilogue import NOTHING
from minidl.backends.compiled.conv.im2col.grad_tables import last_window, taps_reaching
from minidl.backends.compiled.conv.im2col.input_gradient import is_finite
from minidl.backends.compiled.conv.plan import Geometry, Plan, offsets, table_of
from minidl.backends.compiled.norm.prologue import Prologue, copy_channels, read_channels
from minidl.backends.compiled.runtime.copy import prepare_packed
from minidl.backends.compiled.runtime.memory import as_nhwc, empty
from minidl.backends.compiled.runtime.padding import crop_image
from minidl.backends.compiled.runtime.parts import part_start, parts_of
from minidl.backends.compiled.runtime.program import Job
from minidl.typing import Array, IntArray


@by_vectors
def _add_weight_gradients(memory, c, count, ints, pixels, table, taps, tap_offsets, image, dy, dw, db, step):
    """Add an image's part to dw (taps, step), pixel by pixel, and to db."""
    image, dy, dw, db = image + c, dy + c, dw + c, db + c
    before = load(memory, db, count)
    nines, total = taps - taps % TAPS, before
    for k in range(0, nines, TAPS):
        total = add_nine_taps(
            memory, ints, pixels, table, image, tap_offsets + k, dy, dw + k * step, step, before, count
        )
    if nines == 0:
        for m in range(pixels):
            total = add(total, load(memory, dy + ints[table + 2 * m + 1], count))
    store(memory, db, total, count)
    for k in range(nines, taps):
        total = load(memory, dw + k * step, count)
        place = image + ints[tap_offsets + k]
        for m in range(pixels):
            grad = load(memory, dy + ints[table + 2 * m + 1], count)
            total = multiply_add(load(memory, place + ints[table + 2 * m], count), grad, total)
        store(memory, dw + k * step, total, count)


@njit
def _scatter(memory, ints, geometry, dy, weights, padded, dx):
    """Hand each pixel of dy to the pixels under its window, in a border that is cut off at the end."""
    channels, pixels, taps = geometry.channels, geometry.pixels, geometry.taps
    pixel_offsets, tap_offsets = geometry.pixel_offsets, geometry.tap_offsets
    clear(memory, padded, geometry.padded_height * geometry.padded_width * channels)
    for c in range(0, channels, lanes(memory)):
        count = channels - c
        for m in range(pixels):
            grad = load(memory, dy + m * channels + c, count)
            for k in range(taps):
                place = padded + ints[pixel_offsets + m] + ints[tap_offsets + k] + c
                weight = load(memory, weights + k * channels + c, count)
                store(memory, place, multiply_add(grad, weight, load(memory, place, count)), count)
    crop_image(memory, geometry, padded, dx)


class _GradBorder(NamedTuple):
    """dy in a border of zeros, from which a pixel of dx reads the taps that it went to, from the last to the first."""

    top: int
    left: int
    width: int
    size: int
    n_phases: int
    n_taps: int  # of all phases: fewer than the convolution's where some reach no pixel
    phases: IntArray  # of `_Phase`
    tap_offsets: IntArray  # of all phases
    taps: IntArray


class _Phase(NamedTuple):
    """Those pixels of dx that the same taps reach: one in each stride of rows and columns."""

    rows: int
    columns: int
    taps: int
    start: int  # among all taps
    origin: int  # in dy, of the first pixel's last window
    place: int  # of the first pixel


_FIELDS = len(_Phase._fields)


class _Backward(NamedTuple):
    x: Array
    weights: Array  # (kh kw, c)
    dy: Array
    dx: Array | None  # 0 where it isn't needed
    dw: Array | None  # (parts, kh kw, c); 0 where it isn't needed
    db: Array | None  # (parts, c)
    images: int
    parts: int
    packed: int  # floats of the weights in the order of the phases, in front of
    block: int  # those of a block of channels of x in its border, in front of dy's
    step: int  # from a pixel to the next in a block
    tap_offsets: IntArray  # in such a block
    table: IntArray  # of a pixel's window in x's block, and of the pixel in dy's, by turns
    numbers: Numbers  # of dx: none
    border: _GradBorder
    geometry: Geometry
    prologue: Prologue  # of x


@njit
def _gather(memory, ints, job, channel, count, dy, weights, scratch, dx):
    """Have some channels of each pixel of dx read dy in its border, by all phases' weights one after the other."""
    geometry, border, channels, step = job.geometry, job.border, job.geometry.channels, job.step
    row, pixel = geometry.stride_down * geometry.width * channels, geometry.stride_across * channels
    for phase in range(border.phases, border.phases + _FIELDS * border.n_phases, _FIELDS):
        rows, columns, taps, start = ints[phase], ints[phase + 1], ints[phase + 2], ints[phase + 3]
        filters = taps, border.tap_offsets + start, weights + start * channels, channels
        convolve_rows(
            *(memory, ints, filters, job.numbers, dy - channel + ints[phase + 4], border.width * step, step),
            *(rows, columns, channel, channel + count, dx + ints[phase + 5], row, pixel, scratch),
        )


@kernel(_Backward)
def _backward(memory, ints, job, task, scratch):
    """For part `task` of the batch: sum the weights' and the bias's gradients, and give the input's.

    A block of channels at a time, whose image and dy lie in the first-level cache, in borders that stay zero.
    """
    geometry, border, step = job.geometry, job.border, job.step
    channels, taps, height, width = geometry.channels, geometry.taps, geometry.height, geometry.width
    size, out_size = height * width * channels, geometry.pixels * channels
    row, grad_row = geometry.padded_width * step, border.width * step
    dw, db = job.dw + task * taps * channels, job.db + task * channels
    if job.dw:
        clear(memory, dw, taps * channels)
        clear(memory, db, channels)
    # No weight may make NaN of the zeros in the border, which aren't data.
    gathers = job.dx != 0 and is_finite(memory, job.weights, taps * channels)
    image = scratch + job.packed
    grads = image + job.block
    after = grads + border.size
    for k in range(border.n_taps if gathers else 0):
        copy(memory, scratch + k * channels, job.weights + ints[border.taps + k] * channels, channels)
    clear(memory, image, job.block + border.size)
    for n in range(part_start(job.images, job.parts, task), part_start(job.images, job.parts, task + 1)):
        x, dy, dx = job.x + n * size, job.dy + n * out_size, job.dx + n * size
        for channel in range(0, channels if job.dw or gathers else 0, step):
            count = min(channels - channel, step)
            copy_channels(
                *(memory, geometry.out_height, geometry.out_width, dy, channels, channel, count),
                *(grads + border.top * grad_row + border.left * step, grad_row, step),
            )
            if job.dw:
                inside = image + geometry.top * row + geometry.left * step
                read_channels(memory, job.prologue, height, width, x, channels, channel, count, inside, row, step)
                _add_weight_gradients(
                    *(memory, channel, channel + count, ints, geometry.pixels, job.table, taps, job.tap_offsets),
                    *(image - channel, grads - channel, dw, db, channels),
                )
            if gathers:
                _gather(memory, ints, job, channel, count, grads, scratch, after, dx)
        if job.dx and not gathers:
            _scatter(memory, ints, geometry, dy, job.weights, after, dx)


BLOCK = 1 << 12
"""Floats of a block of channels of an image in its border: with dy's, it lies in the first-level cache."""

VECTOR = 16
"""Floats of a vector of the widest CPU."""


def _round_up(size: int) -> int:
    return -(-size // VECTOR) * VECTOR


def _block(plan: Plan) -> int:
    """Channels of a block, some vectors of them, or all."""
    most = max(BLOCK // (math.prod(plan.padded) * VECTOR), 1)
    vectors = -(-plan.channels // VECTOR)
    return min(-(-vectors // -(-vectors // most)) * VECTOR, plan.channels)


@functools.lru_cache(maxsize=256)
def _border(plan: Plan) -> _GradBorder:
    """The border of dy, in which every pixel of dx finds zeros where no window reaches it."""
    phases: list[_Phase] = []
    tap_offsets: list[int] = []
    numbers: list[int] = []
    step = _block(plan)
    row = plan.grad_size[1] * step
    (height, width), (down, across), (padding_top, padding_left) = plan.size, plan.stride, plan.padding
    for top in range(min(down, height)):
        for left in range(min(across, width)):
            rows, columns = len(range(top, height, down)), len(range(left, width, across))
            taps = [
                (-i * row - j * step, p * plan.kernel[1] + q)
                for p, i in reversed(taps_reaching(plan, (top + padding_top[0]) % down, 0))
                for q, j in reversed(taps_reaching(plan, (left + padding_left[0]) % across, 1))
            ]
            origin = last_window(plan, top, 0) * row + last_window(plan, left, 1) * step
            place = (top * width + left) * plan.channels
            phases.append(_Phase(rows, columns, len(taps), len(numbers), origin, place))
            tap_offsets += [offset for offset, _ in taps]
            numbers += [number for _, number in taps]
    tables = (np.array(table, np.int64).reshape(-1) for table in (phases, tap_offsets, numbers))
    size = _round_up(plan.grad_size[0] * row)
    counts = len(phases), len(numbers)
    return _GradBorder(plan.border[0][0], plan.border[1][0], plan.grad_size[1], size, *counts, *tables)


@functools.lru_cache(maxsize=256)
def _tables(plan: Plan) -> tuple[IntArray, IntArray]:
    """(the taps' offsets, the pixels' and those of their dy by turns) in blocks."""
    step, (height, width), ((top, _), (left, _)) = _block(plan), plan.out, plan.border
    row = plan.grad_size[1] * step
    grads = offsets((row, range(top, top + height)), (step, range(left, left + width)))
    return plan.taps // plan.channels * step, table_of(plan.pixels // plan.channels * step, grads)


def prepare(
    dy: Array, x: Array, w: Array, plan: Plan, need_dx: bool, need_dw: bool, prologue: Prologue
) -> tuple[Array | None, Array | None, Array | None, list[Job]]:
    """(dx, parts of dw, parts of db, jobs)."""
    weights, jobs = prepare_packed(w.transpose(2, 3, 1, 0))
    source, n, parts, step = as_nhwc(x), len(x), parts_of(len(x)), _block(plan)
    dx = empty(source.shape, x.dtype) if need_dx else None
    dw, db = (empty((parts, size, plan.channels), x.dtype) if need_dw else None for size in (plan.taps.size, 1))
    nothing, border = numbers_of(plan, x.dtype, NOTHING), _border(plan)
    packed, block = _round_up(plan.taps.size * plan.channels), _round_up(math.prod(plan.padded) * step)
    shared = n, parts, packed, block, step, *_tables(plan), nothing, border
    record = _Backward(source, weights, as_nhwc(dy), dx, dw, db, *shared, plan.geometry, prologue)
    scratch = packed + block + border.size + max(math.prod(plan.padded) * plan.channels, repeated_room(plan))
    jobs.append(Job(_backward, record, parts, (need_dx + need_dw) * n * plan.macs, scratch))
    return None if dx is None else dx.transpose(0, 3, 1, 2), dw, db, jobs
