"""Rows of a table, by their numbers."""

import numpy as np

from minidl.backends.vectorized.windows import quiet
from minidl.typing import Array, IntArray

__all__ = ["embedding", "embedding_backward"]


def embedding(indices: IntArray, w: Array) -> Array:
    """The rows, copied."""
    return w.take(indices, axis=0)


@quiet
def embedding_backward(dy: Array, indices: IntArray, *, rows: int) -> Array:
    """Row by row, in the order of the places that read it: the same bits on every machine."""
    dw = np.zeros((rows, dy.shape[-1]), dy.dtype)
    np.add.at(dw, indices.reshape(-1), dy.reshape(indices.size, dy.shape[-1]))
    return dw
