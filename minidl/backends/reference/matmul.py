"""Matrix products of stacks of matrices."""

import numpy as np

from minidl.backends.reference.numbers import quiet

__all__ = ["matmul", "matmul_backward"]


def _matrix(array, place):
    """The matrix of a stack at this place of the product's, where an axis that is 1 long counts for all."""
    stack = array.shape[:-2]
    own = place[len(place) - len(stack) :]
    return array[tuple(0 if size == 1 else i for size, i in zip(stack, own, strict=True))]


@quiet
def matmul(a, b):
    """The products of matrices a (..., m, k) and b (..., k, n), whose axes before those broadcast: (..., m, n)."""
    stack = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    y = np.zeros((*stack, a.shape[-2], b.shape[-1]), a.dtype)
    for place in np.ndindex(*stack):
        left, right = _matrix(a, place), _matrix(b, place)
        for i in range(left.shape[0]):
            for j in range(right.shape[1]):
                total = 0.0
                for k in range(left.shape[1]):
                    total += float(left[i, k]) * float(right[k, j])
                y[(*place, i, j)] = total
    return y


@quiet
def matmul_backward(dy, a, b):
    """(da, db): dy b^T and a^T dy, summed over the products that a matrix is a part of."""
    da, db = np.zeros(a.shape), np.zeros(b.shape)
    for place in np.ndindex(*dy.shape[:-2]):
        left, right, grad = _matrix(a, place), _matrix(b, place), dy[place]
        dleft, dright = _matrix(da, place), _matrix(db, place)
        for i in range(grad.shape[0]):
            for j in range(grad.shape[1]):
                for k in range(left.shape[1]):
                    dleft[i, k] += float(grad[i, j]) * float(right[k, j])
                    dright[k, j] += float(grad[i, j]) * float(left[i, k])
    return da.astype(a.dtype), db.astype(b.dtype)
