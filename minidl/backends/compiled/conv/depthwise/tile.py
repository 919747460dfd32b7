"""Rows of a depthwise convolution's outputs: the lanes of a vector are channels, which lie side by side.

The matrix product would have a column for each group, and leave all lanes of a vector but one idle. Several pixels of
a row are computed at once, so that a weight is loaded once for all of them and their chains of FMAs overlap; where a
vector has more lanes than there are channels, a pixel's neighbours fill it.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from minidl.backends.compiled.codegen.by_vectors import by_vectors
from minidl.backends.compiled.codegen.cpu import REGISTER_BYTES
from minidl.backends.compiled.codegen.jit import inlined, njit
from minidl.backends.compiled.codegen.lanewise import at_least, multiply_add
from minidl.backends.compiled.codegen.load_store import lanes, load, splat, store
from minidl.backends.compiled.conv.epilogue import Epilogue
from minidl.backends.compiled.conv.plan import Plan
from minidl.backends.compiled.runtime.memory import contiguous
from minidl.typing import Array


class Numbers(NamedTuple):
    """What each channel's sums begin with, and what is done to them."""

    bias: Array
    scale: Array  # 1, and minus 0 as the shift, change no bit
    shift: Array
    relu: bool


def numbers_of(plan: Plan, dtype: "np.dtype[Any]", epilogue: Epilogue) -> Numbers:
    """Those of an epilogue, and what changes nothing for those that it hasn't."""
    bias, scale, shift = (
        np.full(plan.channels, nothing, dtype) if given is None else contiguous(given)
        for given, nothing in ((epilogue.bias, 0.0), (epilogue.scale, 1.0), (epilogue.shift, -0.0))
    )
    return Numbers(bias, scale, shift, epilogue.relu)


def repeated_room(plan: Plan) -> int:
    """Floats for the weights and the numbers of an epilogue, each repeated to a vector of the widest CPU."""
    return (int(plan.taps.size) + 3) * REGISTER_BYTES // 4


@inlined
def _finish(memory, total, numbers, y, count):
    _, scale, shift, floor = numbers
    store(memory, y, at_least(floor, multiply_add(total, scale, shift)), count)


@inlined
def _pixels_1(memory, ints, filters, x, numbers, y, count):
    """A vector of outputs: a chain of FMAs over the taps, from the bias on."""
    (taps, offsets, weights, step), total = filters, numbers[0]
    for k in range(taps):
        total = multiply_add(load(memory, x + ints[offsets + k], count), load(memory, weights + k * step, count), total)
    _finish(memory, total, numbers, y, count)


@inlined
def _pixels_4(memory, ints, filters, x, dx, numbers, y, dy, count):
    """Four of them, whose inputs lie `dx` apart and whose outputs `dy`."""
    (taps, offsets, weights, step), bias = filters, numbers[0]
    a, b, c, d = bias, bias, bias, bias
    for k in range(taps):
        weight, place = load(memory, weights + k * step, count), x + ints[offsets + k]
        a = multiply_add(load(memory, place, count), weight, a)
        b = multiply_add(load(memory, place + dx, count), weight, b)
        c = multiply_add(load(memory, place + 2 * dx, count), weight, c)
        d = multiply_add(load(memory, place + 3 * dx, count), weight, d)
    _finish(memory, a, numbers, y, count)
    _finish(memory, b, numbers, y + dy, count)
    _finish(memory, c, numbers, y + 2 * dy, count)
    _finish(memory, d, numbers, y + 3 * dy, count)


