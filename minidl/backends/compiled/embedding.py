"""Rows of a table, by their numbers: the gradient of a row is a sum over the places that read it, found by sorting."""

from typing import NamedTuple

import numpy as np

from minidl.backends.compiled.codegen.by_vectors import by_vectors
from minidl.backends.compiled.codegen.jit import kernel, njit
from minidl.backends.compiled.codegen.lanewise import add
from minidl.backends.compiled.codegen.load_store import clear, copy, load, store
from minidl.backends.compiled.runtime.memory import contiguous
from minidl.backends.compiled.runtime.parts import buffer_of, merge_buffers, part_start, parts_of
from minidl.backends.compiled.runtime.program import Job, pieces, run
from minidl.typing import Array, IntArray

__all__ = ["embedding_backward"]


class _EmbeddingBackward(NamedTuple):
    dy: Array
    order: IntArray  # the places by their rows, those of a row in their own order
    rows: IntArray  # of these places
    dw: Array  # zeros
    places: int
    features: int
    images: int
    parts: int
    tasks: int


@by_vectors
def _add_onto(memory, k, count, target, source):
    store(memory, target + k, add(load(memory, target + k, count), load(memory, source + k, count)), count)


@njit
def _sum_row(memory, ints, job, first, last, buffers):
    """The sum over some places of one row: of each part of the batch from its first place to its last, then a tree."""
    features, each = job.features, job.places // job.images
    for part in range(job.parts):
        stop, target = part_start(job.images, job.parts, part + 1) * each, buffers + buffer_of(part) * features
        clear(memory, target, features)
        while first < last and ints[job.order + first] < stop:
            _add_onto(memory, 0, features, target, job.dy + ints[job.order + first] * features)
            first += 1
        merge_buffers(memory, buffers, features, features, part)


@kernel(_EmbeddingBackward)
def _embedding_backward(memory, ints, job, task, scratch):
    """Sum the rows that begin in a share of the sorted places."""
    features, rows = job.features, job.rows
    first, stop = task * job.places // job.tasks, (task + 1) * job.places // job.tasks
    while 0 < first < stop and ints[rows + first] == ints[rows + first - 1]:
        first += 1  # of a row that another task began
    while first < stop:
        row, last = ints[rows + first], first + 1
        while last < job.places and ints[rows + last] == row:
            last += 1
        source = scratch
        if last - first == 1:
            source = job.dy + ints[job.order + first] * features
        else:
            _sum_row(memory, ints, job, first, last, scratch)
        copy(memory, job.dw + row * features, source, features)
        first = last


def embedding_backward(dy: Array, indices: IntArray, *, rows: int) -> Array:
    """Each row's sum over its places in the parts of the batch, and these added up by their tree."""
    features, images = dy.shape[-1], indices.shape[0] if indices.ndim else 1
    dw: Array = np.zeros((rows, features), dy.dtype)
    if not indices.size:
        return dw
    places = indices.reshape(-1)
    # NumPy sorts integers of 16 bits by their digits, in a tenth of the time.
    order = np.argsort(places.astype(np.uint16 if rows <= 1 << 16 else np.int64), kind="stable").astype(np.int64)
    tasks, parts = min(pieces(dy.size), len(order)), parts_of(images)
    record = _EmbeddingBackward(
        *(contiguous(dy), order, places[order].astype(np.int64), dw),
        *(len(order), features, images, parts, tasks),
    )
    run(dy.dtype, Job(_embedding_backward, record, tasks, 8 * dy.size, parts.bit_length() * features))
    return dw
