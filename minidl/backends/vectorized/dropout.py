"""Dropout, by a counter-based generator."""

import numpy as np

from minidl.backends.vectorized.windows import quiet
from minidl.philox import philox
from minidl.typing import Array

__all__ = ["dropout"]


@quiet
def dropout(x: Array, *, rate: float, key: int, counter: int) -> Array:
    """All words of the generator at once, (4, blocks): position p, channels last, has the p-th in row-major order."""
    order = (0, *range(2, x.ndim), 1)[: x.ndim]
    source = np.asarray(x.transpose(order), order="C")
    blocks = np.arange((x.size + 3) // 4, dtype=np.uint64)
    place = np.zeros((blocks.size, 4), np.uint64)
    place[:, 0], place[:, 1] = blocks & np.uint64(2**32 - 1), blocks >> np.uint64(32)
    place[:, 2:] = counter % 2**32, counter // 2**32
    words = philox(place, key).T.reshape(-1)[: x.size]
    factors = np.where(words >= int(rate * 2**32), x.dtype.type(1 / (1 - rate)), x.dtype.type(0))
    y: Array = (source.reshape(-1) * factors).reshape(source.shape)
    return y.transpose(np.argsort(order))
