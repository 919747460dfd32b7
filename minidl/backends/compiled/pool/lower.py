"""Poolings as operators of a network, each from the file of its kernels."""

from minidl.backends.compiled.pool.average import lower_adaptive_average_pool, lower_average_pool
from minidl.backends.compiled.pool.max import lower_max_pool

__all__ = ["lower_adaptive_average_pool", "lower_average_pool", "lower_max_pool"]
