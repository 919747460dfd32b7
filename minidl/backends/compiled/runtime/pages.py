"""Bytes for large arrays, in pages of their own."""

import contextlib
import mmap
import sys
from typing import Any

import numpy as np

PAGES_FROM = 1 << 20
"""Bytes from which on memory has pages of its own."""

# Private, so that a forked child gets a copy. Windows has no such flags: nothing forks there.
_PRIVATE: dict[str, Any] = {} if sys.platform == "win32" else {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS}


def new_bytes(size: int) -> "np.ndarray[Any, np.dtype[np.uint8]]":
    """`size` bytes, uint8; large ones go back to the operating system with their last reader.

    C's malloc keeps what was freed, in pieces that the next network's arrays seldom fit: over some epochs a training
    came to hold three times the memory that it used.
    """
    if size < PAGES_FROM:
        return np.empty(size, np.uint8)
    pages = mmap.mmap(-1, size, **_PRIVATE)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        with contextlib.suppress(OSError):  # of a kernel without them
            pages.madvise(mmap.MADV_HUGEPAGE)  # as NumPy asks for its own: a tenth of the page faults
    return np.frombuffer(pages, np.uint8)
