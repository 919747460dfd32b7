"""The gradients of the weights of a convolution of images with few channels and of few filters, with taps in the lanes.

The rows that a row of windows reaches over are interleaved, pixel by pixel from top to bottom. So the pixels under a
window lie side by side, and patches need not be copied: each starts a few floats after the one before it. A filter's
gradient is then a sum, over pixels, of patches times numbers of dy, in the order, and with the bits, of im2col.
"""

import functools
from typing import NamedTuple

import numpy as np

from minidl.backends.compiled.codegen.by_vectors import by_vectors
from minidl.backends.compiled.codegen.cpu import REGISTER_BYTES
from minidl.backends.compiled.codegen.interleave import interleave
from minidl.backends.compiled.codegen.jit import kernel, njit
from minidl.backends.compiled.codegen.lanewise import add, interleave_high, interleave_low, relu_grad, where_equal
from minidl.backends.compiled.codegen.load_store import clear, lanes, load, splat, store
from minidl.backends.compiled.conv.im2col.input_gradient import copy_positive, sum_lines
from minidl.backends.compiled.conv.output_grad import OutputGrad
from minidl.backends.compiled.conv.plan import Geometry, Plan
from minidl.backends.compiled.conv.planar.forward import is_2x2
from minidl.backends.compiled.conv.planar.planes import fill_planes
from minidl.backends.compiled.conv.planar.tile import MOST_ROWS, MOST_TAPS, tap_tile
from minidl.backends.compiled.matmul.tile import CHAIN
from minidl.backends.compiled.pool.max_2x2 import unpool_2x2
from minidl.backends.compiled.runtime import program
from minidl.backends.compiled.runtime.memory import as_nhwc, empty
from minidl.backends.compiled.runtime.parts import part_start, parts_of
from minidl.typing import Array, IntArray


class _Layout(NamedTuple):
    """What lies in a thread's scratch, one after the other; sizes count floats."""

    geometry: Geometry
    kernel_height: int
    kernel_width: int
    dilation_down: int
    rows: int  # of the output, whose patches are interleaved at a time
    table: IntArray  # where patches begin in them
    taps: int  # of a filter's sums, in full vectors
    padded: int
    interleaved: int
    grads: int
    scratch: int  # of all this, and a buffer


class _Backward(NamedTuple):
    x: Array
    dy: Array
    y: Array | None  # of the ReLU after the convolution; 0 without
    argmax: Array | None  # of the pooling after that, with windows of 2 x 2; 0 without
    dw: Array  # (parts, kh kw, out)
    db: Array
    images: int
    parts: int
    layout: _Layout


@njit
def _unpool_plane(memory, dy, argmax, y, masked, dx, dx_width, height, width):
    """What `unpool_2x2` does, for one channel, windows (height, width) and pixels in the lanes."""
    for i in range(height):
        for j in range(0, width, lanes(memory)):
            place, count = i * width + j, width - j
            grad, winner = load(memory, dy + place, count), load(memory, argmax + place, count)
            if masked:
                grad = relu_grad(load(memory, y + place, count), grad)
            for u in range(2):
                left = where_equal(winner, splat(memory, 2 * u), grad)
                right = where_equal(winner, splat(memory, 2 * u + 1), grad)
                target = dx + (2 * i + u) * dx_width + 2 * j
                store(memory, target, interleave_low(left, right), 2 * count)
                store(memory, target + lanes(memory), interleave_high(left, right), 2 * count - lanes(memory))


