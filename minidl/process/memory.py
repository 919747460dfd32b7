"""How much memory is kept from one call for the next: one limit for the process, whatever its threads and models."""

import os
from collections.abc import Callable

from minidl import shapes
from minidl.process import threads

VARIABLE = "MINIDL_MEMORY_LIMIT"
LEAST = 1 << 30
FOR_EACH_THREAD = 1 << 28

_limit: int | None = None
_keepers: list[Callable[[], None]] = []


def memory_limit() -> int:
    """The bytes that may be kept for later calls: at first those that MINIDL_MEMORY_LIMIT in the environment says.

    Without it a GiB, or 256 MiB for each of `num_threads` if that's more. Raises ValueError where the variable isn't a
    number.
    """
    global _limit
    if _limit is None:
        given = os.environ.get(VARIABLE, "").strip()
        if given:
            is_count = given.isascii() and given.isdecimal()
            _limit = shapes.count(int(given) if is_count else given, VARIABLE)
        else:
            _limit = max(LEAST, FOR_EACH_THREAD * threads.choice()[0])
    return _limit


def set_memory_limit(limit: int) -> None:
    """Keep at most this many bytes of memory for later calls; anything above that and not in use is freed at once.

    Kept are the memory of deleted arrays, prepared layers with all their arrays, and scratch memory of kernels. Arrays
    that you hold, parameters among them, aren't counted, and training or a single prediction takes what it needs. If
    several threads predict at once and there isn't enough room, some wait for others. Results don't depend on the
    limit. Raises ValueError below 1.
    """
    global _limit
    _limit = shapes.count(limit, "limit")
    for give_back in _keepers:
        give_back()


def when_lowered(give_back: Callable[[], None]) -> None:
    """Call this function when the limit changes."""
    _keepers.append(give_back)
