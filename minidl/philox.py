"""Random numbers as a function of a key and a counter: no state, so no order in which they must be drawn.

Philox 4x32-10, of J. K. Salmon, M. A. Moraes, R. O. Dror and D. E. Shaw, "Parallel random numbers: as easy as 1, 2, 3"
(SC11, 2011): ten rounds that multiply and mix the four words of the counter with the two of the key.
"""

from typing import Any, TypeAlias

import numpy as np

Words: TypeAlias = np.ndarray[Any, np.dtype[np.uint64]]

ROUNDS = 10
MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
KEY_STEPS = (0x9E3779B9, 0xBB67AE85)
_WORD = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)


def philox(counter: Any, key: int) -> Words:
    """Four random words of 32 bits for each counter (..., 4) of such words, under a key of 64 bits.

    What comes out is uint64 of the counters' shape. Everything is integers: the words are the same on every machine.
    """
    first, second, third, fourth = np.moveaxis(np.asarray(counter, np.uint64), -1, 0)
    low, high = key & 0xFFFFFFFF, key >> 32 & 0xFFFFFFFF
    for _ in range(ROUNDS):
        one, other = first * np.uint64(MULTIPLIERS[0]), third * np.uint64(MULTIPLIERS[1])
        first, third = (other >> _HALF) ^ second ^ np.uint64(low), (one >> _HALF) ^ fourth ^ np.uint64(high)
        second, fourth = other & _WORD, one & _WORD
        low, high = (low + KEY_STEPS[0]) & 0xFFFFFFFF, (high + KEY_STEPS[1]) & 0xFFFFFFFF
    return np.stack([first, second, third, fourth], axis=-1)


def uniform(counter: Any, key: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Four numbers of at least 0 and less than 1, multiples of 2^-32, for each counter (..., 4)."""
    return philox(counter, key).astype(np.float64) * 2.0**-32
