"""Matrix products of stacks of matrices, by NumPy's own."""

import numpy as np

from minidl.backends.vectorized.windows import quiet
from minidl.typing import Array, Shape

__all__ = ["matmul", "matmul_backward"]


@quiet
def matmul(a: Array, b: Array) -> Array:
    """As NumPy's, with the axes before the last two broadcast."""
    y: Array = np.matmul(a, b)
    return y


@quiet
def matmul_backward(dy: Array, a: Array, b: Array) -> tuple[Array, Array]:
    """(da, db): dy b^T and a^T dy, summed over what was repeated."""
    da, db = np.matmul(dy, b.swapaxes(-1, -2)), np.matmul(a.swapaxes(-1, -2), dy)
    return _summed(da, a.shape), _summed(db, b.shape)


def _summed(gradient: Array, shape: Shape) -> Array:
    extra = gradient.ndim - len(shape)
    gradient = gradient.sum(axis=tuple(range(extra)))
    repeated = [axis for axis, size in enumerate(shape) if size == 1 and gradient.shape[axis] != 1]
    summed: Array = gradient.sum(axis=tuple(repeated), keepdims=True)
    return summed
