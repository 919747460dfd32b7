"""Dropout, by a counter-based generator."""

import numpy as np

from minidl.backends.reference.numbers import quiet

__all__ = ["dropout", "philox"]


@quiet
def dropout(x, *, rate, key, counter):
    """Each value times zero with probability `rate`, else times 1 / (1 - rate), by the counter-based generator.

    Positions run with the channels last. There are ceil(size / 4) blocks; word k of block b decides on position
    k blocks + b. A word below rate 2^32 drops.
    """
    y = np.zeros(x.shape, x.dtype)
    source, target = (np.moveaxis(array, 1, -1) if x.ndim > 2 else array for array in (x, y))
    blocks = (x.size + 3) // 4
    words = [philox((block % 2**32, block // 2**32, counter % 2**32, counter // 2**32), key) for block in range(blocks)]
    for position, index in enumerate(np.ndindex(source.shape)):
        kept = words[position % blocks][position // blocks] >= int(rate * 2**32)
        target[index] = source[index] * x.dtype.type(1 / (1 - rate) if kept else 0)
    return y


def philox(counter, key):
    """Four random words of 32 bits, a function of a counter of four such words and a key of 64 bits.

    Source: Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", 2011: Philox4x32-10.
    """
    a, b, c, d = counter
    first, second = key % 2**32, key // 2**32
    for _ in range(10):
        product, other = a * 0xD2511F53, c * 0xCD9E8D57
        a, b, c, d = (
            (other // 2**32) ^ b ^ first,
            other % 2**32,
            (product // 2**32) ^ d ^ second,
            product % 2**32,
        )
        first, second = (first + 0x9E3779B9) % 2**32, (second + 0xBB67AE85) % 2**32
    return a, b, c, d
