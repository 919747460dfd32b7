"""Batch normalization forward: the statistics in one pass over the images, and the images through them in another.

Mean and squared differences are taken for each row, which lies in the cache, then combined for each image and for the
batch: groups of one size have as mean the mean of their means, and as squares their own plus size times those of the
means. Nothing cancels, whatever the offset of the data. Source: Chan, Golub and LeVeque, "Algorithms for Computing the
Sample Variance", 1983.
"""

from typing import NamedTuple

from minidl.backends.compiled.codegen.by_vectors import by_vectors
from minidl.backends.compiled.codegen.jit import inlined, kernel
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
from minidl.backends.compiled.codegen.load_store import clear, lanes, load, splat, store
from minidl.typing import Array


class Images(NamedTuple):
    """The shape (n, h, w, c) of a batch."""

    n: int
    height: int
    width: int
    channels: int


class ChannelAffine(NamedTuple):
    """What a normalization does: (x - mean) scale + shift, each (c,)."""

    mean: Array
    scale: Array
    shift: Array


class ImageMoments(NamedTuple):
    """Of `image_moments`."""

    x: Array
    moments: Array  # (n, 2, c): mean and sum of squared differences of each image
    images: Images


class Statistics(NamedTuple):
    """Of `statistics`."""

    moments: Array
    variance: Array
    affine: ChannelAffine
    gamma: Array
    beta: Array
    running_mean: Array | None  # both move by `momentum` towards the batch's
    running_variance: Array | None
    momentum: float
    unbias: float
    eps: float
    images: Images


class Normalize(NamedTuple):
    """Of `normalize`, and of `normalize_and_pool`."""

    x: Array
    y: Array  # pooled: (n, h // 2, w // 2, c)
    y_step: int  # floats from a pixel to the next, but pooled
    other: Array | None  # of another branch, added; 0 without
    taps: Array | None  # of a pooled y: one more than the tap that won, or zero where y isn't positive
    winners: Array | None  # of a pooled y: the x that won
    affine: ChannelAffine
    relu: bool
    images: Images


@by_vectors
def _row_moments(memory, c, count, x, width, channels, means, squares):
    """Write a row's mean, and add its squared differences to `squares`."""
    x, squares, last = x + c, squares + c, x + c + width * channels
    total, sum_of_squares = splat(memory, 0.0), splat(memory, 0.0)
    for place in range(x, last, channels):
        total = add(total, load(memory, place, count))
    mean = divide(total, splat(memory, width))
    for place in range(x, last, channels):
        difference = subtract(load(memory, place, count), mean)
        sum_of_squares = multiply_add(difference, difference, sum_of_squares)
    store(memory, means + c, mean, count)
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


@kernel(ImageMoments)
def image_moments(memory, ints, job, task, scratch):
    """Mean and sum of squared differences of image `task`; `scratch` holds its rows' means."""
    height, width, channels = job.images.height, job.images.width, job.images.channels
    image = job.x + task * height * width * channels
    target = job.moments + 2 * task * channels
    squares = target + channels
    clear(memory, squares, channels)
    for i in range(height):
        row, means = image + i * width * channels, scratch + i * channels
        _row_moments(memory, 0, channels, row, width, channels, means, squares)
    for c in range(0, channels, lanes(memory)):
        count = channels - c
        inside = load(memory, squares + c, count)
        mean, total = _combine(memory, scratch + c, channels, height, width, inside, count)
        store(memory, target + c, mean, count)
        store(memory, squares + c, total, count)


@inlined
def _move(memory, running, momentum, towards, count):
    rest = subtract(splat(memory, 1.0), momentum)
    value = add(multiply(load(memory, running, count), rest), multiply(towards, momentum))
    store(memory, running, value, count)


@kernel(Statistics)
def statistics(memory, ints, job, task, scratch):
    """The batch's mean and biased variance, the scale and shift that follow from them, and the running ones' move."""
    images, channels, size = job.images.n, job.images.channels, job.images.height * job.images.width
    moments, affine, values = job.moments, job.affine, splat(memory, images * size)
    eps, momentum, unbias = splat(memory, job.eps), splat(memory, job.momentum), splat(memory, job.unbias)
    for c in range(0, channels, lanes(memory)):
        count, inside = channels - c, splat(memory, 0.0)
        for n in range(images):
            inside = add(inside, load(memory, moments + (2 * n + 1) * channels + c, count))
        mean, squares = _combine(memory, moments + c, 2 * channels, images, size, inside, count)
        variance = divide(squares, values)
        store(memory, affine.mean + c, mean, count)
        store(memory, job.variance + c, variance, count)
        scale = divide(load(memory, job.gamma + c, count), square_root(add(variance, eps)))
        store(memory, affine.scale + c, scale, count)
        store(memory, affine.shift + c, load(memory, job.beta + c, count), count)
        if job.running_mean:
            _move(memory, job.running_mean + c, momentum, mean, count)
            _move(memory, job.running_variance + c, momentum, multiply(variance, unbias), count)


@inlined
def load_affine(memory, affine, c, count):
    """(mean, scale, shift) of the channels from c on."""
    mean, scale = load(memory, affine.mean + c, count), load(memory, affine.scale + c, count)
    return mean, scale, load(memory, affine.shift + c, count)


@by_vectors
def _normalize_row(memory, c, count, job, pixel):
    channels, step = job.images.channels, job.y_step
    row = pixel * channels + c
    x, y, other = job.x + row, job.y + pixel * step + c, job.other + row
    mean, scale, shift = load_affine(memory, job.affine, c, count)
    for place in range(0, job.images.width * channels, channels):
        value = multiply_add(subtract(load(memory, x + place, count), mean), scale, shift)
        if job.other:
            value = add(value, load(memory, other + place, count))
        store(memory, y, rectify(value) if job.relu else value, count)
        y += step


@kernel(Normalize)
def normalize(memory, ints, job, task, scratch):
    """(x - mean) scale + shift for image `task`, row by row; plus another branch and through a ReLU if wanted."""
    height, width, channels = job.images.height, job.images.width, job.images.channels
    for i in range(task * height, (task + 1) * height):
        _normalize_row(memory, 0, channels, job, i * width)


@by_vectors
def _pool_rows(memory, c, count, job, x, windows):
    """Normalize two rows from x on, and keep the largest of each two pixels in both of them."""
    width, channels = job.images.width, job.images.channels
    y, taps, winners = job.y + windows + c, job.taps + windows + c, job.winners + windows + c
    mean, scale, shift = load_affine(memory, job.affine, c, count)
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


@kernel(Normalize)
def normalize_and_pool(memory, ints, job, task, scratch):
    """`normalize` with the ReLU, and max-pooling of 2 x 2 windows side by side, for image `task`."""
    height, width, channels = job.images.height, job.images.width, job.images.channels
    for i in range(height // 2):
        x = job.x + (task * height + 2 * i) * width * channels
        windows = (task * (height // 2) + i) * (width // 2) * channels
        _pool_rows(memory, 0, channels, job, x, windows)
