"""Batch normalization backward: sums over dy, row by row, image by image, and dx from them in another pass.

Ranks that share a batch hear of each other's sums in between.

Behind a pooling dy is read where it stands, once for each window, beside the x that won there: what else would be
summed is zero. The rows of a window are summed apart, as they would be without the pooling, for the same bits.
"""

from typing import NamedTuple

from minidl.backends.compiled.codegen.by_vectors import by_vectors
from minidl.backends.compiled.codegen.jit import inlined, kernel
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
from minidl.backends.compiled.codegen.load_store import clear, lanes, load, splat, store
from minidl.backends.compiled.norm.batch_forward import ChannelAffine, Images, load_affine
from minidl.backends.compiled.runtime.parts import add_up
from minidl.typing import Array


class Backward(NamedTuple):
    """Of `grad_sums` and `input_grad`, and of `window_sums` and `window_input_grad` behind a pooling."""

    x: Array
    dy: Array  # behind a pooling (n, h // 2, w // 2, c)
    dy_step: int  # floats from a pixel to the next, but behind a pooling
    taps: Array | None  # of dy, behind a pooling: as forward left them
    winners: Array | None
    sums: Array | None  # (n, 2, c), to compute: of dy and of dy (x - mean) of each image
    dx: Array | None  # to compute, from the next two
    average: Array | None
    product: Array | None
    affine: ChannelAffine
    relu: bool
    images: Images


class Averages(NamedTuple):
    """Of `averages`."""

    sums: Array  # (ranks, 2, c), which it adds up in place
    variance: Array
    gamma: Array | None  # None where `scale` is known
    scale: Array
    average: Array  # the mean of dy
    product: Array  # what x - mean is multiplied by in dx
    dgamma: Array
    dbeta: Array
    ranks: int
    channels: int
    values: int  # of a channel, in all images
    is_first: bool  # or dgamma and dbeta are zeros: another rank has them
    eps: float


@inlined
def _add_to(memory, place, value, count):
    store(memory, place, add(load(memory, place, count), value), count)


@by_vectors
def _row_sums(memory, c, count, job, pixel, totals):
    """Add a row's sums of dy and of dy (x - mean), where its ReLU lets dy pass, to `totals`."""
    channels, step, relu = job.images.channels, job.dy_step, job.relu
    x, dy = job.x + pixel * channels + c, job.dy + pixel * step + c
    mean, scale, shift = load_affine(memory, job.affine, c, count)
    total, product = splat(memory, 0.0), splat(memory, 0.0)
    for place in range(0, job.images.width * channels, channels):
        grad = load(memory, dy, count)
        dy += step
        difference = subtract(load(memory, x + place, count), mean)
        if relu:
            grad = relu_grad(multiply_add(difference, scale, shift), grad)
        total = add(total, grad)
        product = multiply_add(grad, difference, product)
    _add_to(memory, totals + c, total, count)
    _add_to(memory, totals + channels + c, product, count)


@kernel(Backward)
def grad_sums(memory, ints, job, task, scratch):
    """For image `task`: the sums of dy and of dy (x - mean)."""
    height, width, channels = job.images.height, job.images.width, job.images.channels
    totals = job.sums + 2 * task * channels
    clear(memory, totals, 2 * channels)
    for i in range(task * height, (task + 1) * height):
        _row_sums(memory, 0, channels, job, i * width, totals)


class BranchSums(NamedTuple):
    """Of `branch_sums`: the gradient of what a normalization and another branch add to before a ReLU."""

    sums: Backward  # whose dy is written: what the ReLU lets pass
    dy: Array
    dy_step: int  # floats from a pixel to the next
    more: Array | None  # added to dy; None without
    more_step: int
    y: Array
    y_step: int


@by_vectors
def _row_branch_sums(memory, c, count, job, pixel, totals):
    """`_row_sums` of dy and what is added to it where y isn't zero, which is written too."""
    sums, channels = job.sums, job.sums.images.channels
    x, target, dy = sums.x + pixel * channels + c, sums.dy + pixel * channels + c, job.dy + pixel * job.dy_step + c
    more, y = job.more + pixel * job.more_step + c, job.y + pixel * job.y_step + c
    mean = load(memory, sums.affine.mean + c, count)
    total, product = splat(memory, 0.0), splat(memory, 0.0)
    for place in range(0, sums.images.width * channels, channels):
        grad = load(memory, dy, count)
        if job.more:
            grad = add(grad, load(memory, more, count))
        grad = relu_grad(load(memory, y, count), grad)
        store(memory, target + place, grad, count)
        dy, more, y = dy + job.dy_step, more + job.more_step, y + job.y_step
        total = add(total, grad)
        product = multiply_add(grad, subtract(load(memory, x + place, count), mean), product)
    _add_to(memory, totals + c, total, count)
    _add_to(memory, totals + channels + c, product, count)


@kernel(BranchSums)
def branch_sums(memory, ints, job, task, scratch):
    """`grad_sums` behind the sum with another branch and a ReLU."""
    height, width, channels = job.sums.images.height, job.sums.images.width, job.sums.images.channels
    totals = job.sums.sums + 2 * task * channels
    clear(memory, totals, 2 * channels)
    for i in range(task * height, (task + 1) * height):
        _row_branch_sums(memory, 0, channels, job, i * width, totals)


