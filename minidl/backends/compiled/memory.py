"""Arrays as kernels see them: dense blocks at addresses, in memory that is used again from step to step."""

import ctypes
import math
import sys
import threading
from collections import defaultdict
from typing import Any

import numpy as np

AnyArray = np.ndarray[Any, Any]

KEPT_FROM = 1 << 16
"""Bytes from which on an array's memory is kept for the next one: fresh pages cost more than what is done in them."""

LINE = 64
"""Bytes of a cache line, at which such an array begins: a vector that lies in two lines is read twice."""

KEPT_UNUSED = 1 << 28
"""Bytes beyond which a thread gives back the memory that it keeps and doesn't use."""


class _Memory(threading.local):
    """What a Python thread keeps: scratch that jobs write over, and owners of memory by their size."""

    def __init__(self) -> None:
        self.scratch: dict[str, AnyArray] = {}
        self.owners: defaultdict[int, list[AnyArray]] = defaultdict(list)
        self.kept = 0


_memory = _Memory()


def _references(owner: AnyArray) -> int:
    return sys.getrefcount(owner)


for _owner in [np.empty(1)]:  # as in the loops below: how many references that makes, Python decides
    _UNUSED = _references(_owner)


def empty(shape: tuple[int, ...], dtype: np.dtype[Any]) -> AnyArray:
    """A new array in memory that no other array uses any more, of this thread's own if it has some of that size."""
    count = math.prod(shape)
    size = count * dtype.itemsize
    if size < KEPT_FROM:
        return np.empty(shape, dtype)
    owners = _memory.owners[size]
    for owner in owners:
        if _references(owner) == _UNUSED:
            start = -at(owner) % LINE
            return owner[start : start + size].view(dtype).reshape(shape)
    if _memory.kept > KEPT_UNUSED:
        _give_back()
    owner = np.empty(size + LINE, np.uint8)
    owners.append(owner)
    _memory.kept += size
    start = -at(owner) % LINE
    return owner[start : start + size].view(dtype).reshape(shape)


def empty_like(array: AnyArray) -> AnyArray:
    """A new array of the same shape and dtype, dense, with its axes in the same order in memory."""
    if array.flags.c_contiguous:
        return empty(array.shape, array.dtype)
    order = sorted(range(array.ndim), key=lambda axis: -abs(array.strides[axis]))
    return empty(tuple(array.shape[axis] for axis in order), array.dtype).transpose(np.argsort(order))


def _give_back() -> None:
    for size, owners in _memory.owners.items():
        used = [owner for owner in owners if _references(owner) > _UNUSED]
        _memory.kept -= size * (len(owners) - len(used))
        owners[:] = used


def scratch(dtype: np.dtype[Any], size: int) -> int:
    """The address of `size` floats that belong to this Python thread until its next call."""
    area = _memory.scratch.get(dtype.char)
    if area is None or area.size < size:
        area = _memory.scratch[dtype.char] = np.empty(size, dtype)
    return at(area)


def at(array: AnyArray | None) -> int:
    """The address of an array's first element, counted in elements; 0 for None."""
    if array is None:
        return 0
    # NumPy's C interface puts the pointer to the data right behind the object's header. Reading it there takes a tenth
    # of the time of `array.__array_interface__`, and a training step asks a hundred times.
    return _integer_at(id(array) + _HEADER).value // array.itemsize


_HEADER = object.__basicsize__
_integer_at = ctypes.c_ssize_t.from_address
_probe = np.zeros(3)
if _integer_at(id(_probe) + _HEADER).value != _probe.__array_interface__["data"][0]:
    raise ImportError("this Python keeps arrays in another way: use the vectorized backend")


def dense(array: AnyArray) -> AnyArray:
    """The array itself if it's C-contiguous and aligned, else a copy that is."""
    flags = array.flags
    if not flags.aligned:
        return np.array(array, order="C")
    return array if flags.c_contiguous else np.ascontiguousarray(array)


def block(images: AnyArray) -> AnyArray:
    """Images (n, c, h, w) as their channels-last block (n, h, w, c), copied only if they aren't one."""
    return dense(images.transpose(0, 2, 3, 1))
