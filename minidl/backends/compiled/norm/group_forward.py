"""Normalization of each sample, or of groups of its channels: sums by channel, then over the channels of a group.

A sample is pixels of channels, channels last; a vector is one pixel. Sums over pixels are taken by chunks of them, and
those over channels in `CHAINS` chains, whatever the width of a vector: so the order of the sums is that of the shape.
The squared differences are taken from a mean that is known, in a pass of their own: nothing cancels.
"""

from enum import IntEnum, auto

from minidl.backends.compiled.codegen.jit import Kernel, inlined, njit
from minidl.backends.compiled.codegen.lanewise import add, divide, multiply, multiply_add, square_root, subtract
from minidl.backends.compiled.codegen.load_store import clear, lanes, load, number, splat, store

CHUNK = 64
"""Pixels whose values are summed apart."""

CHAINS = 16
"""How many sums over channels run side by side: the lanes of the widest vector."""


class Place(IntEnum):
    """The places of the integers that all of these kernels read."""

    x = 0  # (n, pixels, c)
    y = auto()  # y, or dx
    dy = auto()
    mean = auto()  # (n, groups)
    variance = auto()
    scale = auto()  # (n, groups): one over the deviation
    gamma = auto()  # (c,) or (pixels, c)
    beta = auto()
    step = auto()  # from one pixel's gammas to the next one's: 0 or c
    dgamma = auto()
    dbeta = auto()
    sums = auto()  # (n, 2, c): of dy and of dy times x, normalized; 0 where gamma is of pixels
    eps = auto()  # as bits of a number
    images = auto()
    pixels = auto()
    channels = auto()
    groups = auto()
    tasks = auto()  # of the kernel that sums over the images, place by place


@njit
def sum_of(memory, values, count, chains):
    """The sum of so many values."""
    clear(memory, chains, CHAINS)
    whole = count - count % CHAINS
    for first in range(values, values + whole, CHAINS):
        for lane in range(0, CHAINS, lanes(memory)):
            value = add(load(memory, chains + lane, lanes(memory)), load(memory, first + lane, lanes(memory)))
            store(memory, chains + lane, value, lanes(memory))
    for lane in range(0, count - whole, lanes(memory)):
        rest = count - whole - lane
        value = add(load(memory, chains + lane, rest), load(memory, values + whole + lane, rest))
        store(memory, chains + lane, value, rest)
    total = memory[chains]
    for lane in range(1, CHAINS):
        total += memory[chains + lane]
    return total


@njit
def fill(memory, target, value, count):
    """Write one value so many times."""
    for c in range(0, count, lanes(memory)):
        store(memory, target + c, splat(memory, value), count - c)


@inlined
def _sum(memory, x, pixels, channels, sums, count):
    last, total = x + pixels * channels, splat(memory, 0.0)
    for first in range(x, last, CHUNK * channels):
        part = splat(memory, 0.0)
        for place in range(first, min(first + CHUNK * channels, last), channels):
            part = add(part, load(memory, place, count))
        total = add(total, part)
    store(memory, sums, total, count)


@inlined
def _square(memory, x, pixels, channels, means, sums, count):
    last, total, mean = x + pixels * channels, splat(memory, 0.0), load(memory, means, count)
    for first in range(x, last, CHUNK * channels):
        part = splat(memory, 0.0)
        for place in range(first, min(first + CHUNK * channels, last), channels):
            difference = subtract(load(memory, place, count), mean)
            part = multiply_add(difference, difference, part)
        total = add(total, part)
    store(memory, sums, total, count)


@inlined
def _apply(memory, x, y, mean, scale, gamma, beta, count):
    normal = multiply(subtract(load(memory, x, count), load(memory, mean, count)), load(memory, scale, count))
    store(memory, y, multiply_add(normal, load(memory, gamma, count), load(memory, beta, count)), count)


@Kernel
def normalize(memory, ints, job, task, own):
    """Sample `task`; `own` holds means, scales and sums of its channels, and the chains."""
    pixels, channels, groups = ints[job + Place.pixels], ints[job + Place.channels], ints[job + Place.groups]
    size, whole, width = channels // groups, channels - channels % lanes(memory), lanes(memory)
    x, y = ints[job + Place.x] + task * pixels * channels, ints[job + Place.y] + task * pixels * channels
    mean, variance = ints[job + Place.mean] + task * groups, ints[job + Place.variance] + task * groups
    means, scales, sums, chains = own, own + channels, own + 2 * channels, own + 3 * channels
    for c in range(0, whole, width):
        _sum(memory, x + c, pixels, channels, sums + c, lanes(memory))
    if whole < channels:
        _sum(memory, x + whole, pixels, channels, sums + whole, channels - whole)
    for g in range(groups):
        memory[mean + g] = sum_of(memory, sums + g * size, size, chains) / (pixels * size)
        fill(memory, means + g * size, memory[mean + g], size)
    for c in range(0, whole, width):
        _square(memory, x + c, pixels, channels, means + c, sums + c, lanes(memory))
    if whole < channels:
        _square(memory, x + whole, pixels, channels, means + whole, sums + whole, channels - whole)
    for g in range(groups):
        memory[variance + g] = sum_of(memory, sums + g * size, size, chains) / (pixels * size)
        fill(memory, scales + g * size, memory[variance + g], size)
    invert(memory, scales, number(memory, ints[job + Place.eps]), channels)
    for p in range(pixels):
        gamma, beta = ints[job + Place.gamma] + p * ints[job + Place.step], ints[job + Place.beta]
        beta, place = beta + p * ints[job + Place.step], p * channels
        for c in range(0, whole, width):
            line = place + c
            _apply(memory, x + line, y + line, means + c, scales + c, gamma + c, beta + c, lanes(memory))
        if whole < channels:
            c, line = whole, place + whole
            _apply(memory, x + line, y + line, means + c, scales + c, gamma + c, beta + c, channels - whole)


@njit
def invert(memory, values, eps, count):
    """One over the deviation, for each variance."""
    for c in range(0, count, lanes(memory)):
        deviation = square_root(add(load(memory, values + c, count - c), splat(memory, eps)))
        store(memory, values + c, divide(splat(memory, 1.0), deviation), count - c)
