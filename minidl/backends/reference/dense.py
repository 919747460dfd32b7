"""Dense layers."""

import numpy as np

from minidl.backends.reference.numbers import quiet, wanted

__all__ = ["dense", "dense_backward"]


@quiet
def dense(x, w, b):
    """y[n, o] = b[o] + sum over i of x[n, i] w[o, i]."""
    y = np.zeros((x.shape[0], w.shape[0]), x.dtype)
    for n in range(x.shape[0]):
        for o in range(w.shape[0]):
            total = 0.0 if b is None else float(b[o])
            for i in range(w.shape[1]):
                total += float(x[n, i]) * float(w[o, i])
            y[n, o] = total
    return y


@quiet
def dense_backward(dy, x, w, *, need_dx=True, need_dw=True):
    """(dx, dw, db) of `dense`."""
    dx, dw, db = np.zeros(x.shape), np.zeros(w.shape), np.zeros(w.shape[0])
    for n in range(x.shape[0]):
        for o in range(w.shape[0]):
            grad = float(dy[n, o])
            db[o] += grad
            for i in range(w.shape[1]):
                dx[n, i] += grad * float(w[o, i])
                dw[o, i] += grad * float(x[n, i])
    return wanted(x.dtype, (dx, need_dx), (dw, need_dw), (db, need_dw))
