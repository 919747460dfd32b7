"""Rows of a table, by their numbers: the gradient of the table is one pass over the places that read it."""

from typing import NamedTuple

import numpy as np

from minidl.backends.compiled.codegen.jit import inlined, kernel
from minidl.backends.compiled.codegen.lanewise import add
from minidl.backends.compiled.codegen.load_store import lanes, load, splat, store
from minidl.backends.compiled.runtime.memory import contiguous
from minidl.backends.compiled.runtime.parts import buffer_of, part_start, parts_of
from minidl.backends.compiled.runtime.program import Job, run
from minidl.typing import Array, IntArray

__all__ = ["embedding_backward"]


class _EmbeddingBackward(NamedTuple):
    dy: Array
    indices: IntArray  # (images, each)
    tables: Array  # (buffers, rows, features), of zeros; the first is dw
    images: int
    each: int  # places of an image
    parts: int
    size: int  # of a table
    features: int


@inlined
def _add_row(memory, target, source, features, clears):
    for k in range(0, features, lanes(memory)):
        count = features - k
        store(memory, target + k, add(load(memory, target + k, count), load(memory, source + k, count)), count)
        if clears:
            store(memory, source + k, splat(memory, 0.0), count)


@kernel(_EmbeddingBackward)
def _embedding_backward(memory, ints, job, task, scratch):
    """Add the gradient of each place to its row, part by part, and the parts, where they have rows, by their tree."""
    features = job.features
    for part in range(job.parts):
        table = job.tables + buffer_of(part) * job.size
        stop = part_start(job.images, job.parts, part + 1) * job.each
        for place in range(part_start(job.images, job.parts, part) * job.each, stop):
            _add_row(memory, table + ints[job.indices + place] * features, job.dy + place * features, features, False)
        rest, width = part, 1
        while rest & 1:
            for place in range(part_start(job.images, job.parts, part + 1 - width) * job.each, stop):
                row = table + ints[job.indices + place] * features
                _add_row(memory, row - job.size, row, features, True)
            table, rest, width = table - job.size, rest >> 1, 2 * width


def embedding_backward(dy: Array, indices: IntArray, *, rows: int) -> Array:
    """In one thread: within a part of the batch, the order of the sums is that of the places."""
    features, images = dy.shape[-1], len(indices)
    places = contiguous(indices.astype(np.int64, copy=False))
    parts = parts_of(images)
    tables: Array = np.zeros((parts.bit_length(), rows, features), dy.dtype)
    sizes = images, places.size // max(images, 1), parts, rows * features, features
    run(dy.dtype, Job(_embedding_backward, _EmbeddingBackward(contiguous(dy), places, tables, *sizes), 1))
    return tables[0]
