"""Rows of an array in any order, read in the order in which they lie where they come from a file."""

from typing import Any

import numpy as np


def is_in_memory(array: Any) -> bool:
    """Whether it's an array of NumPy's whose values aren't mapped from a file."""
    if not isinstance(array, np.ndarray):
        return False
    import mmap  # loaded already where something is mapped

    owner: Any = array
    while isinstance(owner, np.ndarray):
        owner = owner.base
    return not isinstance(owner.obj if isinstance(owner, memoryview) else owner, mmap.mmap)


def read_ahead(array: Any) -> int:
    """How many batches of it are best read while others are computed: pictures' files take time, arrays don't."""
    return getattr(array, "reads_ahead", 0)


def take(array: Any, rows: Any) -> Any:
    """array[rows] for row numbers in any order: a new array of these rows alone.

    From a file they are read in ascending order, which spares a disk its jumps and is all that some formats allow.
    """
    if is_in_memory(array) or read_ahead(array):  # of pictures each is a file of its own
        return array[rows]
    ranks = np.argsort(rows, kind="stable")
    part = np.asarray(array[rows[ranks]])
    taken = np.empty_like(part)
    taken[ranks] = part
    return taken


def read(array: Any, part: slice) -> Any:
    """array[part]: a view of what is in memory already, and a copy of what must be read from a file."""
    return array[part] if is_in_memory(array) or read_ahead(array) else np.array(array[part])