@inlined
def _pixels_8(memory, ints, filters, x, dx, numbers, y, dy, count):
    """Eight of them."""
    (taps, offsets, weights, step), bias = filters, numbers[0]
    a, b, c, d, e, f, g, h = bias, bias, bias, bias, bias, bias, bias, bias
    for k in range(taps):
        weight, place = load(memory, weights + k * step, count), x + ints[offsets + k]
        a = multiply_add(load(memory, place, count), weight, a)
        b = multiply_add(load(memory, place + dx, count), weight, b)
        c = multiply_add(load(memory, place + 2 * dx, count), weight, c)
        d = multiply_add(load(memory, place + 3 * dx, count), weight, d)
        e = multiply_add(load(memory, place + 4 * dx, count), weight, e)
        f = multiply_add(load(memory, place + 5 * dx, count), weight, f)
        g = multiply_add(load(memory, place + 6 * dx, count), weight, g)
        h = multiply_add(load(memory, place + 7 * dx, count), weight, h)
    _finish(memory, a, numbers, y, count)
    _finish(memory, b, numbers, y + dy, count)
    _finish(memory, c, numbers, y + 2 * dy, count)
    _finish(memory, d, numbers, y + 3 * dy, count)
    _finish(memory, e, numbers, y + 4 * dy, count)
    _finish(memory, f, numbers, y + 5 * dy, count)
    _finish(memory, g, numbers, y + 6 * dy, count)
    _finish(memory, h, numbers, y + 7 * dy, count)


@inlined
def _rows(memory, ints, filters, x, x_row, dx, rows, vectors, rest, numbers, y, y_row, dy, count):
    """Rows of so many vectors of `count` numbers each, and one of `rest`, from rows of x that lie `x_row` apart."""
    for i in range(rows):
        place, target, j = x + i * x_row, y + i * y_row, 0
        while j + 8 <= vectors:
            _pixels_8(memory, ints, filters, place, dx, numbers, target, dy, count)
            j, place, target = j + 8, place + 8 * dx, target + 8 * dy
        if j + 4 <= vectors:
            _pixels_4(memory, ints, filters, place, dx, numbers, target, dy, count)
            j, place, target = j + 4, place + 4 * dx, target + 4 * dy
        while j < vectors:
            _pixels_1(memory, ints, filters, place, numbers, target, count)
            j, place, target = j + 1, place + dx, target + dy
        if rest:
            _pixels_1(memory, ints, filters, place, numbers, target, rest)


@by_vectors
def _channels(memory, c, count, ints, filters, numbers, floor, x, x_row, x_pixel, height, width, y, y_row, y_step):
    """Some channels of an image of outputs."""
    taps, offsets, weights, step = filters
    bias, scale = load(memory, numbers.bias + c, count), load(memory, numbers.scale + c, count)
    _rows(
        *(memory, ints, (taps, offsets, weights + c, step), x + c, x_row, x_pixel, height, width, 0),
        *((bias, scale, load(memory, numbers.shift + c, count), floor), y + c, y_row, y_step, count),
    )


@njit
def _repeat(memory, source, channels, target):
    """Fill a vector with a pixel's numbers again and again."""
    for i in range(lanes(memory)):
        memory[target + i] = memory[source + i % channels]


@njit
def convolve_rows(
    memory, ints, filters, numbers, x, x_row, x_pixel, height, width, first, last, y, y_row, y_step, scratch
):
    """Channels first to last - 1 of `height` x `width` outputs, from inputs `x_pixel` apart in rows `x_row` apart.

    Each is one chain of FMAs over the taps, from the bias on. `filters` are (taps, their offsets, weights, step).
    """
    n, floor = lanes(memory), splat(memory, 0.0) if numbers.relu else splat(memory, -math.inf)
    channels = last - first
    if first == 0 and channels < n and n % channels == 0 and x_pixel == channels and y_step == channels:
        taps, offsets, weights, step = filters
        for k in range(taps):
            _repeat(memory, weights + k * step, channels, scratch + k * n)
        after = scratch + taps * n
        _repeat(memory, numbers.bias, channels, after)
        _repeat(memory, numbers.scale, channels, after + n)
        _repeat(memory, numbers.shift, channels, after + 2 * n)
        repeated = (load(memory, after, n), load(memory, after + n, n), load(memory, after + 2 * n, n), floor)
        _rows(
            *(memory, ints, (taps, offsets, scratch, n), x, x_row, n),
            *(height, width * channels // n, width * channels % n, repeated, y, y_row, n, n),
        )
    else:
        _channels(
            memory, first, last, ints, filters, numbers, floor, x, x_row, x_pixel, height, width, y, y_row, y_step
        )
