"""Batch normalization, with the ReLU and the pooling after it: its passes over the images as one list of jobs."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from minidl.backends.compiled.codegen.jit import kernel
from minidl.backends.compiled.codegen.load_store import clear, copy
from minidl.backends.compiled.norm.batch_backward import (
    Averages,
    Backward,
    BranchSums,
    averages,
    branch_sums,
    grad_sums,
    input_grad,
    window_input_grad,
    window_sums,
)
from minidl.backends.compiled.norm.batch_forward import (
    ChannelAffine,
    Images,
    Normalize,
    normalize,
    normalize_and_pool,
)
from minidl.backends.compiled.norm.statistics import Statistics, prepare_moments, statistics
from minidl.backends.compiled.pool.max import max_pool2d, max_pool2d_backward
from minidl.backends.compiled.runtime.copy import prepare_sum
from minidl.backends.compiled.runtime.memory import as_nhwc, contiguous, empty, empty_like, spaced
from minidl.backends.compiled.runtime.parts import add_up
from minidl.backends.compiled.runtime.program import Job, prepare_gathered
from minidl.backends.compiled.runtime.replay import Replay
from minidl.description.operators import MaxPool
from minidl.process import share
from minidl.typing import Array

Running = tuple[Array, Array, float]

MAX_2X2 = MaxPool((2, 2), (2, 2), ((0, 0), (0, 0)))
"""The pooling that is fused with normalizing."""


class Normalized(NamedTuple):
    """What a normalization gives, and what its backward pass needs of it."""

    y: Array
    mean: Array
    variance: Array
    scale: Array
    shift: Array
    argmax: Array | None  # of the pooling: of the kernels' own where it is fused, else the pooling's
    winners: Array | None  # the x that won, where the pooling is fused


def prepare_batch_norm(
    x: Array,
    gamma: Array,
    beta: Array,
    *,
    eps: float,
    relu: bool,
    pool: MaxPool | None = None,
    other: Array | None = None,
    running: Running | None = None,
    into: Array | None = None,
    deferred: bool = False,
) -> tuple[Normalized, list[Job]]:
    """(result, jobs) of `batch_norm2d`, perhaps with a sum, a ReLU and, without a sum, a max-pooling after it.

    Without pooling, y may be written `into` channels of a block. A `deferred` one only has its statistics taken, and
    its y is x.
    """
    pixels, dtype = as_nhwc(x), x.dtype
    images = Images(*pixels.shape)
    n, height, width, channels = images
    counts, work = share.counts(n), 8 * pixels.size
    values = sum(counts) * height * width
    mean, variance, scale, shift = np.empty((4, channels), dtype)
    affine = ChannelAffine(mean, scale, shift)
    running_mean, running_variance, momentum = running or (None, None, 0.0)
    parameters = contiguous(gamma), contiguous(beta), running_mean, running_variance
    moments, jobs = prepare_moments(pixels)
    sizes = len(counts), values, height * width, channels
    numbers = momentum, values / max(values - 1, 1), eps
    summary = Statistics(moments, np.array(counts), *sizes, variance, affine, *parameters, *numbers)
    jobs.append(Job(statistics, summary, 1))
    if deferred:
        return Normalized(x, mean, variance, scale, shift, None, None), jobs
    if relu and pool == MAX_2X2:
        y = empty((n, height // 2, width // 2, channels), dtype)
        taps, winners = empty_like(y), empty_like(y)
        record = Normalize(pixels, y, channels, None, taps, winners, affine, True, images)
        jobs.append(Job(normalize_and_pool, record, n, work))
        return Normalized(y.transpose(0, 3, 1, 2), mean, variance, scale, shift, taps, winners), jobs
    added = None if other is None else as_nhwc(other)
    y, step = (empty_like(pixels), channels) if into is None or pool is not None else spaced(into)
    jobs.append(Job(normalize, Normalize(pixels, y, step, added, None, None, affine, relu, images), n, work))
    result, argmax = y.transpose(0, 3, 1, 2), None
    if pool is not None:
        (result, argmax), pooling = max_pool2d.prepare(result, pool=pool)
        jobs += pooling
    return Normalized(result, mean, variance, scale, shift, argmax, None), jobs


class Gradients(NamedTuple):
    """The gradients of a normalization's input, scale and shift, these of all ranks: rank 0 has them, others zeros."""

    dx: Array
    dgamma: Array
    dbeta: Array


