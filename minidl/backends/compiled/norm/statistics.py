"""Statistics of a batch in one pass over its images: mean and squared differences, row by row, then combined.

Groups of one size, the rows of an image and the images of a part, have as mean the mean of their means, and as squares
their own plus size times those of the means. Parts of a batch, and the ranks that share it, differ in size by one: two
of them at a time, by their tree. Nothing cancels, whatever the offset of the data. Source: Chan, Golub and LeVeque,
"Algorithms for Computing the Sample Variance", 1983.
"""

from typing import NamedTuple

import numpy as np

from minidl.backends.compiled.codegen.by_vectors import by_vectors
from minidl.backends.compiled.codegen.jit import inlined, kernel, njit
from minidl.backends.compiled.codegen.lanewise import add, divide, multiply, multiply_add, square_root, subtract
from minidl.backends.compiled.codegen.load_store import clear, copy, lanes, load, splat, store
from minidl.backends.compiled.norm.batch_forward import ChannelAffine, Images
from minidl.backends.compiled.runtime.memory import empty
from minidl.backends.compiled.runtime.parts import parts_of
from minidl.backends.compiled.runtime.program import Job, prepare_gathered
from minidl.process import share
from minidl.typing import Array, IntArray


class _ImageMoments(NamedTuple):
    x: Array
    moments: Array  # (n, 2, c): mean and sum of squared differences of each image
    images: Images


class _BatchMoments(NamedTuple):
    moments: Array
    root: Array  # (2, c): those of all the images
    counts: IntArray  # how many images each part has
    parts: int
    images: Images


class Statistics(NamedTuple):
    """Of `statistics`."""

    moments: Array  # (ranks, 2, c), which it combines in place
    counts: IntArray  # how many images each rank has
    ranks: int
    values: int  # of a channel, in all images
    pixels: int
    channels: int
    variance: Array
    affine: ChannelAffine
    gamma: Array
    beta: Array
    running_mean: Array | None  # both move by `momentum` towards the batch's
    running_variance: Array | None
    momentum: float
    unbias: float
    eps: float


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


@kernel(_ImageMoments)
def _image_moments(memory, ints, job, task, scratch):
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


@njit
def _part_moments(memory, moments, images, channels, size, target):
    """Those of some images, one after the other; zeros of none."""
    if images == 0:
        clear(memory, target, 2 * channels)
        return
    for c in range(0, channels, lanes(memory)):
        count, inside = channels - c, splat(memory, 0.0)
        for n in range(images):
            inside = add(inside, load(memory, moments + (2 * n + 1) * channels + c, count))
        mean, squares = _combine(memory, moments + c, 2 * channels, images, size, inside, count)
        store(memory, target + c, mean, count)
        store(memory, target + channels + c, squares, count)


@by_vectors
def _merge(memory, c, count, one, other, channels, size, others, pixels):
    """Write moments of `size` images and of `others`, both together, in the place of the first."""
    mean, squares = load(memory, one + c, count), load(memory, one + channels + c, count)
    other_mean, all_images = load(memory, other + c, count), splat(memory, size + others)
    difference = subtract(other_mean, mean)
    weight = divide(splat(memory, size * others * pixels), all_images)
    total = multiply_add(other_mean, splat(memory, others), multiply(mean, splat(memory, size)))
    store(memory, one + c, divide(total, all_images), count)
    inside = add(squares, load(memory, other + channels + c, count))
    store(memory, one + channels + c, multiply_add(multiply(difference, difference), weight, inside), count)


@njit
def _merge_all(memory, ints, moments, groups, counts, channels, pixels):
    """Combine the moments of groups by a tree, in place: the first has those of all then."""
    step = 1
    while step < groups:
        for group in range(0, groups - step, 2 * step):
            size, others = 0, 0
            for k in range(group, group + step):
                size += ints[counts + k]
            for k in range(group + step, min(group + 2 * step, groups)):
                others += ints[counts + k]
            if others > 0:
                one, other = moments + 2 * group * channels, moments + 2 * (group + step) * channels
                _merge(memory, 0, channels, one, other, channels, size, others, pixels)
        step *= 2


@kernel(_BatchMoments)
def _batch_moments(memory, ints, job, task, scratch):
    """Those of a batch, or of a rank's part of it: `scratch` holds those of its parts."""
    channels, size, moments = job.images.channels, job.images.height * job.images.width, job.moments
    for part in range(job.parts):
        images = ints[job.counts + part]
        _part_moments(memory, moments, images, channels, size, scratch + 2 * part * channels)
        moments += 2 * images * channels
    _merge_all(memory, ints, scratch, job.parts, job.counts, channels, size)
    copy(memory, job.root, scratch, 2 * channels)


def prepare_moments(pixels: Array) -> tuple[Array, list[Job]]:
    """(mean and sum of squared differences of each rank's images (n, h, w, c), (ranks, 2, c), jobs)."""
    images = Images(*pixels.shape)
    parts = parts_of(images.n)
    moments, root = empty((images.n, 2, images.channels), pixels.dtype), np.empty((2, images.channels), pixels.dtype)
    record = _BatchMoments(moments, root, np.array(share.sizes(images.n, parts)), parts, images)
    gathered, exchange = prepare_gathered(root)
    scratch = images.height * images.channels
    return gathered, [
        Job(_image_moments, _ImageMoments(pixels, moments, images), images.n, 8 * pixels.size, scratch),
        Job(_batch_moments, record, 1, 0, 2 * parts * images.channels),
        *exchange,
    ]


@inlined
def _move(memory, running, momentum, towards, count):
    rest = subtract(splat(memory, 1.0), momentum)
    value = add(multiply(load(memory, running, count), rest), multiply(towards, momentum))
    store(memory, running, value, count)


@kernel(Statistics)
def statistics(memory, ints, job, task, scratch):
    """The batch's mean and biased variance, the scale and shift that follow from them, and the running ones' move."""
    channels, moments, affine, values = job.channels, job.moments, job.affine, splat(memory, max(job.values, 1))
    eps, momentum, unbias = splat(memory, job.eps), splat(memory, job.momentum), splat(memory, job.unbias)
    _merge_all(memory, ints, moments, job.ranks, job.counts, channels, job.pixels)
    for c in range(0, channels, lanes(memory)):
        count = channels - c
        mean, variance = load(memory, moments + c, count), divide(load(memory, moments + channels + c, count), values)
        store(memory, affine.mean + c, mean, count)
        store(memory, job.variance + c, variance, count)
        scale = divide(load(memory, job.gamma + c, count), square_root(add(variance, eps)))
        store(memory, affine.scale + c, scale, count)
        store(memory, affine.shift + c, load(memory, job.beta + c, count), count)
        if job.running_mean:
            _move(memory, job.running_mean + c, momentum, mean, count)
            _move(memory, job.running_variance + c, momentum, multiply(variance, unbias), count)
