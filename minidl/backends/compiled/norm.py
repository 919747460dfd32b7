"""Batch normalization: passes of vectors over the channels, summed line by line, image by image, part by part."""

from typing import Any

import numpy as np

from minidl.backends.compiled.jit import Kernel
from minidl.backends.compiled.launch import PARTS, Job, run
from minidl.backends.compiled.memory import at, block, dense, empty_like
from minidl.backends.compiled.simd import (
    add,
    lanes,
    load,
    multiply,
    multiply_add,
    rectify,
    splat,
    store,
    subtract,
    where_positive,
)
from minidl.typing import Array


@Kernel
def _sums(memory, ints, job, task, own):
    """For part `task` of the images (n, h, w, c): the sums of x - center, or of its squares."""
    x, center, totals, squared = ints[job], ints[job + 1], ints[job + 2], ints[job + 3]
    images, parts, height, width, channels = (
        ints[job + 4],
        ints[job + 5],
        ints[job + 6],
        ints[job + 7],
        ints[job + 8],
    )
    zero = splat(memory, 0.0)
    for c in range(0, channels, lanes(memory)):
        count = channels - c
        middle, total = load(memory, center + c, count), zero
        for line in range(task * images // parts * height, (task + 1) * images // parts * height):
            part = zero
            for pixel in range(line * width, (line + 1) * width):
                difference = subtract(load(memory, x + pixel * channels + c, count), middle)
                part = multiply_add(difference, difference, part) if squared else add(part, difference)
            total = add(total, part)
        store(memory, totals + task * channels + c, total, count)


@Kernel
def _slope_sums(memory, ints, job, task, own):
    """For part `task`: the sums of dy and of dy (x - center); where y, if there is one, is zero, so is dy."""
    x, dy, y, center, totals = ints[job], ints[job + 1], ints[job + 2], ints[job + 3], ints[job + 4]
    images, parts, height, width, channels = (
        ints[job + 5],
        ints[job + 6],
        ints[job + 7],
        ints[job + 8],
        ints[job + 9],
    )
    zero = splat(memory, 0.0)
    for c in range(0, channels, lanes(memory)):
        count = channels - c
        middle, total, product = load(memory, center + c, count), zero, zero
        for line in range(task * images // parts * height, (task + 1) * images // parts * height):
            part, part_product = zero, zero
            for pixel in range(line * width, (line + 1) * width):
                place = pixel * channels + c
                slope = load(memory, dy + place, count)
                if y:
                    slope = where_positive(load(memory, y + place, count), slope)
                part = add(part, slope)
                difference = subtract(load(memory, x + place, count), middle)
                part_product = multiply_add(slope, difference, part_product)
            total, product = add(total, part), add(product, part_product)
        store(memory, totals + 2 * task * channels + c, total, count)
        store(memory, totals + (2 * task + 1) * channels + c, product, count)


@Kernel
def _affine(memory, ints, job, task, own):
    """(x - center) scale + shift for each pixel of image `task`, through a ReLU if wanted."""
    x, y, center, scale, shift, relu = (
        ints[job],
        ints[job + 1],
        ints[job + 2],
        ints[job + 3],
        ints[job + 4],
        ints[job + 5],
    )
    pixels, channels = ints[job + 6], ints[job + 7]
    for c in range(0, channels, lanes(memory)):
        count = channels - c
        middle, factor, offset = (
            load(memory, center + c, count),
            load(memory, scale + c, count),
            load(memory, shift + c, count),
        )
        for place in range(task * pixels * channels + c, (task + 1) * pixels * channels + c, channels):
            value = multiply_add(subtract(load(memory, x + place, count), middle), factor, offset)
            store(memory, y + place, rectify(value) if relu else value, count)


@Kernel
def _slopes(memory, ints, job, task, own):
    """dx = outer (dy - mean of dy - (x - center) inner) for each pixel of image `task`."""
    x, dy, y, dx, center, mean, inner, outer = (
        ints[job],
        ints[job + 1],
        ints[job + 2],
        ints[job + 3],
        ints[job + 4],
        ints[job + 5],
        ints[job + 6],
        ints[job + 7],
    )
    pixels, channels = ints[job + 8], ints[job + 9]
    minus = splat(memory, -1.0)
    for c in range(0, channels, lanes(memory)):
        count = channels - c
        middle, average = load(memory, center + c, count), load(memory, mean + c, count)
        slope_of_difference = multiply(minus, load(memory, inner + c, count))
        factor = load(memory, outer + c, count)
        for place in range(task * pixels * channels + c, (task + 1) * pixels * channels + c, channels):
            slope = load(memory, dy + place, count)
            if y:
                slope = where_positive(load(memory, y + place, count), slope)
            difference = subtract(load(memory, x + place, count), middle)
            rest = multiply_add(difference, slope_of_difference, subtract(slope, average))
            store(memory, dx + place, multiply(factor, rest), count)


def _mean(pixels: Array, center: Array, squared: bool) -> Array:
    """The mean over images and pixels of x - center, or of its square."""
    n, height, width, channels = pixels.shape
    parts = min(n, PARTS)
    totals = np.zeros((parts, channels), pixels.dtype)
    job = [at(pixels), at(center), at(totals), int(squared), n, parts, height, width, channels]
    run(pixels.dtype, Job(_sums, job, parts, 8 * pixels.size))
    mean: Array = totals.sum(axis=0) / pixels.dtype.type(n * height * width)
    return mean


def _apply(pixels: Array, center: Array, scale: Array, shift: Array, relu: bool) -> Array:
    n, height, width, channels = pixels.shape
    y = empty_like(pixels)
    job = [at(pixels), at(y), at(center), at(scale), at(shift), int(relu), height * width, channels]
    run(pixels.dtype, Job(_affine, job, n, 8 * pixels.size))
    return y.transpose(0, 3, 1, 2)


def _normalize(x: Array, gamma: Array, beta: Array, eps: float, relu: bool) -> tuple[Array, Array, Array]:
    pixels = block(x)
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        mean = _mean(pixels, np.zeros(x.shape[1], x.dtype), False)
        variance = _mean(pixels, mean, True)
        scale = gamma / np.sqrt(variance + x.dtype.type(eps))
    return _apply(pixels, mean, scale, dense(beta), relu), mean, variance


def batch_norm2d(x: Array, gamma: Array, beta: Array, *, eps: float) -> tuple[Array, Array, Array]:
    """(y, mean, variance), over images and pixels; the variance is the biased one."""
    return _normalize(x, gamma, beta, eps, False)


def batch_norm2d_relu(x: Array, gamma: Array, beta: Array, *, eps: float) -> tuple[Array, Array, Array]:
    """`batch_norm2d`, with the ReLU of y as it's stored."""
    return _normalize(x, gamma, beta, eps, True)


def batch_norm2d_backward(
    dy: Array, x: Array, gamma: Array, mean: Array, variance: Array, *, eps: float
) -> tuple[Array, Array, Array]:
    """(dx, dgamma, dbeta), through mean and variance too."""
    return _gradients(dy, x, gamma, mean, variance, eps, None)


def batch_norm2d_relu_backward(
    dy: Array, x: Array, gamma: Array, mean: Array, variance: Array, y: Array, *, eps: float
) -> tuple[Array, Array, Array]:
    """(dx, dgamma, dbeta) of `batch_norm2d_relu`, whose output y was."""
    return _gradients(dy, x, gamma, mean, variance, eps, y)


def _gradients(
    dy: Array, x: Array, gamma: Array, mean: Array, variance: Array, eps: float, y: Array | None
) -> tuple[Array, Array, Array]:
    pixels, slopes = block(x), block(dy)
    outputs: Any = None if y is None else block(y)
    n, height, width, channels = pixels.shape
    parts, address = min(n, PARTS), at(outputs)
    totals = np.zeros((parts, 2, channels), x.dtype)
    center = dense(mean)
    job = [at(pixels), at(slopes), address, at(center), at(totals), n, parts, height, width, channels]
    run(x.dtype, Job(_slope_sums, job, parts, 16 * pixels.size))
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        dbeta, products = totals.sum(axis=0)
        deviation = np.sqrt(variance + x.dtype.type(eps))
        dgamma = products / deviation
        average, inner = np.array([dbeta, dgamma / deviation]) / x.dtype.type(max(n * height * width, 1))
        outer = dense(gamma / deviation)
    dx = empty_like(pixels)
    places = [at(pixels), at(slopes), address, at(dx), at(center), at(average), at(inner), at(outer)]
    run(x.dtype, Job(_slopes, [*places, height * width, channels], n, 16 * pixels.size))
    return dx.transpose(0, 3, 1, 2), dgamma, dbeta


def scale_shift(x: Array, scale: Array, shift: Array) -> Array:
    """y = x scale[c] + shift[c]."""
    return _apply(block(x), np.zeros(x.shape[1], x.dtype), dense(scale), dense(shift), False)