def prepare_batch_norm_backward(
    dy: Array, x: Array, saved: Normalized, *, eps: float, relu: bool, pool: MaxPool | None = None
) -> tuple[Gradients, list[Job]]:
    """(gradients, jobs) of what `prepare_batch_norm` saved."""
    affine = ChannelAffine(saved.mean, saved.scale, saved.shift)
    if saved.winners is not None:
        return _prepare_backward(dy, x, saved.variance, affine, None, eps, relu, saved.argmax, saved.winners)
    jobs: list[Job] = []
    if pool is not None:
        assert saved.argmax is not None
        dy, jobs = max_pool2d_backward.prepare(dy, saved.argmax, size=(x.shape[2], x.shape[3]), pool=pool)
    gradients, passes = _prepare_backward(dy, x, saved.variance, affine, None, eps, relu)
    return gradients, jobs + passes


def _prepare_backward(
    dy: Array,
    x: Array,
    variance: Array,
    affine: ChannelAffine,
    gamma: Array | None,
    eps: float,
    relu: bool,
    taps: Array | None = None,
    winners: Array | None = None,
) -> tuple[Gradients, list[Job]]:
    """The jobs of a backward pass; with a gamma, they compute the scale themselves."""
    pixels, (grads, step) = as_nhwc(x), spaced(dy)
    images = Images(*pixels.shape)
    n, height, width, channels = images
    dx, sums, root = empty_like(pixels), empty((n, 2, channels), x.dtype), np.empty((2, channels), x.dtype)
    average, product, dgamma, dbeta = np.empty((4, channels), x.dtype)
    gathered, exchange = prepare_gathered(root)
    values = sum(share.counts(n)) * height * width
    numbers = len(gathered), channels, values, share.is_first(), eps
    means = Averages(gathered, variance, gamma, affine.scale, average, product, dgamma, dbeta, *numbers)
    first, last = (grad_sums, input_grad) if taps is None else (window_sums, window_input_grad)
    to_sum = Backward(pixels, grads, step, taps, winners, sums, None, None, None, affine, relu, images)
    to_dx = Backward(pixels, grads, step, taps, None, None, dx, average, product, affine, relu, images)
    jobs = [
        Job(first, to_sum, n, 16 * grads.size),
        prepare_sum(sums, root, onto=False),
        *exchange,
        Job(averages, means, 1),
        Job(last, to_dx, n, 16 * pixels.size),
    ]
    return Gradients(dx.transpose(0, 3, 1, 2), dgamma, dbeta), jobs


def prepare_branch_backward(
    dys: Sequence[Array], x: Array, saved: Normalized, *, eps: float
) -> tuple[Gradients, Array, list[Job]]:
    """(gradients, that of the other branch, jobs) behind a sum and a ReLU; dy is the sum of one or two arrays."""
    images, masked = Images(*as_nhwc(x).shape), empty_like(as_nhwc(x))
    affine = ChannelAffine(saved.mean, saved.scale, saved.shift)
    gradients, jobs = _prepare_backward(masked.transpose(0, 3, 1, 2), x, saved.variance, affine, None, eps, False)
    (dy, step), (y, y_step) = spaced(dys[0]), spaced(saved.y)
    more, more_step = spaced(dys[1]) if len(dys) > 1 else (None, 0)
    record = BranchSums(Backward(*jobs[0].arguments), dy, step, more, more_step, y, y_step)
    jobs[0] = Job(branch_sums, record, images.n, 24 * masked.size)
    return gradients, masked.transpose(0, 3, 1, 2), jobs


@Replay
def batch_norm2d(
    x: Array, gamma: Array, beta: Array, *, eps: float, running: Running | None = None
) -> tuple[tuple[Array, Array, Array], list[Job]]:
    """(y, mean, variance), over images and pixels; the variance is the biased one.

    `running` (mean, variance, momentum) move by momentum of the way towards the batch's, the variance unbiased.
    """
    result, jobs = prepare_batch_norm(x, gamma, beta, eps=eps, relu=False, running=running)
    return (result.y, result.mean, result.variance), jobs


