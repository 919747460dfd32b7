"""Local response normalization: each pixel's channels by vectors, their squares between zeros in scratch."""

from typing import NamedTuple

from minidl.backends.compiled.codegen.by_vectors import by_vectors
from minidl.backends.compiled.codegen.cpu import REGISTER_BYTES
from minidl.backends.compiled.codegen.jit import Kernel, inlined, kernel
from minidl.backends.compiled.codegen.lanewise import add, divide, multiply, multiply_add, power, square_root, subtract
from minidl.backends.compiled.codegen.load_store import clear, load, splat, store
from minidl.backends.compiled.graph.lowered import Lowered, through
from minidl.backends.compiled.runtime.memory import empty, spaced
from minidl.backends.compiled.runtime.program import Job, pieces
from minidl.backends.compiled.runtime.replay import Replay
from minidl.backends.vectorized.response import window_within
from minidl.description.operators import ResponseNorm
from minidl.typing import Array

__all__ = ["local_response_norm", "local_response_norm_backward"]

MOST_LANES = REGISTER_BYTES // 4


class _Response(NamedTuple):
    x: Array
    dy: Array | None
    y: Array  # dx backward
    x_step: int  # floats from a pixel to the next
    dy_step: int
    y_step: int
    channels: int
    size: int
    before: int  # channels of a window before its own
    pixels: int
    tasks: int
    alpha: float  # of a sum of squares
    beta: float
    k: float
    backward: float  # what the sums over windows of gradients are multiplied by


@inlined
def _scale(memory, sums, beta):
    """sums to the power -beta; AlexNet's beta takes two roots."""
    if beta == 0.75:
        root = square_root(sums)
        return divide(splat(memory, 1.0), multiply(root, square_root(root)))
    return power(sums, splat(memory, -beta))


@inlined
def _window(memory, values, count, size):
    """The sums of `size` numbers from each place on, in their order."""
    total = load(memory, values, count)
    for first in range(values + 1, values + size):
        total = add(total, load(memory, first, count))
    return total


@by_vectors
def _square(memory, c, count, x, squares):
    value = load(memory, x + c, count)
    store(memory, squares + c, multiply(value, value), count)


@by_vectors
def _apply(memory, c, count, x, squares, y, job):
    total = _window(memory, squares + c, count, job.size)
    sums = multiply_add(total, splat(memory, job.alpha), splat(memory, job.k))
    store(memory, y + c, multiply(load(memory, x + c, count), _scale(memory, sums, job.beta)), count)


@kernel(_Response)
def _response(memory, ints, job, task, scratch):
    """A share of the pixels."""
    clear(memory, scratch, job.channels + job.size)
    for i in range(task * job.pixels // job.tasks, (task + 1) * job.pixels // job.tasks):
        x = job.x + i * job.x_step
        _square(memory, 0, job.channels, x, scratch + job.before)
        _apply(memory, 0, job.channels, x, scratch, job.y + i * job.y_step, job)


@by_vectors
def _of_sums(memory, c, count, x, dy, squares, scales, products, job):
    total = _window(memory, squares + c, count, job.size)
    sums = multiply_add(total, splat(memory, job.alpha), splat(memory, job.k))
    scale = _scale(memory, sums, job.beta)
    store(memory, scales + c, scale, count)
    product = multiply(multiply(load(memory, dy + c, count), load(memory, x + c, count)), scale)
    store(memory, products + c, divide(product, sums), count)


@by_vectors
def _dx(memory, c, count, x, dy, scales, products, dx, job):
    total = multiply(_window(memory, products + c, count, job.size), splat(memory, job.backward))
    direct = multiply(load(memory, dy + c, count), load(memory, scales + c, count))
    store(memory, dx + c, subtract(direct, multiply(load(memory, x + c, count), total)), count)


@kernel(_Response)
def _response_backward(memory, ints, job, task, scratch):
    """dx of a share of the pixels; scratch holds squares, scales, and products, both ends of which are zeros."""
    channels, size = job.channels, job.size
    scales, products = scratch + channels + size, scratch + 2 * channels + size
    clear(memory, scratch, 3 * channels + 2 * size)
    behind = size - 1 - job.before
    for i in range(task * job.pixels // job.tasks, (task + 1) * job.pixels // job.tasks):
        x, dy = job.x + i * job.x_step, job.dy + i * job.dy_step
        _square(memory, 0, channels, x, scratch + job.before)
        _of_sums(memory, 0, channels, x, dy, scratch, scales, products + behind, job)
        _dx(memory, 0, channels, x, dy, scales, products, job.y + i * job.y_step, job)


def _prepare(
    kernel: Kernel, x: Array, dy: Array | None, size: int, alpha: float, beta: float, k: float, into: Array | None
) -> tuple[Array, list[Job]]:
    """(y, or dx where there's a dy; jobs), perhaps written `into` channels of a block."""
    n, channels, height, width = x.shape
    y = empty((n, height, width, channels), x.dtype).transpose(0, 3, 1, 2) if into is None else into
    (images, x_step), (target, y_step), (grads, dy_step) = spaced(x), spaced(y), (None, 0) if dy is None else spaced(dy)
    pixels, (before, behind) = n * height * width, window_within(size, channels)
    tasks = max(min(pixels, pieces(x.size)), 1)
    steps, window, factors = (x_step, dy_step, y_step), (channels, before + 1 + behind, before), (alpha / size, beta, k)
    record = _Response(images, grads, target, *steps, *window, pixels, tasks, *factors, 2 * beta * alpha / size)
    return y, [Job(kernel, record, tasks, 32 * x.size, 3 * channels + 2 * window[1] + MOST_LANES)]


@Replay
def local_response_norm(x: Array, *, size: int, alpha: float, beta: float, k: float) -> tuple[Array, list[Job]]:
    """Pixel by pixel, by vectors of channels."""
    return _prepare(_response, x, None, size, alpha, beta, k, None)


@Replay
def local_response_norm_backward(
    dy: Array, x: Array, *, size: int, alpha: float, beta: float, k: float
) -> tuple[Array, list[Job]]:
    """By x itself, and by the sums that it's a part of."""
    return _prepare(_response_backward, x, dy, size, alpha, beta, k, None)


def lower_response_norm(operator: ResponseNorm, x: Array, *, into: Array | None = None) -> Lowered:
    """The normalization as an operator of a network."""
    y, jobs = _prepare(_response, x, None, *operator, into)
    return Lowered(y, jobs, through(lambda dy: _prepare(_response_backward, x, dy, *operator, None)))
