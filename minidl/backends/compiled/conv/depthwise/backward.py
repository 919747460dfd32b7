"""The gradients of a depthwise convolution: that of each weight by pixels, and the input's gathered from dy."""

import functools
import math
from typing import NamedTuple

import numpy as np

from minidl.backends.compiled.codegen.by_vectors import by_vectors
from minidl.backends.compiled.codegen.jit import inlined, kernel, njit
from minidl.backends.compiled.codegen.lanewise import add, multiply_add
from minidl.backends.compiled.codegen.load_store import clear, copy, lanes, load, store
from minidl.backends.compiled.conv.depthwise.tile import Numbers, convolve_rows, numbers_of, repeated_room
from minidl.backends.compiled.conv.epilogue import NOTHING
from minidl.backends.compiled.conv.im2col.grad_tables import last_window, taps_reaching
from minidl.backends.compiled.conv.im2col.input_gradient import is_finite
from minidl.backends.compiled.conv.plan import Geometry, Plan
from minidl.backends.compiled.norm.prologue import Prologue, read_in_border
from minidl.backends.compiled.runtime.copy import prepare_packed
from minidl.backends.compiled.runtime.memory import as_nhwc, empty
from minidl.backends.compiled.runtime.padding import crop_image, pad_rows
from minidl.backends.compiled.runtime.program import PARTS, Job
from minidl.typing import Array, IntArray


@inlined
def _nine_taps(memory, ints, geometry, offsets, image, dy, dw, total, channels, count):
    """Add to the gradients of nine taps at once: nine chains, each pixel by pixel. Gives total plus the sum of dy."""
    o0, o1, o2 = image + ints[offsets], image + ints[offsets + 1], image + ints[offsets + 2]
    o3, o4, o5 = image + ints[offsets + 3], image + ints[offsets + 4], image + ints[offsets + 5]
    o6, o7, o8 = image + ints[offsets + 6], image + ints[offsets + 7], image + ints[offsets + 8]
    w0, w1, w2 = load(memory, dw, count), load(memory, dw + channels, count), load(memory, dw + 2 * channels, count)
    w3, w4 = load(memory, dw + 3 * channels, count), load(memory, dw + 4 * channels, count)
    w5, w6 = load(memory, dw + 5 * channels, count), load(memory, dw + 6 * channels, count)
    w7, w8 = load(memory, dw + 7 * channels, count), load(memory, dw + 8 * channels, count)
    row, pixel = geometry.stride_down * geometry.padded_width * channels, geometry.stride_across * channels
    for i in range(geometry.out_height):
        for p in range(i * row, i * row + geometry.out_width * pixel, pixel):
            grad = load(memory, dy, count)
            total = add(total, grad)
            w0 = multiply_add(load(memory, o0 + p, count), grad, w0)
            w1 = multiply_add(load(memory, o1 + p, count), grad, w1)
            w2 = multiply_add(load(memory, o2 + p, count), grad, w2)
            w3 = multiply_add(load(memory, o3 + p, count), grad, w3)
            w4 = multiply_add(load(memory, o4 + p, count), grad, w4)
            w5 = multiply_add(load(memory, o5 + p, count), grad, w5)
            w6 = multiply_add(load(memory, o6 + p, count), grad, w6)
            w7 = multiply_add(load(memory, o7 + p, count), grad, w7)
            w8 = multiply_add(load(memory, o8 + p, count), grad, w8)
            dy += channels
    store(memory, dw, w0, count)
    store(memory, dw + channels, w1, count)
    store(memory, dw + 2 * channels, w2, count)
    store(memory, dw + 3 * channels, w3, count)
    store(memory, dw + 4 * channels, w4, count)
    store(memory, dw + 5 * channels, w5, count)
    store(memory, dw + 6 * channels, w6, count)
    store(memory, dw + 7 * channels, w7, count)
    store(memory, dw + 8 * channels, w8, count)
    return total


@by_vectors
def _add_weight_gradients(memory, c, count, ints, geometry, image, dy, dw, db, channels):
    """Add an image's part to dw (taps, c), pixel by pixel, and to db (c,)."""
    image, dy, dw, db = image + c, dy + c, dw + c, db + c
    pixels, taps = geometry.pixels, geometry.taps
    pixel_offsets, tap_offsets = geometry.pixel_offsets, geometry.tap_offsets
    before = load(memory, db, count)
    nines, total = taps - taps % 9, before
    for k in range(0, nines, 9):
        total = _nine_taps(
            *(memory, ints, geometry, tap_offsets + k, image, dy, dw + k * channels, before, channels, count)
        )
    if nines == 0:
        for m in range(pixels):
            total = add(total, load(memory, dy + m * channels, count))
    store(memory, db, total, count)
    for k in range(nines, taps):
        total = load(memory, dw + k * channels, count)
        place = image + ints[tap_offsets + k]
        for m in range(pixels):
            pixel = load(memory, place + ints[pixel_offsets + m], count)
            total = multiply_add(pixel, load(memory, dy + m * channels, count), total)
        store(memory, dw + k * channels, total, count)


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
    height: int
    width: int
    size: int  # 0 where dy is read where it lies
    n_phases: int
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
    numbers: Numbers  # of dx: none
    border: _GradBorder
    geometry: Geometry
    prologue: Prologue  # of x


