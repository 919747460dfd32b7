"""Batch normalization backward: sums over dy, line by line, image by image, and dx from them in another pass.

Behind a pooling dy is read where it stands, once for each window, beside the x that won there: what else would be
summed is zero. The lines of a window are summed apart, as they would be without the pooling, for the same bits.
"""

from enum import IntEnum, auto

from minidl.backends.compiled.codegen.jit import Kernel, inlined
from minidl.backends.compiled.codegen.lanewise import (
    add,
    divide,
    multiply,
    multiply_add,
    relu_grad,
    square_root,
    subtract,
    where_equal,
    where_less,
)
from minidl.backends.compiled.codegen.load_store import clear, lanes, load, number, splat, store


class Job(IntEnum):
    """The places of the integers that all of these kernels read."""

    x = 0  # (n, h, w, c)
    dy = auto()  # (n, h, w, c), or with a pooling (n, h // 2, w // 2, c)
    taps = auto()  # of dy, with a pooling: as forward left them
    winners = auto()
    dx = auto()  # (n, h, w, c)
    sums = auto()  # (n, 2, c): of dy and of dy (x - mean) of each image
    mean = auto()  # (c,)
    variance = auto()
    gamma = auto()  # 0 where `scale` is known
    scale = auto()
    shift = auto()
    average = auto()  # the mean of dy
    product = auto()  # what x - mean is multiplied by in dx
    dgamma = auto()
    dbeta = auto()
    eps = auto()  # as bits of a number
    relu = auto()
    images = auto()
    height = auto()
    width = auto()
    channels = auto()


@inlined
def _add_to(memory, place, value, count):
    store(memory, place, add(load(memory, place, count), value), count)


@inlined
def _affine(memory, ints, job, c, count):
    """(mean, scale, shift) of the channels from c on."""
    mean, scale, shift = ints[job + Job.mean], ints[job + Job.scale], ints[job + Job.shift]
    return load(memory, mean + c, count), load(memory, scale + c, count), load(memory, shift + c, count)


@inlined
def _line_sums(memory, ints, job, line, totals, c, count):
    """Add a line's sums of dy and of dy (x - mean), where its ReLU lets dy pass, to `totals`."""
    width, channels, relu = ints[job + Job.width], ints[job + Job.channels], ints[job + Job.relu]
    x, dy = ints[job + Job.x] + line + c, ints[job + Job.dy] + line + c
    mean, scale, shift = _affine(memory, ints, job, c, count)
    total, product = splat(memory, 0.0), splat(memory, 0.0)
    for place in range(0, width * channels, channels):
        slope = load(memory, dy + place, count)
        difference = subtract(load(memory, x + place, count), mean)
        if relu:
            slope = relu_grad(multiply_add(difference, scale, shift), slope)
        total = add(total, slope)
        product = multiply_add(slope, difference, product)
    _add_to(memory, totals + c, total, count)
    _add_to(memory, totals + channels + c, product, count)


@Kernel
def slope_sums(memory, ints, job, task, own):
    """For image `task`: the sums of dy and of dy (x - mean)."""
    height, width, channels = ints[job + Job.height], ints[job + Job.width], ints[job + Job.channels]
    totals, whole = ints[job + Job.sums] + 2 * task * channels, channels - channels % lanes(memory)
    clear(memory, totals, 2 * channels)
    for i in range(task * height, (task + 1) * height):
        for c in range(0, whole, lanes(memory)):
            _line_sums(memory, ints, job, i * width * channels, totals, c, lanes(memory))
        if whole < channels:
            _line_sums(memory, ints, job, i * width * channels, totals, whole, channels - whole)


@inlined
def _window_sums(memory, ints, job, windows, totals, c, count):
    """Add the sums of the two lines that a line of windows lies on, one line after the other."""
    width, channels = ints[job + Job.width] // 2, ints[job + Job.channels]
    dy, taps = ints[job + Job.dy] + windows + c, ints[job + Job.taps] + windows + c
    winners = ints[job + Job.winners] + windows + c
    mean, zero = load(memory, ints[job + Job.mean] + c, count), splat(memory, 0.0)
    top, top_product, bottom, bottom_product = zero, zero, zero, zero
    for place in range(0, width * channels, channels):
        slope, tap = load(memory, dy + place, count), load(memory, taps + place, count)
        difference = subtract(load(memory, winners + place, count), mean)
        slope = where_less(zero, tap, slope)
        upper, lower = where_less(tap, splat(memory, 3.0), slope), where_less(splat(memory, 2.0), tap, slope)
        top, bottom = add(top, upper), add(bottom, lower)
        top_product = multiply_add(upper, difference, top_product)
        bottom_product = multiply_add(lower, difference, bottom_product)
    _add_to(memory, totals + c, top, count)
    _add_to(memory, totals + c, bottom, count)
    _add_to(memory, totals + channels + c, top_product, count)
    _add_to(memory, totals + channels + c, bottom_product, count)


@Kernel
def window_sums(memory, ints, job, task, own):
    """`slope_sums` behind a pooling."""
    height, width, channels = ints[job + Job.height] // 2, ints[job + Job.width] // 2, ints[job + Job.channels]
    totals, whole = ints[job + Job.sums] + 2 * task * channels, channels - channels % lanes(memory)
    clear(memory, totals, 2 * channels)
    for i in range(task * height, (task + 1) * height):
        for c in range(0, whole, lanes(memory)):
            _window_sums(memory, ints, job, i * width * channels, totals, c, lanes(memory))
        if whole < channels:
            _window_sums(memory, ints, job, i * width * channels, totals, whole, channels - whole)


