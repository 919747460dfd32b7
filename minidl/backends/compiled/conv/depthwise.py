"""Depthwise convolution, a filter for each channel: the lanes of a vector are channels, which lie side by side.

The matrix product would have a column for each group, and leave all lanes of a vector but one idle.
"""

import math
from typing import NamedTuple

import numpy as np

from minidl.backends.compiled.codegen.jit import kernel, njit
from minidl.backends.compiled.codegen.lanewise import add, multiply_add
from minidl.backends.compiled.codegen.load_store import clear, lanes, load, store
from minidl.backends.compiled.conv.plan import Geometry, Plan
from minidl.backends.compiled.runtime.copy import prepare_packed
from minidl.backends.compiled.runtime.memory import as_nhwc, contiguous, empty
from minidl.backends.compiled.runtime.padding import crop_image, with_border
from minidl.backends.compiled.runtime.program import PARTS, Job
from minidl.typing import Array


class _Forward(NamedTuple):
    x: Array
    weights: Array  # (kh kw, c)
    bias: Array
    y: Array
    geometry: Geometry


@kernel(_Forward)
def _forward(memory, ints, job, task, scratch):
    """Image `task`: each pixel of each channel is one chain of FMAs over the taps, from the bias on."""
    geometry = job.geometry
    channels, pixels, taps = geometry.channels, geometry.pixels, geometry.taps
    pixel_offsets, tap_offsets = geometry.pixel_offsets, geometry.tap_offsets
    image = with_border(memory, geometry, job.x + task * geometry.height * geometry.width * channels, scratch)
    weights, y = job.weights, job.y + task * pixels * channels
    for c in range(0, channels, lanes(memory)):
        count = channels - c
        bias = load(memory, job.bias + c, count)
        for m in range(pixels):
            place = image + ints[pixel_offsets + m] + c
            total = bias
            for k in range(taps):
                pixel = load(memory, place + ints[tap_offsets + k], count)
                total = multiply_add(pixel, load(memory, weights + k * channels + c, count), total)
            store(memory, y + m * channels + c, total, count)


@njit
def _add_weight_gradients(memory, ints, geometry, image, dy, dw, db):
    """Add an image's part to dw (taps, c), pixel by pixel, and to db (c,)."""
    channels, pixels, taps = geometry.channels, geometry.pixels, geometry.taps
    pixel_offsets, tap_offsets = geometry.pixel_offsets, geometry.tap_offsets
    for c in range(0, channels, lanes(memory)):
        count = channels - c
        total = load(memory, db + c, count)
        for m in range(pixels):
            total = add(total, load(memory, dy + m * channels + c, count))
        store(memory, db + c, total, count)
        for k in range(taps):
            total = load(memory, dw + k * channels + c, count)
            place = image + ints[tap_offsets + k] + c
            for m in range(pixels):
                pixel = load(memory, place + ints[pixel_offsets + m], count)
                total = multiply_add(pixel, load(memory, dy + m * channels + c, count), total)
            store(memory, dw + k * channels + c, total, count)


@njit
def _input_gradient(memory, ints, geometry, dy, weights, padded, dx):
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


class _Backward(NamedTuple):
    x: Array
    weights: Array  # (kh kw, c)
    dy: Array
    dx: Array | None  # 0 where it isn't needed
    dw: Array | None  # (parts, kh kw, c); 0 where it isn't needed
    db: Array | None  # (parts, c)
    images: int
    parts: int
    geometry: Geometry


@kernel(_Backward)
def _backward(memory, ints, job, task, scratch):
    """For part `task` of the batch: sum the weights' and the bias's gradients, and give the input's."""
    geometry, channels, taps = job.geometry, job.geometry.channels, job.geometry.taps
    size = geometry.height * geometry.width * channels
    dw, db = job.dw + task * taps * channels, job.db + task * channels
    if job.dw:
        clear(memory, dw, taps * channels)
        clear(memory, db, channels)
    for n in range(task * job.images // job.parts, (task + 1) * job.images // job.parts):
        dy = job.dy + n * geometry.pixels * channels
        if job.dw:
            image = with_border(memory, geometry, job.x + n * size, scratch)
            _add_weight_gradients(memory, ints, geometry, image, dy, dw, db)
        if job.dx:
            _input_gradient(memory, ints, geometry, dy, job.weights, scratch, job.dx + n * size)


def prepare(x: Array, w: Array, b: Array | None, plan: Plan) -> tuple[Array, list[Job]]:
    """(y (n, c, oh, ow), jobs)."""
    weights, jobs = prepare_packed(w.transpose(2, 3, 1, 0))
    bias = np.zeros(plan.channels, x.dtype) if b is None else contiguous(b)
    y = empty((len(x), *plan.out, plan.channels), x.dtype)
    record = _Forward(as_nhwc(x), weights, bias, y, plan.geometry)
    jobs.append(Job(_forward, record, len(x), len(x) * plan.macs, plan.padded_size))
    return y.transpose(0, 3, 1, 2), jobs


def prepare_backward(
    dy: Array, x: Array, w: Array, plan: Plan, need_dx: bool, need_dw: bool
) -> tuple[Array | None, Array | None, Array | None, list[Job]]:
    """(dx, parts of dw, parts of db, jobs)."""
    weights, jobs = prepare_packed(w.transpose(2, 3, 1, 0))
    source, n, parts = as_nhwc(x), len(x), min(len(x), PARTS)
    dx = empty(source.shape, x.dtype) if need_dx else None
    dw, db = (empty((parts, size, plan.channels), x.dtype) if need_dw else None for size in (plan.taps.size, 1))
    record = _Backward(source, weights, as_nhwc(dy), dx, dw, db, n, parts, plan.geometry)
    scratch = math.prod(plan.padded) * plan.channels
    jobs.append(Job(_backward, record, parts, (need_dx + need_dw) * n * plan.macs, scratch))
    return None if dx is None else dx.transpose(0, 3, 1, 2), dw, db, jobs