@Replay
def batch_norm2d_backward(
    dy: Array, x: Array, gamma: Array, mean: Array, variance: Array, *, eps: float
) -> tuple[tuple[Array, Array, Array], list[Job]]:
    """(dx, dgamma, dbeta), through mean and variance too."""
    means = contiguous(mean)
    affine = ChannelAffine(means, np.empty(gamma.shape, x.dtype), means)  # without ReLU, no shift
    result, jobs = _prepare_backward(dy, x, contiguous(variance), affine, contiguous(gamma), eps, False)
    return (result.dx, result.dgamma, result.dbeta), jobs


def prepare_scale_shift(
    x: Array, scale: Array, shift: Array, *, relu: bool = False, into: Array | None = None
) -> tuple[Array, Job]:
    """(x scale[c] + shift[c], perhaps through a ReLU; job), perhaps written `into` channels of a block."""
    pixels = as_nhwc(x)
    images = Images(*pixels.shape)
    y, step = (empty_like(pixels), images.channels) if into is None else spaced(into)
    affine = ChannelAffine(np.zeros(images.channels, x.dtype), contiguous(scale), contiguous(shift))
    record = Normalize(pixels, y, step, None, None, None, affine, relu, images)
    return y.transpose(0, 3, 1, 2), Job(normalize, record, len(pixels), 8 * pixels.size)


class _Total(NamedTuple):
    gathered: Array  # (ranks, size), which it adds up in place
    total: Array
    is_first: bool  # or it's zeros: another rank has it
    ranks: int
    size: int


@kernel(_Total)
def _total(memory, ints, job, task, scratch):
    """The sum of what the ranks have, by their tree."""
    add_up(memory, job.gathered, job.ranks, job.size)
    if job.is_first:
        copy(memory, job.total, job.gathered, job.size)
    else:
        clear(memory, job.total, job.size)


def prepare_scale_shift_sums(dy: Array, x: Array) -> tuple[Array, list[Job]]:
    """(the sums of dy and of dy x for each channel, (2, c), jobs), image by image.

    Of several ranks that share a batch the first has those of all, others zeros: what follows from them isn't linear.
    """
    pixels, (grads, step) = as_nhwc(x), spaced(dy)
    images, zeros = Images(*pixels.shape), np.zeros(x.shape[1], x.dtype)
    shape = 2, images.channels
    parts, root = empty((images.n, *shape), x.dtype), np.empty(shape, x.dtype)
    affine = ChannelAffine(zeros, zeros, zeros)
    record = Backward(pixels, grads, step, None, None, parts, None, None, None, affine, False, images)
    gathered, exchange = prepare_gathered(root)
    jobs = [Job(grad_sums, record, images.n, 16 * pixels.size), prepare_sum(parts, root, onto=False), *exchange]
    if not exchange:
        return root, jobs
    total = np.empty(shape, x.dtype)
    return total, [*jobs, Job(_total, _Total(gathered, total, share.is_first(), len(gathered), root.size), 1)]


def prepare_scaled(dy: Array, scale: Array) -> tuple[Array, Job]:
    """(dy scale[c], job): adding minus 0 changes no bit."""
    return prepare_scale_shift(dy, scale, np.full(scale.shape, -0.0, dy.dtype))


@Replay
def scale_shift_backward(dy: Array, x: Array, scale: Array) -> tuple[tuple[Array, Array, Array], list[Job]]:
    """(dx, dscale, dshift)."""
    dx, job = prepare_scaled(dy, scale)
    sums, jobs = prepare_scale_shift_sums(dy, x)
    return (dx, sums[1], sums[0]), [job, *jobs]


@Replay
def scale_shift(x: Array, scale: Array, shift: Array) -> tuple[Array, list[Job]]:
    """y = x scale[c] + shift[c]."""
    y, job = prepare_scale_shift(x, scale, shift)
    return y, [job]
