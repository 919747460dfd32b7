"""Batch normalization, with the ReLU and the pooling after it: its passes over the images as one list of jobs."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from minidl.backends.compiled.codegen.load_store import as_bits
from minidl.backends.compiled.norm import batch_backward, batch_forward
from minidl.backends.compiled.pool.max import prepare_max_pool, prepare_max_pool_backward
from minidl.backends.compiled.runtime.memory import as_nhwc, contiguous, empty, empty_like
from minidl.backends.compiled.runtime.program import Job, pack
from minidl.backends.compiled.runtime.replay import Replay
from minidl.backends.operators import Pool
from minidl.typing import Array

Running = tuple[Array, Array, float]

MAX_2X2 = Pool((2, 2), (2, 2), ((0, 0), (0, 0)))
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


def forward(
    x: Array,
    gamma: Array,
    beta: Array,
    *,
    eps: float,
    relu: bool,
    pool: Pool | None = None,
    running: Running | None = None,
) -> tuple[Normalized, list[Job]]:
    """`batch_norm2d`, perhaps with a ReLU and a max-pooling after it, as jobs that are still to run."""
    pixels, dtype = as_nhwc(x), x.dtype
    n, height, width, channels = pixels.shape
    is_fused = relu and pool == MAX_2X2
    y = empty((n, height // 2, width // 2, channels), dtype) if is_fused else empty_like(pixels)
    taps, winners = (empty_like(y), empty_like(y)) if is_fused else (None, None)
    moments = empty((max(n, 1), 2, channels), dtype)
    statistics = np.empty((4, channels), dtype)
    mean, variance, scale, shift = statistics
    gammas, betas, count = contiguous(gamma), contiguous(beta), n * height * width
    running_mean, running_variance, momentum = running or (None, None, 0.0)
    job = pack(
        batch_forward.Job,
        x=pixels,
        y=y,
        taps=taps,
        winners=winners,
        moments=moments,
        mean=mean,
        variance=variance,
        scale=scale,
        shift=shift,
        gamma=gammas,
        beta=betas,
        running_mean=running_mean,
        running_variance=running_variance,
        momentum=as_bits(momentum),
        unbias=as_bits(count / max(count - 1, 1)),
        eps=as_bits(eps),
        relu=int(relu),
        images=n,
        height=height,
        width=width,
        channels=channels,
    )
    apply = batch_forward.normalize_and_pool if is_fused else batch_forward.normalize
    jobs = [
        Job(batch_forward.image_moments, job, n, 8 * pixels.size, height * channels),
        Job(batch_forward.statistics, job, 1),
        Job(apply, job, n, 8 * pixels.size),
    ]
    images: Array = y.transpose(0, 3, 1, 2)
    argmax: Any = taps
    if pool is not None and not is_fused:
        images, argmax, pooling = prepare_max_pool(images, pool)
        jobs.append(pooling)
    return Normalized(images, mean, variance, scale, shift, argmax, winners), jobs


class Gradients(NamedTuple):
    """The gradients of a normalization's input, scale and shift."""

    dx: Array
    dgamma: Array
    dbeta: Array


def backward(
    dy: Array, x: Array, saved: Normalized, *, eps: float, relu: bool, pool: Pool | None = None
) -> tuple[Gradients, list[Job]]:
    """The gradients of what `forward` saved, as jobs that are still to run."""
    is_fused = saved.winners is not None
    jobs: list[Job] = []
    if pool is not None and not is_fused:
        assert saved.argmax is not None
        dy, unpooling = prepare_max_pool_backward(dy, saved.argmax, (x.shape[2], x.shape[3]), pool)
        jobs.append(unpooling)
    rows = (saved.mean, saved.variance, saved.scale, saved.shift)
    taps = saved.argmax if is_fused else None
    gradients, passes = _gradients(dy, x, rows, None, eps, relu, taps, saved.winners)
    return gradients, jobs + passes


def _gradients(
    dy: Array,
    x: Array,
    rows: Sequence[Array],
    gamma: Array | None,
    eps: float,
    relu: bool,
    taps: Array | None,
    winners: Array | None,
) -> tuple[Gradients, list[Job]]:
    """The jobs, from mean, variance, scale and shift; with a gamma, they compute the scale themselves."""
    pixels, slopes = as_nhwc(x), as_nhwc(dy)
    n, height, width, channels = pixels.shape
    mean, variance, scale, shift = rows
    dx, sums = empty_like(pixels), empty((max(n, 1), 2, channels), x.dtype)
    results = np.empty((4, channels), x.dtype)
    average, product, dgamma, dbeta = results
    job = pack(
        batch_backward.Job,
        x=pixels,
        dy=slopes,
        taps=taps,
        winners=winners,
        dx=dx,
        sums=sums,
        mean=mean,
        variance=variance,
        gamma=gamma,
        scale=scale,
        shift=shift,
        average=average,
        product=product,
        dgamma=dgamma,
        dbeta=dbeta,
        eps=as_bits(eps),
        relu=int(relu),
        images=n,
        height=height,
        width=width,
        channels=channels,
    )
    pooled = taps is not None
    jobs = [
        Job(batch_backward.window_sums if pooled else batch_backward.slope_sums, job, n, 16 * slopes.size),
        Job(batch_backward.averages, job, 1),
        Job(batch_backward.window_slopes if pooled else batch_backward.slopes, job, n, 16 * pixels.size),
    ]
    return Gradients(dx.transpose(0, 3, 1, 2), dgamma, dbeta), jobs


@Replay
def batch_norm2d(
    x: Array, gamma: Array, beta: Array, *, eps: float, running: Running | None = None
) -> tuple[tuple[Array, Array, Array], list[Job]]:
    """(y, mean, variance), over images and pixels; the variance is the biased one.

    `running` (mean, variance, momentum) move by momentum of the way towards the batch's, the variance unbiased.
    """
    result, jobs = forward(x, gamma, beta, eps=eps, relu=False, running=running)
    return (result.y, result.mean, result.variance), jobs


@Replay
def batch_norm2d_backward(
    dy: Array, x: Array, gamma: Array, mean: Array, variance: Array, *, eps: float
) -> tuple[tuple[Array, Array, Array], list[Job]]:
    """(dx, dgamma, dbeta), through mean and variance too."""
    rows = (
        contiguous(mean),
        contiguous(variance),
        np.empty(gamma.shape, x.dtype),
        contiguous(mean),
    )  # without ReLU, no shift
    result, jobs = _gradients(dy, x, rows, contiguous(gamma), eps, False, None, None)
    return (result.dx, result.dgamma, result.dbeta), jobs


@Replay
def scale_shift(x: Array, scale: Array, shift: Array) -> tuple[Array, list[Job]]:
    """y = x scale[c] + shift[c]."""
    pixels = as_nhwc(x)
    n, height, width, channels = pixels.shape
    y, zeros = empty_like(pixels), np.zeros(channels, x.dtype)
    scales, shifts = contiguous(scale), contiguous(shift)
    places = {"x": pixels, "y": y, "mean": zeros, "scale": scales, "shift": shifts}
    sizes = {"images": n, "height": height, "width": width, "channels": channels}
    job = pack(batch_forward.Job, **dict.fromkeys(batch_forward.Job.__members__, 0) | places | sizes)
    return y.transpose(0, 3, 1, 2), [Job(batch_forward.normalize, job, n, 8 * pixels.size)]
