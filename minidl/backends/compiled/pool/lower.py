"""Poolings as operators of a network."""

from minidl.backends.compiled.graph.lowered import Lowered, through
from minidl.backends.compiled.pool.average import (
    adaptive_tables,
    prepare_average_pool,
    prepare_average_pool_backward,
)
from minidl.backends.compiled.pool.max import prepare_max_pool, prepare_max_pool_backward
from minidl.backends.compiled.runtime.program import Job
from minidl.backends.vectorized.pool import windows_of_averages
from minidl.description.operators import AdaptiveAveragePool, AveragePool, MaxPool
from minidl.typing import Array, IntArray, Pair


def _size(images: Array) -> Pair:
    return images.shape[2], images.shape[3]


def lower_max_pool(operator: MaxPool, x: Array) -> Lowered:
    """The maximum of each window."""
    y, argmax, job = prepare_max_pool(x, operator)
    return Lowered(y, [job], through(lambda dy: prepare_max_pool_backward(dy, argmax, _size(x), operator)))


def lower_average_pool(operator: AveragePool, x: Array) -> Lowered:
    """The mean of each window."""
    return _lower_means(x, *windows_of_averages(_size(x), operator), to_vectors=False)


def lower_adaptive_average_pool(operator: AdaptiveAveragePool, x: Array) -> Lowered:
    """The means of as many windows as the output has pixels."""
    return _lower_means(x, *adaptive_tables(_size(x), operator.output_size), to_vectors=operator.to_vectors)


def _lower_means(x: Array, rows: IntArray, columns: IntArray, *, to_vectors: bool) -> Lowered:
    y, job = prepare_average_pool(x, rows, columns)

    def prepare_backward(dy: Array) -> tuple[Array, Job]:
        images = dy[:, :, None, None] if to_vectors else dy
        return prepare_average_pool_backward(images, _size(x), rows, columns)

    return Lowered(y[:, :, 0, 0] if to_vectors else y, [job], through(prepare_backward))
