"""Normalization of samples, backward: sums over dy in the order of those forward, then dx; last, over the samples.

Those over samples are taken in parts of the batch, and these added up by a tree.
"""

from typing import NamedTuple

from minidl.backends.compiled.codegen.by_vectors import by_vectors
from minidl.backends.compiled.codegen.jit import inlined, kernel
from minidl.backends.compiled.codegen.lanewise import add, multiply, multiply_add, subtract
from minidl.backends.compiled.codegen.load_store import lanes, load, splat, store
from minidl.backends.compiled.norm.group_forward import CHUNK, Samples, fill, invert, sum_of
from minidl.backends.compiled.runtime.parts import add_up, part_start
from minidl.typing import Array


class NormalizeBackward(NamedTuple):
    """Of `normalize_backward`."""

    x: Array
    dy: Array
    dx: Array
    mean: Array  # (n, groups)
    variance: Array
    scale: Array  # (n, groups): one over the deviation
    gamma: Array  # (c,) or (pixels, c)
    step: int  # from one pixel's gammas to the next one's: 0 or c
    sums: Array | None  # (2, n, c): of dy and of dy times x, normalized; None where gamma is of pixels
    eps: float
    samples: Samples


class SumOfPlaces(NamedTuple):
    """Of `sum_of_places`."""

    x: Array
    dy: Array
    mean: Array
    scale: Array
    dgamma: Array
    dbeta: Array
    images: int
    each: int  # samples of an image
    parts: int
    tasks: int
    samples: Samples


@inlined
def _grad_sums(memory, x, dy, gamma, step, pixels, channels, mean, scale, sums, products, count):
    """Sums of dy and of dy times x, normalized, dy times gamma where that is of pixels."""
    last, center, factor = pixels * channels, load(memory, mean, count), load(memory, scale, count)
    total, product = splat(memory, 0.0), splat(memory, 0.0)
    for first in range(0, last, CHUNK * channels):
        part, other = splat(memory, 0.0), splat(memory, 0.0)
        for place in range(first, min(first + CHUNK * channels, last), channels):
            grad = load(memory, dy + place, count)
            if step:
                grad = multiply(grad, load(memory, gamma + place, count))
            normal = multiply(subtract(load(memory, x + place, count), center), factor)
            part, other = add(part, grad), multiply_add(grad, normal, other)
        total, product = add(total, part), add(product, other)
    store(memory, sums, total, count)
    store(memory, products, product, count)


@inlined
def _weigh(memory, sums, gamma, target, count):
    store(memory, target, multiply(load(memory, sums, count), load(memory, gamma, count)), count)


@by_vectors
def _dx(memory, c, count, x, dy, dx, gamma, mean, scale, average, product):
    """Scale (dy gamma - average - normalized x times product)."""
    factor = load(memory, scale + c, count)
    normal = multiply(subtract(load(memory, x + c, count), load(memory, mean + c, count)), factor)
    grad = multiply(load(memory, dy + c, count), load(memory, gamma + c, count))
    part = multiply(normal, load(memory, product + c, count))
    rest = subtract(subtract(grad, load(memory, average + c, count)), part)
    store(memory, dx + c, multiply(factor, rest), count)


@kernel(NormalizeBackward)
def normalize_backward(memory, ints, job, task, scratch):
    """dx of sample `task`, and its sums for dgamma and dbeta where these are of channels."""
    pixels, channels, groups, step = job.samples.pixels, job.samples.channels, job.samples.groups, job.step
    size, sample, gamma = channels // groups, task * pixels * channels, job.gamma
    x, dy, dx = job.x + sample, job.dy + sample, job.dx + sample
    means, scales = scratch, scratch + channels
    averages, products, chains = scratch + 2 * channels, scratch + 3 * channels, scratch + 4 * channels
    for g in range(groups):
        fill(memory, means + g * size, memory[job.mean + task * groups + g], size)
        fill(memory, scales + g * size, memory[job.variance + task * groups + g], size)
    invert(memory, scales, job.eps, channels)
    for g in range(groups):
        memory[job.scale + task * groups + g] = memory[scales + g * size]
    sums = averages if step else job.sums + task * channels
    others = products if step else sums + job.samples.n * channels
    for c in range(0, channels, lanes(memory)):
        count, mean, scale = channels - c, means + c, scales + c
        _grad_sums(memory, x + c, dy + c, gamma + c, step, pixels, channels, mean, scale, sums + c, others + c, count)
        if step == 0:
            _weigh(memory, sums + c, gamma + c, averages + c, count)
            _weigh(memory, others + c, gamma + c, products + c, count)
    for place in range(averages, chains, size):
        fill(memory, place, sum_of(memory, place, size, chains) / (pixels * size), size)
    for p in range(pixels):
        row, weights = p * channels, gamma + p * step
        _dx(memory, 0, channels, x + row, dy + row, dx + row, weights, means, scales, averages, products)


@inlined
def _chains(memory, k, count, job, part):
    """The sums of dy and of dy times x, normalized, over a part's samples, one after the other."""
    size, total, product = job.samples.pixels * job.samples.channels, splat(memory, 0.0), splat(memory, 0.0)
    first, stop = part_start(job.images, job.parts, part), part_start(job.images, job.parts, part + 1)
    for n in range(first * job.each, stop * job.each):
        grad, x = load(memory, job.dy + n * size + k, count), load(memory, job.x + n * size + k, count)
        difference = subtract(x, splat(memory, memory[job.mean + n]))
        normal = multiply(difference, splat(memory, memory[job.scale + n]))
        total, product = add(total, grad), multiply_add(grad, normal, product)
    return total, product


@kernel(SumOfPlaces)
def sum_of_places(memory, ints, job, task, scratch):
    """dgamma and dbeta of pixels and channels, of one group, over the samples: `scratch` has two sums of each part."""
    size, n, parts = job.samples.pixels * job.samples.channels, lanes(memory), job.parts
    last = (task + 1) * size // job.tasks
    for k in range(task * size // job.tasks, last, n):
        count = last - k
        for part in range(parts):
            total, product = _chains(memory, k, count, job, part)
            store(memory, scratch + 2 * part * n, total, n)
            store(memory, scratch + (2 * part + 1) * n, product, n)
        add_up(memory, scratch, parts, 2 * n)
        store(memory, job.dbeta + k, load(memory, scratch, n), count)
        store(memory, job.dgamma + k, load(memory, scratch + n, n), count)