@Kernel
def averages(memory, ints, job, task, own):
    """The sums over the images, in their order, and what dx is made of."""
    images, channels = ints[job + Job.images], ints[job + Job.channels]
    sums, gamma, minus = ints[job + Job.sums], ints[job + Job.gamma], splat(memory, -1.0)
    values = splat(memory, max(images * ints[job + Job.height] * ints[job + Job.width], 1))
    eps = splat(memory, number(memory, ints[job + Job.eps]))
    for c in range(0, channels, lanes(memory)):
        count, total, product = channels - c, splat(memory, 0.0), splat(memory, 0.0)
        for n in range(images):
            total = add(total, load(memory, sums + 2 * n * channels + c, count))
            product = add(product, load(memory, sums + (2 * n + 1) * channels + c, count))
        deviation = square_root(add(load(memory, ints[job + Job.variance] + c, count), eps))
        dgamma = divide(product, deviation)
        store(memory, ints[job + Job.dbeta] + c, total, count)
        store(memory, ints[job + Job.dgamma] + c, dgamma, count)
        store(memory, ints[job + Job.average] + c, divide(total, values), count)
        inner = multiply(minus, divide(divide(dgamma, deviation), values))
        store(memory, ints[job + Job.product] + c, inner, count)
        if gamma:
            store(memory, ints[job + Job.scale] + c, divide(load(memory, gamma + c, count), deviation), count)


@inlined
def _slope(difference, slope, average, product, scale):
    """Scale (dy - average + (x - mean) product)."""
    return multiply(scale, multiply_add(difference, product, subtract(slope, average)))


@inlined
def _rest(memory, ints, job, c, count):
    """(average, product) of the channels from c on."""
    average, product = ints[job + Job.average], ints[job + Job.product]
    return load(memory, average + c, count), load(memory, product + c, count)


@inlined
def _line_slopes(memory, ints, job, line, c, count):
    width, channels, relu = ints[job + Job.width], ints[job + Job.channels], ints[job + Job.relu]
    x, dy, dx = ints[job + Job.x] + line + c, ints[job + Job.dy] + line + c, ints[job + Job.dx] + line + c
    mean, scale, shift = _affine(memory, ints, job, c, count)
    average, product = _rest(memory, ints, job, c, count)
    for place in range(0, width * channels, channels):
        slope = load(memory, dy + place, count)
        difference = subtract(load(memory, x + place, count), mean)
        if relu:
            slope = relu_grad(multiply_add(difference, scale, shift), slope)
        store(memory, dx + place, _slope(difference, slope, average, product, scale), count)


@Kernel
def slopes(memory, ints, job, task, own):
    """dx of image `task`, line by line."""
    height, width, channels = ints[job + Job.height], ints[job + Job.width], ints[job + Job.channels]
    whole = channels - channels % lanes(memory)
    for i in range(task * height, (task + 1) * height):
        for c in range(0, whole, lanes(memory)):
            _line_slopes(memory, ints, job, i * width * channels, c, lanes(memory))
        if whole < channels:
            _line_slopes(memory, ints, job, i * width * channels, whole, channels - whole)


@inlined
def _window_slopes(memory, ints, job, lines, windows, c, count):
    """The two lines of dx that a line of windows lies on."""
    width, channels = ints[job + Job.width], ints[job + Job.channels]
    x, dx = ints[job + Job.x] + lines + c, ints[job + Job.dx] + lines + c
    dy, taps = ints[job + Job.dy] + windows + c, ints[job + Job.taps] + windows + c
    mean, scale, _ = _affine(memory, ints, job, c, count)
    average, product = _rest(memory, ints, job, c, count)
    for place in range(0, width // 2 * channels, channels):
        slope, tap = load(memory, dy + place, count), load(memory, taps + place, count)
        for k in range(4):
            pixel = 2 * place + ((k >> 1) * width + (k & 1)) * channels
            difference = subtract(load(memory, x + pixel, count), mean)
            part = where_equal(tap, splat(memory, k + 1), slope)
            store(memory, dx + pixel, _slope(difference, part, average, product, scale), count)


@inlined
def _slopes_without(memory, ints, job, first, pixels, c, count):
    """dx of pixels beyond the windows, where dy is zero."""
    channels = ints[job + Job.channels]
    x, dx = ints[job + Job.x] + first + c, ints[job + Job.dx] + first + c
    mean, scale, _ = _affine(memory, ints, job, c, count)
    average, product = _rest(memory, ints, job, c, count)
    for place in range(0, pixels * channels, channels):
        difference = subtract(load(memory, x + place, count), mean)
        store(memory, dx + place, _slope(difference, splat(memory, 0.0), average, product, scale), count)


@Kernel
def window_slopes(memory, ints, job, task, own):
    """`slopes` behind a pooling."""
    height, width, channels = ints[job + Job.height], ints[job + Job.width], ints[job + Job.channels]
    line, whole, beyond = width * channels, channels - channels % lanes(memory), width % 2
    for i in range(height // 2):
        lines, windows = (task * height + 2 * i) * line, (task * (height // 2) + i) * (width // 2) * channels
        for c in range(0, whole, lanes(memory)):
            _window_slopes(memory, ints, job, lines, windows, c, lanes(memory))
        if whole < channels:
            _window_slopes(memory, ints, job, lines, windows, whole, channels - whole)
        if beyond:
            for c in range(0, channels, lanes(memory)):
                _slopes_without(memory, ints, job, lines + line - channels, 1, c, channels - c)
                _slopes_without(memory, ints, job, lines + 2 * line - channels, 1, c, channels - c)
    if height % 2:
        for c in range(0, channels, lanes(memory)):
            _slopes_without(memory, ints, job, (task * height + height - 1) * line, width, c, channels - c)
