"""Dropout, by a counter-based generator."""

from typing import Any

import numpy as np

from minidl.backends.vectorized.windows import quiet
from minidl.typing import Array


@quiet
def dropout(x: Array, *, rate: float, key: int, counter: int) -> Array:
    """All words of the generator at once: a row of them for each quarter of the positions, channels last."""
    order = (0, *range(2, x.ndim), 1)[: x.ndim]
    source = np.asarray(x.transpose(order), order="C")
    words = _philox(np.arange((x.size + 3) // 4, dtype=np.uint64), counter, key).reshape(-1)[: x.size]
    factors = np.where(words >= int(rate * 2**32), x.dtype.type(1 / (1 - rate)), x.dtype.type(0))
    y: Array = (source.reshape(-1) * factors).reshape(source.shape)
    return y.transpose(np.argsort(order))


def _philox(blocks: Any, counter: int, key: int) -> Any:
    """The words (4, blocks) of Philox4x32-10 (see `reference`), each of 32 bits in a 64-bit integer."""
    half, low = np.uint64(32), np.uint64(2**32 - 1)
    a, b = blocks & low, blocks >> half
    c, d = (np.full(blocks.shape, word, np.uint64) for word in (counter % 2**32, counter // 2**32))
    first, second = key % 2**32, key // 2**32
    for _ in range(10):
        product, other = a * np.uint64(0xD2511F53), c * np.uint64(0xCD9E8D57)
        a, b, c, d = (
            (other >> half) ^ b ^ np.uint64(first),
            other & low,
            (product >> half) ^ d ^ np.uint64(second),
            product & low,
        )
        first, second = (first + 0x9E3779B9) % 2**32, (second + 0xBB67AE85) % 2**32
    return np.stack([a, b, c, d])
