"""Rows of a table, by their numbers: the gradient of the table is one pass over the places that read it."""

import numpy as np

from minidl.backends.compiled.codegen.jit import Kernel
from minidl.backends.compiled.codegen.lanewise import add
from minidl.backends.compiled.codegen.load_store import lanes, load, store
from minidl.backends.compiled.runtime.memory import contiguous
from minidl.backends.compiled.runtime.program import Job, run
from minidl.typing import Array, IntArray


@Kernel
def _embedding_backward(memory, ints, job, task, own):
    """Add the slope of each place to its row, from the first place to the last."""
    dy, indices, dw, places, features = ints[job], ints[job + 1], ints[job + 2], ints[job + 3], ints[job + 4]
    for place in range(places):
        slopes, row = dy + place * features, dw + ints[indices + place] * features
        for k in range(0, features, lanes(memory)):
            count = features - k
            total = add(load(memory, row + k, count), load(memory, slopes + k, count))
            store(memory, row + k, total, count)


def embedding_backward(dy: Array, indices: IntArray, *, rows: int) -> Array:
    """In one thread: the order of the sums is that of the places."""
    features = dy.shape[-1]
    slopes, places = contiguous(dy), contiguous(indices.astype(np.int64, copy=False))
    dw: Array = np.zeros((rows, features), dy.dtype)
    run(dy.dtype, Job(_embedding_backward, [slopes, places, dw, places.size, features], 1))
    return dw
