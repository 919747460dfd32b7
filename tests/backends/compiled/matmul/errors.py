"""Rounding errors of sums of products, in units of those of pairwise sums."""

import functools

import numpy as np


@functools.cache
def pairwise_error(terms):
    """The error of NumPy's pairwise sums of float32 products of normal numbers, relative to the sums: both as rms."""
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 2000, terms), dtype=np.float32)
    return _relative((a * b).sum(axis=1), np.einsum("ij,ij->i", a.astype(np.float64), b))


def error(got, exact, terms):
    """How many times as large the error of these sums of so many products is."""
    assert got.dtype == np.float32
    return _relative(got, exact) / pairwise_error(terms)


def _relative(got, exact):
    return float(np.sqrt(np.mean((got - exact) ** 2) / np.mean(exact**2)))