@by_vectors
def _window_sums(memory, c, count, job, windows, totals):
    """Add the sums of the two rows that a row of windows lies on, one row after the other."""
    width, channels = job.images.width // 2, job.images.channels
    dy, taps, winners = job.dy + windows + c, job.taps + windows + c, job.winners + windows + c
    mean, zero = load(memory, job.affine.mean + c, count), splat(memory, 0.0)
    top, top_product, bottom, bottom_product = zero, zero, zero, zero
    for place in range(0, width * channels, channels):
        grad, tap = load(memory, dy + place, count), load(memory, taps + place, count)
        difference = subtract(load(memory, winners + place, count), mean)
        grad = where_less(zero, tap, grad)
        upper, lower = where_less(tap, splat(memory, 3.0), grad), where_less(splat(memory, 2.0), tap, grad)
        top, bottom = add(top, upper), add(bottom, lower)
        top_product = multiply_add(upper, difference, top_product)
        bottom_product = multiply_add(lower, difference, bottom_product)
    _add_to(memory, totals + c, top, count)
    _add_to(memory, totals + c, bottom, count)
    _add_to(memory, totals + channels + c, top_product, count)
    _add_to(memory, totals + channels + c, bottom_product, count)


@kernel(Backward)
def window_sums(memory, ints, job, task, scratch):
    """`grad_sums` behind a pooling."""
    height, width, channels = job.images.height // 2, job.images.width // 2, job.images.channels
    totals = job.sums + 2 * task * channels
    clear(memory, totals, 2 * channels)
    for i in range(task * height, (task + 1) * height):
        _window_sums(memory, 0, channels, job, i * width * channels, totals)


@kernel(Averages)
def averages(memory, ints, job, task, scratch):
    """The sums over all ranks' images, by the tree of ranks, and what dx is made of."""
    channels, zero, minus = job.channels, splat(memory, 0.0), splat(memory, -1.0)
    values, eps = splat(memory, max(job.values, 1)), splat(memory, job.eps)
    add_up(memory, job.sums, job.ranks, 2 * channels)
    for c in range(0, channels, lanes(memory)):
        count = channels - c
        total, product = load(memory, job.sums + c, count), load(memory, job.sums + channels + c, count)
        deviation = square_root(add(load(memory, job.variance + c, count), eps))
        dgamma = divide(product, deviation)
        store(memory, job.dbeta + c, total if job.is_first else zero, count)
        store(memory, job.dgamma + c, dgamma if job.is_first else zero, count)
        store(memory, job.average + c, divide(total, values), count)
        store(memory, job.product + c, multiply(minus, divide(divide(dgamma, deviation), values)), count)
        if job.gamma:
            store(memory, job.scale + c, divide(load(memory, job.gamma + c, count), deviation), count)


@inlined
def _dx(difference, grad, average, product, scale):
    """Scale (dy - average + (x - mean) product)."""
    return multiply(scale, multiply_add(difference, product, subtract(grad, average)))


@inlined
def _terms(memory, job, c, count):
    """(average, product) of the channels from c on."""
    return load(memory, job.average + c, count), load(memory, job.product + c, count)


@by_vectors
def _row_grad(memory, c, count, job, pixel):
    channels, step, relu = job.images.channels, job.dy_step, job.relu
    row = pixel * channels + c
    x, dy, dx = job.x + row, job.dy + pixel * step + c, job.dx + row
    mean, scale, shift = load_affine(memory, job.affine, c, count)
    average, product = _terms(memory, job, c, count)
    for place in range(0, job.images.width * channels, channels):
        grad = load(memory, dy, count)
        dy += step
        difference = subtract(load(memory, x + place, count), mean)
        if relu:
            grad = relu_grad(multiply_add(difference, scale, shift), grad)
        store(memory, dx + place, _dx(difference, grad, average, product, scale), count)


@kernel(Backward)
def input_grad(memory, ints, job, task, scratch):
    """dx of image `task`, row by row."""
    height, width, channels = job.images.height, job.images.width, job.images.channels
    for i in range(task * height, (task + 1) * height):
        _row_grad(memory, 0, channels, job, i * width)


@by_vectors
def _window_grad(memory, c, count, job, rows, windows):
    """The two rows of dx that a row of windows lies on."""
    width, channels, x, dx = job.images.width, job.images.channels, job.x + rows + c, job.dx + rows + c
    dy, taps = job.dy + windows + c, job.taps + windows + c
    mean, scale, _ = load_affine(memory, job.affine, c, count)
    average, product = _terms(memory, job, c, count)
    for place in range(0, width // 2 * channels, channels):
        grad, tap = load(memory, dy + place, count), load(memory, taps + place, count)
        for k in range(4):
            pixel = 2 * place + ((k >> 1) * width + (k & 1)) * channels
            difference = subtract(load(memory, x + pixel, count), mean)
            part = where_equal(tap, splat(memory, k + 1), grad)
            store(memory, dx + pixel, _dx(difference, part, average, product, scale), count)


@by_vectors
def _beyond_windows(memory, c, count, job, first, pixels):
    """dx of pixels beyond the windows, where dy is zero."""
    channels, x, dx = job.images.channels, job.x + first + c, job.dx + first + c
    mean, scale, _ = load_affine(memory, job.affine, c, count)
    average, product = _terms(memory, job, c, count)
    for place in range(0, pixels * channels, channels):
        difference = subtract(load(memory, x + place, count), mean)
        store(memory, dx + place, _dx(difference, splat(memory, 0.0), average, product, scale), count)


@kernel(Backward)
def window_input_grad(memory, ints, job, task, scratch):
    """`input_grad` behind a pooling."""
    height, width, channels = job.images.height, job.images.width, job.images.channels
    row = width * channels
    for i in range(height // 2):
        rows, windows = (task * height + 2 * i) * row, (task * (height // 2) + i) * (width // 2) * channels
        _window_grad(memory, 0, channels, job, rows, windows)
        if width % 2:
            _beyond_windows(memory, 0, channels, job, rows + row - channels, 1)
            _beyond_windows(memory, 0, channels, job, rows + 2 * row - channels, 1)
    if height % 2:
        _beyond_windows(memory, 0, channels, job, (task * height + height - 1) * row, width)
