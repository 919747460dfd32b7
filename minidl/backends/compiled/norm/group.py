"""Normalization of each sample, or of groups of its channels, as jobs."""

import numpy as np

from minidl.backends.compiled.codegen.load_store import as_bits
from minidl.backends.compiled.norm.group_backward import normalize_backward, sum_of_places, sum_of_samples
from minidl.backends.compiled.norm.group_forward import CHAINS, Place, normalize
from minidl.backends.compiled.runtime.memory import contiguous, empty, empty_like
from minidl.backends.compiled.runtime.program import Job, pack, pieces, run
from minidl.typing import Array


def normalized(x: Array, gamma: Array, beta: Array, groups: int, eps: float) -> tuple[Array, Array, Array, Job]:
    """(y, mean, variance, job) of `group_norm`."""
    pixels = contiguous(x.transpose(0, 2, 1))
    n, length, channels = pixels.shape
    y, (mean, variance) = empty_like(pixels), empty((2, n, groups), x.dtype)
    arrays = {"x": pixels, "y": y, "mean": mean, "variance": variance}
    arrays |= {"gamma": contiguous(gamma.T), "beta": contiguous(beta.T)}
    sizes = {"images": n, "pixels": length, "channels": channels, "groups": groups}
    sizes |= {"step": channels if gamma.ndim == 2 else 0, "eps": as_bits(eps)}
    job = pack(Place, **dict.fromkeys(Place.__members__, 0) | arrays | sizes)
    work = Job(normalize, job, n, 16 * pixels.size, 3 * channels + CHAINS)
    return y.transpose(0, 2, 1), mean, variance, work


def group_norm(x: Array, gamma: Array, beta: Array, *, groups: int, eps: float) -> tuple[Array, Array, Array]:
    """(y, mean, variance), sample by sample."""
    y, mean, variance, job = normalized(x, gamma, beta, groups, eps)
    run(x.dtype, job)
    return y, mean, variance


def group_norm_backward(
    dy: Array, x: Array, gamma: Array, mean: Array, variance: Array, *, groups: int, eps: float
) -> tuple[Array, Array, Array]:
    """(dx, dgamma, dbeta), through mean and variance too."""
    pixels, slopes, weights = contiguous(x.transpose(0, 2, 1)), contiguous(dy.transpose(0, 2, 1)), contiguous(gamma.T)
    n, length, channels = pixels.shape
    by_place = gamma.ndim == 2
    dx, dgamma, dbeta = empty_like(pixels), np.empty(weights.shape, x.dtype), np.empty(weights.shape, x.dtype)
    sums = None if by_place else empty((n, 2, channels), x.dtype)
    tasks = pieces(length * channels)
    arrays = {
        "x": pixels,
        "y": dx,
        "dy": slopes,
        "mean": contiguous(mean),
        "variance": contiguous(variance),
        "sums": sums,
    }
    arrays |= {"scale": np.empty(mean.shape, x.dtype), "gamma": weights, "dgamma": dgamma, "dbeta": dbeta}
    sizes = {"images": n, "pixels": length, "channels": channels, "groups": groups, "tasks": tasks}
    sizes |= {"step": channels if by_place else 0, "eps": as_bits(eps)}
    job = pack(Place, **dict.fromkeys(Place.__members__, 0) | arrays | sizes)
    last = Job(sum_of_places, job, tasks, 8 * pixels.size) if by_place else Job(sum_of_samples, job, 1)
    run(x.dtype, Job(normalize_backward, job, n, 24 * pixels.size, 4 * channels + CHAINS), last)
    return dx.transpose(0, 2, 1), dgamma.T, dbeta.T
