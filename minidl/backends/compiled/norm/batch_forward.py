"""Batch normalization forward: the statistics in one pass over the images, and the images through them in another.

Mean and squared differences are taken for each line, which lies in the cache, then combined for each image and for the
batch: groups of one size have as mean the mean of their means, and as squares their own plus size times those of the
means. Nothing cancels, whatever the offset of the data. Source: Chan, Golub and LeVeque, "Algorithms for Computing the
Sample Variance", 1983.
"""

from enum import IntEnum, auto

from minidl.backends.compiled.codegen.jit import Kernel, inlined
from minidl.backends.compiled.codegen.lanewise import (
    add,
    divide,
    multiply,
    multiply_add,
    rectify,
    relu_grad,
    select_max,
    square_root,
    subtract,
)
from minidl.backends.compiled.codegen.load_store import clear, lanes, load, number, splat, store


class Job(IntEnum):
    """The places of the integers that all of these kernels read."""

    x = 0  # (n, h, w, c)
    y = auto()  # (n, h, w, c), or with a pooling (n, h // 2, w // 2, c)
    taps = auto()  # of y, with a pooling: one more than the tap that won, or zero where y isn't positive
    winners = auto()  # of y, with a pooling: the x that won
    moments = auto()  # (n, 2, c): mean and sum of squared differences of each image
    mean = auto()  # (c,)
    variance = auto()
    scale = auto()
    shift = auto()
    gamma = auto()
    beta = auto()
    running_mean = auto()  # 0 without; else both move by `momentum` towards the batch's
    running_variance = auto()
    momentum = auto()  # these three as bits of a number
    unbias = auto()
    eps = auto()
    relu = auto()
    images = auto()
    height = auto()
    width = auto()
    channels = auto()


@inlined
def _line_moments(memory, x, width, channels, means, squares, count):
    """Write a line's mean, and add its squared differences to `squares`."""
    last = x + width * channels
    total, sum_of_squares = splat(memory, 0.0), splat(memory, 0.0)
    for place in range(x, last, channels):
        total = add(total, load(memory, place, count))
    mean = divide(total, splat(memory, width))
    for place in range(x, last, channels):
        difference = subtract(load(memory, place, count), mean)
        sum_of_squares = multiply_add(difference, difference, sum_of_squares)
    store(memory, means, mean, count)
    store(memory, squares, add(load(memory, squares, count), sum_of_squares), count)


@inlined
def _combine(memory, means, step, groups, size, squares, count):
    """(mean, squares) of groups, `step` apart, of one size each, whose own squares come to `squares`."""
    total, between = splat(memory, 0.0), splat(memory, 0.0)
    for k in range(groups):
        total = add(total, load(memory, means + k * step, count))
    mean = divide(total, splat(memory, groups))
    for k in range(groups):
        difference = subtract(load(memory, means + k * step, count), mean)
        between = multiply_add(difference, difference, between)
    return mean, multiply_add(between, splat(memory, size), squares)


@Kernel
def image_moments(memory, ints, job, task, own):
    """Mean and sum of squared differences of image `task`; `own` holds its lines' means."""
    height, width, channels = ints[job + Job.height], ints[job + Job.width], ints[job + Job.channels]
    image, whole = ints[job + Job.x] + task * height * width * channels, channels - channels % lanes(memory)
    target = ints[job + Job.moments] + 2 * task * channels
    squares = target + channels
    clear(memory, squares, channels)
    for i in range(height):
        line, means = image + i * width * channels, own + i * channels
        for c in range(0, whole, lanes(memory)):
            _line_moments(memory, line + c, width, channels, means + c, squares + c, lanes(memory))
        if whole < channels:
            rest = channels - whole
            _line_moments(memory, line + whole, width, channels, means + whole, squares + whole, rest)
    for c in range(0, channels, lanes(memory)):
        count = channels - c
        inside = load(memory, squares + c, count)
        mean, total = _combine(memory, own + c, channels, height, width, inside, count)
        store(memory, target + c, mean, count)
        store(memory, squares + c, total, count)


@inlined
def _move(memory, running, momentum, towards, count):
    rest = subtract(splat(memory, 1.0), momentum)
    value = add(multiply(load(memory, running, count), rest), multiply(towards, momentum))
    store(memory, running, value, count)


