"""Depthwise convolution, a filter for each channel: the lanes of a vector are channels, which lie side by side.

The matrix product would have a column for each group, and leave all lanes of a vector but one idle.
"""

import functools
from enum import IntEnum, auto
from typing import Any

import numpy as np

from minidl.backends.compiled.codegen.jit import Kernel, njit
from minidl.backends.compiled.codegen.lanewise import add, multiply_add
from minidl.backends.compiled.codegen.load_store import clear, copy, lanes, load, store
from minidl.backends.compiled.conv.plan import Plan
from minidl.backends.compiled.runtime import program
from minidl.backends.compiled.runtime.copy import prepare_packed
from minidl.backends.compiled.runtime.memory import as_nhwc, contiguous, empty
from minidl.backends.compiled.runtime.padding import pad_image
from minidl.backends.compiled.runtime.program import PARTS, pack
from minidl.typing import Array


class Job(IntEnum):
    """The places of both kernels' integers."""

    x = 0
    weights = auto()  # (kh kw, c)
    y = auto()  # dy in the backward pass
    bias = auto()  # of the forward pass
    dx = auto()  # of the backward pass; 0 where it isn't needed
    dw = auto()  # (parts, kh kw, c); 0 where it isn't needed
    db = auto()  # (parts, c)
    images = auto()
    parts = auto()
    channels = auto()  # from here on, the same in every job of a plan
    pixels = auto()
    pixel_offsets = auto()
    taps = auto()
    tap_offsets = auto()
    height = auto()
    width = auto()
    top = auto()
    left = auto()
    padded_width = auto()
    padded_size = auto()  # also without padding


@njit
def _padded(memory, ints, job, image, target):
    """The image in its border of zeros, at `target`."""
    height, width, channels = ints[job + Job.height], ints[job + Job.width], ints[job + Job.channels]
    top, left, padded_width = ints[job + Job.top], ints[job + Job.left], ints[job + Job.padded_width]
    pad_image(memory, image, height, width, channels, top, left, padded_width, ints[job + Job.padded_size], target)


@Kernel
def _forward(memory, ints, job, task, own):
    """Image `task`: each pixel of each channel is one chain of FMAs over the taps, from the bias on."""
    channels, pixels, taps = ints[job + Job.channels], ints[job + Job.pixels], ints[job + Job.taps]
    pixel_offsets, tap_offsets = ints[job + Job.pixel_offsets], ints[job + Job.tap_offsets]
    weights, y = ints[job + Job.weights], ints[job + Job.y] + task * pixels * channels
    size = ints[job + Job.height] * ints[job + Job.width] * channels
    _padded(memory, ints, job, ints[job + Job.x] + task * size, own)
    for c in range(0, channels, lanes(memory)):
        count = channels - c
        bias = load(memory, ints[job + Job.bias] + c, count)
        for m in range(pixels):
            place = own + ints[pixel_offsets + m] + c
            total = bias
            for k in range(taps):
                pixel = load(memory, place + ints[tap_offsets + k], count)
                total = multiply_add(pixel, load(memory, weights + k * channels + c, count), total)
            store(memory, y + m * channels + c, total, count)


@njit
def _add_weight_gradients(memory, ints, job, image, dy, dw, db):
    """Add an image's part to dw (taps, c), pixel by pixel, and to db (c,)."""
    channels, pixels, taps = ints[job + Job.channels], ints[job + Job.pixels], ints[job + Job.taps]
    pixel_offsets, tap_offsets = ints[job + Job.pixel_offsets], ints[job + Job.tap_offsets]
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
def _input_gradient(memory, ints, job, dy, padded, dx):
    """Hand each pixel of dy to the pixels under its window, in a border that is cut off at the end."""
    height, width, channels = ints[job + Job.height], ints[job + Job.width], ints[job + Job.channels]
    pixel_offsets, tap_offsets = ints[job + Job.pixel_offsets], ints[job + Job.tap_offsets]
    weights = ints[job + Job.weights]
    clear(memory, padded, ints[job + Job.padded_size])
    for c in range(0, channels, lanes(memory)):
        count = channels - c
        for m in range(ints[job + Job.pixels]):
            slope = load(memory, dy + m * channels + c, count)
            for k in range(ints[job + Job.taps]):
                place = padded + ints[pixel_offsets + m] + ints[tap_offsets + k] + c
                weight = load(memory, weights + k * channels + c, count)
                store(memory, place, multiply_add(slope, weight, load(memory, place, count)), count)
    for i in range(height):
        line = ((i + ints[job + Job.top]) * ints[job + Job.padded_width] + ints[job + Job.left]) * channels
        copy(memory, dx + i * width * channels, padded + line, width * channels)


