"""Normalization of each sample, or of groups of its channels: sums by channel, then over the channels of a group.

A sample is pixels of channels, channels last; a vector is one pixel. Sums over pixels are taken by chunks of them, and
those over channels in `CHAINS` chains, whatever the width of a vector: so the order of the sums is that of the shape.
The squared differences are taken from a mean that is known, in a pass of their own: nothing cancels.
"""

from typing import NamedTuple

from minidl.backends.compiled.codegen.by_vectors import by_vectors
from minidl.backends.compiled.codegen.jit import kernel, njit
from minidl.backends.compiled.codegen.lanewise import add, divide, multiply, multiply_add, square_root, subtract
from minidl.backends.compiled.codegen.load_store import clear, lanes, load, splat, store
from minidl.typing import Array

CHUNK = 64
"""Pixels whose values are summed apart."""

CHAINS = 16
"""How many sums over channels run side by side: the lanes of the widest vector."""


class Samples(NamedTuple):
    """The shape (n, pixels, c) of a batch whose channels are normalized in groups."""

    n: int
    pixels: int
    channels: int
    groups: int


class Normalize(NamedTuple):
    """Of `normalize`."""

    x: Array
    y: Array
    mean: Array  # (n, groups)
    variance: Array
    gamma: Array  # (c,) or (pixels, c)
    beta: Array
    step: int  # from one pixel's gammas to the next one's: 0 or c
    blocks: int  # of groups, that tasks share
    eps: float
    samples: Samples


def blocks_of(samples: Samples) -> int:
    """How many blocks of equal numbers of groups a sample has, each of them a cache line of channels wide or more."""
    fits = (8, 4, 2) if samples.channels >= 2 * CHAINS else ()
    return next(
        (n for n in fits if samples.groups % n == 0 and samples.channels // n % CHAINS == 0),
        1,
    )


@njit
def sum_of(memory, values, count, chains):
    """The sum of `count` values."""
    clear(memory, chains, CHAINS)
    full = count - count % CHAINS
    for first in range(values, values + full, CHAINS):
        for lane in range(0, CHAINS, lanes(memory)):
            value = add(load(memory, chains + lane, lanes(memory)), load(memory, first + lane, lanes(memory)))
            store(memory, chains + lane, value, lanes(memory))
    for lane in range(0, count - full, lanes(memory)):
        rest = count - full - lane
        value = add(load(memory, chains + lane, rest), load(memory, values + full + lane, rest))
        store(memory, chains + lane, value, rest)
    total = memory[chains]
    for lane in range(1, CHAINS):
        total += memory[chains + lane]
    return total


@njit
def fill(memory, target, value, count):
    """Write one value `count` times."""
    for c in range(0, count, lanes(memory)):
        store(memory, target + c, splat(memory, value), count - c)


@by_vectors
def _sum(memory, c, count, x, pixels, channels, sums):
    last, total = x + c + pixels * channels, splat(memory, 0.0)
    for first in range(x + c, last, CHUNK * channels):
        part = splat(memory, 0.0)
        for place in range(first, min(first + CHUNK * channels, last), channels):
            part = add(part, load(memory, place, count))
        total = add(total, part)
    store(memory, sums + c, total, count)


@by_vectors
def _square(memory, c, count, x, pixels, channels, means, sums):
    last, total, mean = x + c + pixels * channels, splat(memory, 0.0), load(memory, means + c, count)
    for first in range(x + c, last, CHUNK * channels):
        part = splat(memory, 0.0)
        for place in range(first, min(first + CHUNK * channels, last), channels):
            difference = subtract(load(memory, place, count), mean)
            part = multiply_add(difference, difference, part)
        total = add(total, part)
    store(memory, sums + c, total, count)


@by_vectors
def _apply(memory, c, count, x, y, mean, scale, gamma, beta):
    difference = subtract(load(memory, x + c, count), load(memory, mean + c, count))
    normal = multiply(difference, load(memory, scale + c, count))
    store(memory, y + c, multiply_add(normal, load(memory, gamma + c, count), load(memory, beta + c, count)), count)


@kernel(Normalize)
def normalize(memory, ints, job, task, scratch):
    """A block of a sample's groups; `scratch` holds means, scales and sums of its channels, and the chains."""
    pixels, channels, blocks = job.samples.pixels, job.samples.channels, job.blocks
    sample, block = task // blocks, task % blocks
    size, groups, width = channels // job.samples.groups, job.samples.groups // blocks, channels // blocks
    first = sample * pixels * channels + block * width
    x, y = job.x + first, job.y + first
    mean, variance = job.mean + task * groups, job.variance + task * groups
    means, scales, sums, chains = scratch, scratch + width, scratch + 2 * width, scratch + 3 * width
    _sum(memory, 0, width, x, pixels, channels, sums)
    for g in range(groups):
        memory[mean + g] = sum_of(memory, sums + g * size, size, chains) / (pixels * size)
        fill(memory, means + g * size, memory[mean + g], size)
    _square(memory, 0, width, x, pixels, channels, means, sums)
    for g in range(groups):
        memory[variance + g] = sum_of(memory, sums + g * size, size, chains) / (pixels * size)
        fill(memory, scales + g * size, memory[variance + g], size)
    invert(memory, scales, job.eps, width)
    begin = block * width
    for p in range(pixels):
        gamma, beta, place = job.gamma + p * job.step + begin, job.beta + p * job.step + begin, p * channels
        _apply(memory, 0, width, x + place, y + place, means, scales, gamma, beta)


@njit
def invert(memory, values, eps, count):
    """One over the deviation, for each variance."""
    for c in range(0, count, lanes(memory)):
        deviation = square_root(add(load(memory, values + c, count - c), splat(memory, eps)))
        store(memory, values + c, divide(splat(memory, 1.0), deviation), count - c)