@Kernel
def statistics(memory, ints, job, task, own):
    """The batch's mean and biased variance, the scale and shift that follow from them, and the running ones' move."""
    images, channels = ints[job + Job.images], ints[job + Job.channels]
    size = ints[job + Job.height] * ints[job + Job.width]
    moments, running_mean = ints[job + Job.moments], ints[job + Job.running_mean]
    values = splat(memory, images * size)
    eps = splat(memory, number(memory, ints[job + Job.eps]))
    momentum = splat(memory, number(memory, ints[job + Job.momentum]))
    unbias = splat(memory, number(memory, ints[job + Job.unbias]))
    for c in range(0, channels, lanes(memory)):
        count, inside = channels - c, splat(memory, 0.0)
        for n in range(images):
            inside = add(inside, load(memory, moments + (2 * n + 1) * channels + c, count))
        mean, squares = _combine(memory, moments + c, 2 * channels, images, size, inside, count)
        variance = divide(squares, values)
        store(memory, ints[job + Job.mean] + c, mean, count)
        store(memory, ints[job + Job.variance] + c, variance, count)
        scale = divide(load(memory, ints[job + Job.gamma] + c, count), square_root(add(variance, eps)))
        store(memory, ints[job + Job.scale] + c, scale, count)
        store(memory, ints[job + Job.shift] + c, load(memory, ints[job + Job.beta] + c, count), count)
        if running_mean:
            _move(memory, running_mean + c, momentum, mean, count)
            _move(memory, ints[job + Job.running_variance] + c, momentum, multiply(variance, unbias), count)


@inlined
def _affine(memory, ints, job, c, count):
    """(mean, scale, shift) of the channels from c on."""
    mean, scale, shift = ints[job + Job.mean], ints[job + Job.scale], ints[job + Job.shift]
    return load(memory, mean + c, count), load(memory, scale + c, count), load(memory, shift + c, count)


@inlined
def _normalize_line(memory, ints, job, line, c, count):
    width, channels, relu = ints[job + Job.width], ints[job + Job.channels], ints[job + Job.relu]
    x, y = ints[job + Job.x] + line + c, ints[job + Job.y] + line + c
    mean, scale, shift = _affine(memory, ints, job, c, count)
    for place in range(0, width * channels, channels):
        value = multiply_add(subtract(load(memory, x + place, count), mean), scale, shift)
        store(memory, y + place, rectify(value) if relu else value, count)


@Kernel
def normalize(memory, ints, job, task, own):
    """(x - mean) scale + shift for image `task`, line by line, through a ReLU if wanted."""
    height, width, channels = ints[job + Job.height], ints[job + Job.width], ints[job + Job.channels]
    whole = channels - channels % lanes(memory)
    for i in range(task * height, (task + 1) * height):
        for c in range(0, whole, lanes(memory)):
            _normalize_line(memory, ints, job, i * width * channels, c, lanes(memory))
        if whole < channels:
            _normalize_line(memory, ints, job, i * width * channels, whole, channels - whole)


@inlined
def _pool_lines(memory, ints, job, x, windows, c, count):
    """Normalize two lines from x on, and keep the largest of each two pixels in both of them."""
    width, channels = ints[job + Job.width], ints[job + Job.channels]
    y, taps = ints[job + Job.y] + windows + c, ints[job + Job.taps] + windows + c
    winners = ints[job + Job.winners] + windows + c
    mean, scale, shift = _affine(memory, ints, job, c, count)
    for place in range(0, width // 2 * channels, channels):
        first = x + c + 2 * place
        winner = load(memory, first, count)
        best, tap = rectify(multiply_add(subtract(winner, mean), scale, shift)), splat(memory, 1.0)
        for k in range(1, 4):
            pixel = load(memory, first + ((k >> 1) * width + (k & 1)) * channels, count)
            value = rectify(multiply_add(subtract(pixel, mean), scale, shift))
            tap = select_max(value, best, splat(memory, k + 1), tap)
            winner = select_max(value, best, pixel, winner)
            best = select_max(value, best, value, best)
        store(memory, y + place, best, count)
        store(memory, taps + place, relu_grad(best, tap), count)
        store(memory, winners + place, winner, count)


@Kernel
def normalize_and_pool(memory, ints, job, task, own):
    """`normalize` with the ReLU, and max-pooling of 2 x 2 windows side by side, for image `task`."""
    height, width, channels = ints[job + Job.height], ints[job + Job.width], ints[job + Job.channels]
    whole = channels - channels % lanes(memory)
    for i in range(height // 2):
        x = ints[job + Job.x] + (task * height + 2 * i) * width * channels
        windows = (task * (height // 2) + i) * (width // 2) * channels
        for c in range(0, whole, lanes(memory)):
            _pool_lines(memory, ints, job, x, windows, c, lanes(memory))
        if whole < channels:
            _pool_lines(memory, ints, job, x, windows, whole, channels - whole)
