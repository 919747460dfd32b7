"""Poolings as operators of a network."""

from collections.abc import Sequence

from minidl.backends.compiled.graph.lowered import Lowered
from minidl.backends.compiled.pool.average import (
    adaptive_tables,
    prepare_average_pool,
    prepare_average_pool_backward,
)
from minidl.backends.compiled.pool.max import prepare_max_pool, prepare_max_pool_backward
from minidl.backends.compiled.runtime.program import Job
from minidl.backends.vectorized.pool import windows_of_averages
from minidl.description.operators import AdaptiveAveragePool, AveragePool, MaxPool
from minidl.typing import Array, IntArray


def lower_max_pool(operator: MaxPool, x: Array) -> Lowered:
    """The maximum of each window."""
    y, argmax, job = prepare_max_pool(x, operator)

    def backward(dy: Array, needs: Sequence[bool]) -> tuple[list[Array | None], list[Job]]:
        if not needs[0]:
            return [None], []
        dx, job = prepare_max_pool_backward(dy, argmax, (x.shape[2], x.shape[3]), operator)
        return [dx], [job]

    return Lowered(y, [job], backward)


def lower_average_pool(operator: AveragePool, x: Array) -> Lowered:
    """The mean of each window."""
    return _means(x, *windows_of_averages((x.shape[2], x.shape[3]), *operator))


def lower_adaptive_average_pool(operator: AdaptiveAveragePool, x: Array) -> Lowered:
    """The means of as many windows as the output has pixels."""
    means = _means(x, *adaptive_tables((x.shape[2], x.shape[3]), operator.output_size))
    to_images = means.backward
    if not operator.to_vectors or to_images is None:
        return means
    return means._replace(y=means.y[:, :, 0, 0], backward=lambda dy, needs: to_images(dy[:, :, None, None], needs))


def _means(x: Array, rows: IntArray, columns: IntArray) -> Lowered:
    y, job = prepare_average_pool(x, rows, columns)

    def backward(dy: Array, needs: Sequence[bool]) -> tuple[list[Array | None], list[Job]]:
        if not needs[0]:
            return [None], []
        dx, job = prepare_average_pool_backward(dy, (x.shape[2], x.shape[3]), rows, columns)
        return [dx], [job]

    return Lowered(y, [job], backward)
