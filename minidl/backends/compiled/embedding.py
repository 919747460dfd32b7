"""Rows of a table, by their numbers: the gradient of the table is one pass over the places that read it."""

from typing import NamedTuple

import numpy as np

from minidl.backends.compiled.codegen.jit import kernel
from minidl.backends.compiled.codegen.lanewise import add
from minidl.backends.compiled.codegen.load_store import lanes, load, store
from minidl.backends.compiled.runtime.memory import contiguous
from minidl.backends.compiled.runtime.program import Job, run
from minidl.typing import Array, IntArray

__all__ = ["embedding_backward"]


class _EmbeddingBackward(NamedTuple):
    dy: Array
    indices: IntArray
    dw: Array
    places: int
    features: int


@kernel(_EmbeddingBackward)
def _embedding_backward(memory, ints, job, task, scratch):
    """Add the gradient of each place to its row, from the first place to the last."""
    features = job.features
    for place in range(job.places):
        grads, row = job.dy + place * features, job.dw + ints[job.indices + place] * features
        for k in range(0, features, lanes(memory)):
            count = features - k
            total = add(load(memory, row + k, count), load(memory, grads + k, count))
            store(memory, row + k, total, count)


def embedding_backward(dy: Array, indices: IntArray, *, rows: int) -> Array:
    """In one thread: the order of the sums is that of the places."""
    features = dy.shape[-1]
    places = contiguous(indices.astype(np.int64, copy=False))
    dw: Array = np.zeros((rows, features), dy.dtype)
    run(dy.dtype, Job(_embedding_backward, _EmbeddingBackward(contiguous(dy), places, dw, places.size, features), 1))
    return dw
