"""Normalization of samples, backward: sums over dy in the order of those forward, then dx; last, over the samples."""

from minidl.backends.compiled.codegen.jit import Kernel, inlined
from minidl.backends.compiled.codegen.lanewise import add, multiply, multiply_add, subtract
from minidl.backends.compiled.codegen.load_store import lanes, load, number, splat, store
from minidl.backends.compiled.norm.group_forward import CHUNK, Place, fill, invert, sum_of


@inlined
def _slope_sums(memory, x, dy, gamma, step, pixels, channels, mean, scale, sums, products, count):
    """Sums of dy and of dy times x, normalized, dy times gamma where that is of pixels."""
    last, center, factor = pixels * channels, load(memory, mean, count), load(memory, scale, count)
    total, product = splat(memory, 0.0), splat(memory, 0.0)
    for first in range(0, last, CHUNK * channels):
        part, other = splat(memory, 0.0), splat(memory, 0.0)
        for place in range(first, min(first + CHUNK * channels, last), channels):
            slope = load(memory, dy + place, count)
            if step:
                slope = multiply(slope, load(memory, gamma + place, count))
            normal = multiply(subtract(load(memory, x + place, count), center), factor)
            part, other = add(part, slope), multiply_add(slope, normal, other)
        total, product = add(total, part), add(product, other)
    store(memory, sums, total, count)
    store(memory, products, product, count)


@inlined
def _weigh(memory, sums, gamma, target, count):
    store(memory, target, multiply(load(memory, sums, count), load(memory, gamma, count)), count)


@inlined
def _slope(memory, x, dy, dx, gamma, mean, scale, average, product, count):
    """Scale (dy gamma - average - normalized x times product)."""
    factor = load(memory, scale, count)
    normal = multiply(subtract(load(memory, x, count), load(memory, mean, count)), factor)
    slope = multiply(load(memory, dy, count), load(memory, gamma, count))
    rest = subtract(subtract(slope, load(memory, average, count)), multiply(normal, load(memory, product, count)))
    store(memory, dx, multiply(factor, rest), count)


@Kernel
def normalize_backward(memory, ints, job, task, own):
    """dx of sample `task`, and its sums for dgamma and dbeta where these are of channels."""
    pixels, channels, groups = ints[job + Place.pixels], ints[job + Place.channels], ints[job + Place.groups]
    size, whole, step = channels // groups, channels - channels % lanes(memory), ints[job + Place.step]
    sample, gamma = task * pixels * channels, ints[job + Place.gamma]
    x, dy, dx = ints[job + Place.x] + sample, ints[job + Place.dy] + sample, ints[job + Place.y] + sample
    means, scales, averages, products = own, own + channels, own + 2 * channels, own + 3 * channels
    chains, values = own + 4 * channels, pixels * size
    for g in range(groups):
        fill(memory, means + g * size, memory[ints[job + Place.mean] + task * groups + g], size)
        fill(memory, scales + g * size, memory[ints[job + Place.variance] + task * groups + g], size)
    invert(memory, scales, number(memory, ints[job + Place.eps]), channels)
    for g in range(groups):
        memory[ints[job + Place.scale] + task * groups + g] = memory[scales + g * size]
    sums = averages if step else ints[job + Place.sums] + 2 * task * channels
    others = sums + channels
    for c in range(0, channels, lanes(memory)):
        _slope_sums(
            memory,
            x + c,
            dy + c,
            gamma + c,
            step,
            pixels,
            channels,
            means + c,
            scales + c,
            sums + c,
            others + c,
            channels - c,
        )
        if step == 0:
            _weigh(memory, sums + c, gamma + c, averages + c, channels - c)
            _weigh(memory, others + c, gamma + c, products + c, channels - c)
    for place in range(averages, chains, size):
        fill(memory, place, sum_of(memory, place, size, chains) / values, size)
    for p in range(pixels):
        line, weights = p * channels, gamma + p * step
        for c in range(0, whole, lanes(memory)):
            k = line + c
            _slope(
                memory,
                x + k,
                dy + k,
                dx + k,
                weights + c,
                means + c,
                scales + c,
                averages + c,
                products + c,
                lanes(memory),
            )
        if whole < channels:
            k, c = line + whole, whole
            _slope(
                memory,
                x + k,
                dy + k,
                dx + k,
                weights + c,
                means + c,
                scales + c,
                averages + c,
                products + c,
                channels - whole,
            )


@Kernel
def sum_of_samples(memory, ints, job, task, own):
    """dgamma and dbeta of channels: the samples' sums, in their order."""
    images, channels, sums = ints[job + Place.images], ints[job + Place.channels], ints[job + Place.sums]
    for c in range(0, channels, lanes(memory)):
        count, total, product = channels - c, splat(memory, 0.0), splat(memory, 0.0)
        for place in range(sums + c, sums + c + 2 * images * channels, 2 * channels):
            total = add(total, load(memory, place, count))
            product = add(product, load(memory, place + channels, count))
        store(memory, ints[job + Place.dbeta] + c, total, count)
        store(memory, ints[job + Place.dgamma] + c, product, count)


@Kernel
def sum_of_places(memory, ints, job, task, own):
    """dgamma and dbeta of pixels and channels, of one group, over the samples in their order."""
    size, tasks = ints[job + Place.pixels] * ints[job + Place.channels], ints[job + Place.tasks]
    x, dy, images = ints[job + Place.x], ints[job + Place.dy], ints[job + Place.images]
    mean, scale, last = ints[job + Place.mean], ints[job + Place.scale], (task + 1) * size // tasks
    for k in range(task * size // tasks, last, lanes(memory)):
        count, total, product = last - k, splat(memory, 0.0), splat(memory, 0.0)
        for n in range(images):
            slope, difference = load(memory, dy + n * size + k, count), load(memory, x + n * size + k, count)
            normal = multiply(subtract(difference, splat(memory, memory[mean + n])), splat(memory, memory[scale + n]))
            total, product = add(total, slope), multiply_add(slope, normal, product)
        store(memory, ints[job + Place.dbeta] + k, total, count)
        store(memory, ints[job + Place.dgamma] + k, product, count)