@Kernel
def _backward(memory, ints, job, task, own):
    """For part `task` of the batch: sum the weights' and the bias's gradients, and give the input's."""
    channels, taps, pixels = ints[job + Job.channels], ints[job + Job.taps], ints[job + Job.pixels]
    images, parts = ints[job + Job.images], ints[job + Job.parts]
    size = ints[job + Job.height] * ints[job + Job.width] * channels
    dw, db = ints[job + Job.dw] + task * taps * channels, ints[job + Job.db] + task * channels
    need_dw = ints[job + Job.dw] != 0
    if need_dw:
        clear(memory, dw, taps * channels)
        clear(memory, db, channels)
    for n in range(task * images // parts, (task + 1) * images // parts):
        dy = ints[job + Job.y] + n * pixels * channels
        if need_dw:
            _padded(memory, ints, job, ints[job + Job.x] + n * size, own)
            _add_weight_gradients(memory, ints, job, own, dy, dw, db)
        if ints[job + Job.dx]:
            _input_gradient(memory, ints, job, dy, own, ints[job + Job.dx] + n * size)


@functools.lru_cache(maxsize=512)
def _fixed(tables: Plan) -> tuple[Any, ...]:
    """The arguments that a plan's jobs have in common."""
    return (
        *(tables.channels, tables.pixels.size, tables.pixels, tables.taps.size, tables.taps, *tables.size),
        *(tables.padding[0][0], tables.padding[1][0], tables.padded[1], _padded_size(tables)),
    )


def _padded_size(tables: Plan) -> int:
    height, width = tables.padded
    return height * width * tables.channels


def forward(x: Array, w: Array, b: Array | None, tables: Plan) -> tuple[Array, list[program.Job]]:
    """(y (n, c, oh, ow), jobs)."""
    weights, jobs = prepare_packed(w.transpose(2, 3, 1, 0))
    bias = np.zeros(tables.channels, x.dtype) if b is None else contiguous(b)
    y = empty((len(x), *tables.out, tables.channels), x.dtype)
    job = _job(tables, x=as_nhwc(x), weights=weights, y=y, bias=bias)
    jobs.append(program.Job(_forward, job, len(x), len(x) * tables.macs, _padded_size(tables)))
    return y.transpose(0, 3, 1, 2), jobs


def backward(
    dy: Array, x: Array, w: Array, tables: Plan, need_dx: bool, need_dw: bool
) -> tuple[Array | None, Array | None, Array | None, list[program.Job]]:
    """(dx, parts of dw, parts of db, jobs) of `forward`."""
    weights, jobs = prepare_packed(w.transpose(2, 3, 1, 0))
    source, parts = as_nhwc(x), min(len(x), PARTS)
    dx = empty(source.shape, x.dtype) if need_dx else None
    sizes = (tables.taps.size, 1)
    dw, db = (empty((parts, size, tables.channels), x.dtype) if need_dw else None for size in sizes)
    places = {"x": source, "weights": weights, "y": as_nhwc(dy), "dx": dx, "dw": dw, "db": db}
    job = _job(tables, **places, images=len(x), parts=parts)
    jobs.append(program.Job(_backward, job, parts, (need_dx + need_dw) * len(x) * tables.macs, _padded_size(tables)))
    return None if dx is None else dx.transpose(0, 3, 1, 2), dw, db, jobs


def _job(tables: Plan, **values: Any) -> list[Any]:
    unused = dict.fromkeys(("bias", "dx", "dw", "db", "images", "parts"), 0)
    return pack(Job, _fixed(tables), **(unused | values))
