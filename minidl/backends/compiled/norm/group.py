"""Normalization of each sample, or of groups of its channels, as jobs."""

from minidl.backends.compiled.norm.group_backward import (
    NormalizeBackward,
    SumOfPlaces,
    normalize_backward,
    sum_of_places,
)
from minidl.backends.compiled.norm.group_forward import CHAINS, Normalize, Samples, blocks_of, normalize
from minidl.backends.compiled.runtime.copy import prepare_packed, prepare_sum
from minidl.backends.compiled.runtime.memory import contiguous, empty, empty_like
from minidl.backends.compiled.runtime.parts import parts_of
from minidl.backends.compiled.runtime.program import Job, pieces
from minidl.backends.compiled.runtime.replay import Replay
from minidl.typing import Array

__all__ = ["group_norm", "group_norm_backward"]


@Replay
def group_norm(
    x: Array, gamma: Array, beta: Array, *, groups: int, eps: float
) -> tuple[tuple[Array, Array, Array], list[Job]]:
    """(y, mean, variance), sample by sample."""
    pixels = contiguous(x.transpose(0, 2, 1))
    n, length, channels = pixels.shape
    y, (mean, variance) = empty_like(pixels), empty((2, n, groups), x.dtype)
    gammas, packing = prepare_packed(gamma.T)
    betas, more = prepare_packed(beta.T)
    step, samples = channels if gamma.ndim == 2 else 0, Samples(n, length, channels, groups)
    blocks = blocks_of(samples)
    record = Normalize(pixels, y, mean, variance, gammas, betas, step, blocks, eps, samples)
    work = Job(normalize, record, n * blocks, 16 * pixels.size, 3 * channels + CHAINS)
    return (y.transpose(0, 2, 1), mean, variance), [*packing, *more, work]


@Replay
def group_norm_backward(
    dy: Array, x: Array, gamma: Array, mean: Array, variance: Array, *, groups: int, eps: float, each: int = 1
) -> tuple[tuple[Array, Array, Array], list[Job]]:
    """(dx, dgamma, dbeta), through mean and variance too; `each` samples are of one image."""
    pixels, grads, dtype = contiguous(x.transpose(0, 2, 1)), contiguous(dy.transpose(0, 2, 1)), x.dtype
    n, length, channels = pixels.shape
    by_place, samples, tasks = gamma.ndim == 2, Samples(n, length, channels, groups), pieces(length * channels)
    gammas, jobs = prepare_packed(gamma.T)
    dx, dgamma, dbeta = empty_like(pixels), empty(gammas.shape, dtype), empty(gammas.shape, dtype)
    means, scale = contiguous(mean), empty(mean.shape, dtype)
    sums = None if by_place else empty((2, n, channels), dtype)
    moments = means, contiguous(variance), scale
    step = channels if by_place else 0
    record = NormalizeBackward(pixels, grads, dx, *moments, gammas, step, sums, eps, samples)
    jobs = [*jobs, Job(normalize_backward, record, n, 24 * pixels.size, 4 * channels + CHAINS)]
    if sums is None:
        parts = parts_of(n // each)
        places = SumOfPlaces(pixels, grads, means, scale, dgamma, dbeta, n // each, each, parts, tasks, samples)
        jobs.append(Job(sum_of_places, places, tasks, 8 * pixels.size, 2 * parts * CHAINS))
    else:
        jobs += [prepare_sum(sums[0], dbeta, onto=False), prepare_sum(sums[1], dgamma, onto=False)]
    return (dx.transpose(0, 2, 1), dgamma.T, dbeta.T), jobs
