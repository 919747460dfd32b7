"""Rows of a table, by their numbers."""

import numpy as np

from minidl.backends.reference.numbers import quiet

__all__ = ["embedding", "embedding_backward"]


def embedding(indices, w):
    """y[..., :] = w[indices[...]], for a table w (rows, features)."""
    y = np.zeros((*indices.shape, w.shape[1]), w.dtype)
    for place in np.ndindex(indices.shape):
        for k in range(w.shape[1]):
            y[(*place, k)] = w[indices[place], k]
    return y


@quiet
def embedding_backward(dy, indices, *, rows):
    """dw of `embedding`: the gradients of every place that read a row, added up from the first to the last."""
    dw = np.zeros((rows, dy.shape[-1]))
    for place in np.ndindex(indices.shape):
        for k in range(dy.shape[-1]):
            dw[indices[place], k] += float(dy[(*place, k)])
    return dw.astype(dy.dtype)