@njit
def _output_gradient(memory, job, n, target):
    """Image n's dy, back through pooling and ReLU: where it lies, or at `target`."""
    geometry, y = job.layout.geometry, job.y
    height, width, filters = geometry.out_height, geometry.out_width, geometry.filters
    size = height * width * filters
    if job.argmax:
        step = n * (height // 2) * (width // 2) * filters
        dy, argmax, y = job.dy + step, job.argmax + step, y + step
        if filters == 1:
            if height % 2 or width % 2:
                clear(memory, target, size)
            _unpool_plane(memory, dy, argmax, y, job.y != 0, target, width, height // 2, width // 2)
        else:
            unpool_2x2(memory, dy, filters, argmax, y, job.y != 0, target, width, height, width, filters)
    elif y:
        copy_positive(memory, 0, size, target, job.dy + n * size, y + n * size)
    else:
        return job.dy + n * size
    return target


@njit
def _pad(memory, job, n, target):
    """Write image n to its border of zeros."""
    geometry, channels = job.layout.geometry, job.layout.geometry.channels
    height, width, top, left = geometry.height, geometry.width * channels, geometry.top, geometry.left * channels
    row = geometry.padded_width * channels
    inside, after = target + top * row, (top + height) * row
    fill_planes(memory, job.x + n * height * width, width, width, left, 1, 0, row, height, inside)
    clear(memory, target, top * row)
    clear(memory, target + after, geometry.padded_height * row - after)


@by_vectors
def _end_chain(memory, i, count, sums, chains):
    """Add chains to the sums, and begin new ones."""
    store(memory, sums + i, add(load(memory, sums + i, count), load(memory, chains + i, count)), count)
    store(memory, chains + i, splat(memory, 0.0), count)


@njit
def _add_patches(memory, ints, layout, first, pixels, grads, patches, sums, chains):
    """Add patches times dy, for pixels first, first + 1, ..., to each filter's sums (kw, c, kh)."""
    filters, taps = layout.geometry.filters, layout.taps
    vectors = (layout.geometry.taps + lanes(memory) - 1) // lanes(memory)
    tiles, done = (filters + MOST_ROWS - 1) // MOST_ROWS, 0
    while done < pixels:
        count, k = min(CHAIN - (first + done) % CHAIN, pixels - done), 0
        for i in range(tiles):
            rows = (filters - k + tiles - i - 1) // (tiles - i)
            for v in range(0, vectors, MOST_TAPS):
                j = v * lanes(memory)
                tap_tile(
                    *(memory, ints, rows, min(vectors - v, MOST_TAPS), count, grads + done * filters + k, filters),
                    *(layout.table + done, patches + j, chains + k * taps + j, taps),
                )
            k += rows
        done += count
        if (first + done) % CHAIN == 0 or first + done == layout.geometry.pixels:
            _end_chain(memory, 0, filters * taps, sums, chains)


@kernel(_Backward)
def _backward(memory, ints, job, task, scratch):
    """For part `task` of the batch: sum the weights' and the bias's gradients."""
    layout, geometry = job.layout, job.layout.geometry
    filters, kernel_height, kernel_width = geometry.filters, layout.kernel_height, layout.kernel_width
    out_height, out_width, row = geometry.out_height, geometry.out_width, geometry.padded_width * geometry.channels
    db = job.db + task * filters
    sums, chains = scratch, scratch + filters * layout.taps
    padded = chains + filters * layout.taps
    interleaved = padded + layout.padded
    target = interleaved + layout.interleaved
    buffer = target + layout.grads
    step, apart = geometry.stride_down * row, layout.dilation_down * row
    clear(memory, sums, 2 * filters * layout.taps)
    clear(memory, db, filters)
    for n in range(part_start(job.images, job.parts, task), part_start(job.images, job.parts, task + 1)):
        _pad(memory, job, n, padded)
        grads = _output_gradient(memory, job, n, target)
        sum_lines(memory, grads, out_width * filters, out_height, out_width, filters, db)
        for i in range(0, out_height, layout.rows):
            rows, source = min(layout.rows, out_height - i), padded + i * step
            interleave(memory, kernel_height, source, apart, step, interleaved, row, rows, buffer)
            first, place = i * out_width, grads + i * out_width * filters
            _add_patches(memory, ints, layout, first, rows * out_width, place, interleaved, sums, chains)
    dw = job.dw + task * geometry.taps * filters
    for p in range(kernel_height):
        for q in range(kernel_width * geometry.channels):
            for k in range(filters):
                memory[dw] = memory[sums + k * layout.taps + q * kernel_height + p]
                dw += 1


INTERLEAVED = 1 << 13
"""Floats that interleaved rows may take: with dy beside them, they stay in the first-level cache."""

_LANES = REGISTER_BYTES // 4


@functools.lru_cache(maxsize=512)
def _layout(plan: Plan) -> _Layout:
    kh, kw = plan.kernel
    height, width = plan.padded[0], plan.padded[1] * plan.channels
    rows = min(max(INTERLEAVED // (kh * width), 1), plan.out[0])
    down, across = np.arange(rows) * width * kh, np.arange(plan.out[1]) * plan.stride[1] * plan.channels * kh
    table = np.ascontiguousarray((down[:, None] + across).reshape(-1))
    taps = -(-plan.taps.size // _LANES) * _LANES
    padded, interleaved, grads = height * width + _LANES, rows * width * kh + taps, plan.pixels.size * plan.filters
    scratch = 2 * plan.filters * taps + padded + interleaved + grads + kh * (width + _LANES)
    return _Layout(plan.geometry, kh, kw, plan.dilation[0], rows, table, taps, padded, interleaved, grads, scratch)


def backward(grad: OutputGrad, x: Array, plan: Plan) -> tuple[Array, Array, list[program.Job]]:
    """(parts of dw (parts, kh kw, out), parts of db (parts, out), jobs)."""
    n, filters = len(x), plan.filters
    parts = parts_of(n)
    jobs: list[program.Job] = []
    if grad.pool is not None and not is_2x2(grad.pool):
        dy, jobs = grad.prepare_alone(plan)
        grad = OutputGrad(dy)
    dw, db = empty((parts, plan.taps.size, filters), x.dtype), empty((parts, filters), x.dtype)
    layout = _layout(plan)
    record = _Backward(as_nhwc(x), *grad.blocks(), dw, db, n, parts, layout)
    jobs.append(program.Job(_backward, record, parts, n * plan.macs, layout.scratch))
    return dw, db, jobs