@njit
def _gather(memory, ints, job, dy, weights, scratch, dx):
    """Have each pixel of dx read dy in its border, by the weights of all phases one after the other."""
    geometry, border, channels = job.geometry, job.border, job.geometry.channels
    after = weights + geometry.taps * channels
    if border.size:
        pad_rows(
            *(memory, dy, geometry.out_height, geometry.out_width, channels),
            *(border.top, border.left, border.width, 0, border.height, scratch),
        )
        dy = scratch
    row, pixel = geometry.stride_down * geometry.width * channels, geometry.stride_across * channels
    for phase in range(border.phases, border.phases + _FIELDS * border.n_phases, _FIELDS):
        rows, columns, taps, start = ints[phase], ints[phase + 1], ints[phase + 2], ints[phase + 3]
        filters = taps, border.tap_offsets + start, weights + start * channels, channels
        convolve_rows(
            *(memory, ints, filters, job.numbers, dy + ints[phase + 4], border.width * channels, channels),
            *(rows, columns, 0, channels, dx + ints[phase + 5], row, pixel, after),
        )


@kernel(_Backward)
def _backward(memory, ints, job, task, scratch):
    """For part `task` of the batch: sum the weights' and the bias's gradients, and give the input's."""
    geometry, border, channels, taps = job.geometry, job.border, job.geometry.channels, job.geometry.taps
    size = geometry.height * geometry.width * channels
    dw, db = job.dw + task * taps * channels, job.db + task * channels
    if job.dw:
        clear(memory, dw, taps * channels)
        clear(memory, db, channels)
    # No weight may make NaN of the zeros in the border, which aren't data.
    gathers = job.dx != 0 and is_finite(memory, job.weights, taps * channels)
    packed = scratch + max(border.size, geometry.padded_height * geometry.padded_width * channels)
    for k in range(taps if gathers else 0):
        copy(memory, packed + k * channels, job.weights + ints[border.taps + k] * channels, channels)
    for n in range(task * job.images // job.parts, (task + 1) * job.images // job.parts):
        dy = job.dy + n * geometry.pixels * channels
        if job.dw:
            image, height = job.x + n * size, geometry.padded_height
            image = read_in_border(memory, geometry, job.prologue, image, 0, height, scratch)
            _add_weight_gradients(memory, 0, channels, ints, geometry, image, dy, dw, db, channels)
        if gathers:
            _gather(memory, ints, job, dy, packed, scratch, job.dx + n * size)
        elif job.dx:
            _scatter(memory, ints, geometry, dy, job.weights, scratch, job.dx + n * size)


@functools.lru_cache(maxsize=256)
def _border(plan: Plan) -> _GradBorder:
    """The border of dy, in which every pixel of dx finds zeros where no window reaches it."""
    phases: list[_Phase] = []
    offsets: list[int] = []
    numbers: list[int] = []
    (height, width), (down, across), (padding_top, padding_left) = plan.size, plan.stride, plan.padding
    for top in range(min(down, height)):
        for left in range(min(across, width)):
            rows, columns = len(range(top, height, down)), len(range(left, width, across))
            taps = [
                (-i * plan.grad_row - j * plan.channels, p * plan.kernel[1] + q)
                for p, i in reversed(taps_reaching(plan, (top + padding_top[0]) % down, 0))
                for q, j in reversed(taps_reaching(plan, (left + padding_left[0]) % across, 1))
            ]
            origin = last_window(plan, top, 0) * plan.grad_row + last_window(plan, left, 1) * plan.channels
            place = (top * width + left) * plan.channels
            phases.append(_Phase(rows, columns, len(taps), len(numbers), origin, place))
            offsets += [offset for offset, _ in taps]
            numbers += [number for _, number in taps]
    size = plan.grad_size[0] * plan.grad_row if plan.grad_size != plan.out else 0
    tables = (np.array(table, np.int64).reshape(-1) for table in (phases, offsets, numbers))
    return _GradBorder(plan.border[0][0], plan.border[1][0], *plan.grad_size, size, len(phases), *tables)


def prepare(
    dy: Array, x: Array, w: Array, plan: Plan, need_dx: bool, need_dw: bool, prologue: Prologue
) -> tuple[Array | None, Array | None, Array | None, list[Job]]:
    """(dx, parts of dw, parts of db, jobs)."""
    weights, jobs = prepare_packed(w.transpose(2, 3, 1, 0))
    source, n, parts = as_nhwc(x), len(x), min(len(x), PARTS)
    dx = empty(source.shape, x.dtype) if need_dx else None
    dw, db = (empty((parts, size, plan.channels), x.dtype) if need_dw else None for size in (plan.taps.size, 1))
    nothing, border = numbers_of(plan, x.dtype, NOTHING), _border(plan)
    record = _Backward(source, weights, as_nhwc(dy), dx, dw, db, n, parts, nothing, border, plan.geometry, prologue)
    scratch = max(math.prod(plan.padded) * plan.channels, border.size) + plan.taps.size * plan.channels
    jobs.append(Job(_backward, record, parts, (need_dx + need_dw) * n * plan.macs, scratch + repeated_room(plan)))
    return None if dx is None else dx.transpose(0, 3, 1, 2), dw, db, jobs
