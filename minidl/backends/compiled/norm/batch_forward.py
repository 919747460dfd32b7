"""Batch normalization forward: the images through the statistics of their batch, which `statistics` takes."""

from typing import NamedTuple

from minidl.backends.compiled.codegen.by_vectors import by_vectors
from minidl.backends.compiled.codegen.jit import inlined, kernel
from minidl.backends.compiled.codegen.lanewise import (
    add,
    multiply_add,
    rectify,
    relu_grad,
    select_max,
    subtract,
)
from minidl.backends.compiled.codegen.load_store import load, splat, store
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
