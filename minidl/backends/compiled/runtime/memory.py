"""Arrays as kernels see them: dense blocks at addresses, in memory that is used again from step to step."""

import contextlib
import ctypes
import math
import sys
import threading
import weakref
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import numpy as np

from minidl.backends.compiled.runtime.arena import LINE, Workspace
from minidl.process import memory as limit

AnyArray = np.ndarray[Any, Any]

KEPT_FROM = 1 << 16
"""Bytes from which on an array's memory is kept for the next one: fresh pages cost more than what is done in them."""

SHARE = 2
"""The part of the process's limit, one in so many, that arrays' memory and scratch may take."""


class _Kept:
    """What a Python thread keeps: scratch that jobs write over, and owners of memory by their size."""

    __slots__ = ("__weakref__", "copies", "owners", "scratch", "workspace")

    def __init__(self) -> None:
        self.copies = 0
        self.scratch: dict[str, AnyArray] = {}
        self.owners: defaultdict[int, list[AnyArray]] = defaultdict(list)
        self.workspace: Workspace | None = None

    def size(self) -> int:
        """The bytes of it all, in use or not."""
        owned = sum(size * len(owners) for size, owners in list(self.owners.items()))
        return owned + sum(area.nbytes for area in list(self.scratch.values()))

    def give_back(self) -> None:
        """Forget what isn't used. Any thread may say so: what it forgets although it's in use is merely freed later."""
        self.scratch.clear()
        for owners in list(self.owners.values()):
            owners[:] = [owner for owner in owners if _references(owner) > _UNUSED]


class _Memory(threading.local):
    """What this Python thread keeps. It goes when the thread ends."""

    def __init__(self) -> None:
        self.kept = _Kept()
        _every.append(weakref.ref(self.kept, _every.remove))


_every: list[weakref.ref[_Kept]] = []
_memory = _Memory()


def _references(owner: AnyArray) -> int:
    return sys.getrefcount(owner)


for _owner in [np.empty(1)]:  # as in the loops here: how many references that makes, Python decides
    _UNUSED = _references(_owner)


def empty(shape: tuple[int, ...], dtype: np.dtype[Any]) -> AnyArray:
    """A new array in memory that no other array uses any more, of this thread's own if it has some of that size."""
    mine = _memory.kept
    if mine.workspace is not None:
        return mine.workspace.empty(shape, dtype)
    count = math.prod(shape)
    size = count * dtype.itemsize
    if size < KEPT_FROM:
        return np.empty(shape, dtype)
    owners = mine.owners[size]
    for owner in owners:
        if _references(owner) == _UNUSED:
            return _within(owner, size, shape, dtype)
    owner = np.empty(size + LINE, np.uint8)
    if _has_room(size):
        owners.append(owner)
    return _within(owner, size, shape, dtype)


def _within(owner: AnyArray, size: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> AnyArray:
    start = -address(owner) % LINE
    return owner[start : start + size].view(dtype).reshape(shape)


def empty_like(array: AnyArray) -> AnyArray:
    """A new array of the same shape and dtype, dense, with its axes in the same order in memory."""
    if array.flags.c_contiguous:
        return empty(array.shape, array.dtype)
    order = sorted(range(array.ndim), key=lambda axis: -abs(array.strides[axis]))
    return empty(tuple(array.shape[axis] for axis in order), array.dtype).transpose(np.argsort(order))


def _has_room(size: int) -> bool:
    """Whether so many bytes more may be kept, if need be when this thread, and then all, have given back the unused."""
    share = limit.memory_limit() // SHARE
    if kept() + size <= share:
        return True
    _memory.kept.give_back()
    if kept() + size > share:
        give_back()
    return kept() + size <= share


def kept() -> int:
    """The bytes that are kept for arrays and as scratch by all threads, in use or not."""
    return sum(thread.size() for thread in _threads())


def give_back() -> None:
    """Forget what no thread uses now."""
    for thread in _threads():
        thread.give_back()


def _threads() -> list[_Kept]:
    return [thread for other in list(_every) if (thread := other()) is not None]


limit.when_lowered(give_back)


@contextlib.contextmanager
def planned(workspace: Workspace) -> Iterator[None]:
    """Let this thread's new arrays be reserved in a workspace."""
    mine = _memory.kept
    before, mine.workspace = mine.workspace, workspace
    try:
        yield
    finally:
        mine.workspace = before


def constants() -> Any:
    """The constants of the network that this thread prepares, or None where its weights may change."""
    workspace = _memory.kept.workspace
    return None if workspace is None else workspace.constants


def scratch(dtype: np.dtype[Any], size: int) -> AnyArray:
    """An array of at least `size` floats that belong to this Python thread until its next call, from a cache line on.

    Whoever lets a kernel write to it holds it for as long: a thread's own memory goes with it, at the process's end
    even from under a kernel.
    """
    areas = _memory.kept.scratch
    area = areas.get(dtype.char)
    if area is None or area.size < size:
        nbytes = size * dtype.itemsize
        area = areas[dtype.char] = _within(np.empty(nbytes + LINE, np.uint8), nbytes, (size,), dtype)
    return area


def address(array: AnyArray | None) -> int:
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


def contiguous(array: AnyArray) -> AnyArray:
    """The array itself if it's C-contiguous and aligned, else a copy that is."""
    flags = array.flags
    if flags.c_contiguous and flags.aligned:
        return array
    workspace = _memory.kept.workspace
    if workspace is not None and workspace.owner_of(array) is not None:
        raise RuntimeError("an array that has no values yet was to be copied: prepare a job that does")
    _memory.kept.copies += 1
    return np.ascontiguousarray(array) if flags.aligned else np.array(array, order="C")


def copies() -> int:
    """How many arrays `contiguous` has copied in this thread: jobs read a copy, whatever the original holds later."""
    return _memory.kept.copies


def as_nhwc(images: AnyArray) -> AnyArray:
    """Images (n, c, h, w) as their channels-last block (n, h, w, c), copied only if they aren't one."""
    return contiguous(images.transpose(0, 2, 3, 1))


def spaced(images: AnyArray) -> tuple[AnyArray, int]:
    """(images as (n, h, w, c), floats from a pixel to the next), without a copy where they're channels of a block."""
    pixels = images.transpose(0, 2, 3, 1)
    _, height, width, channels = pixels.shape
    if not pixels.flags.c_contiguous and pixels.flags.aligned:
        counts = zip(pixels.shape, pixels.strides, (height * width, width, 1), strict=False)
        steps = {stride / count for size, stride, count in counts if size > 1}
        step = int(steps.pop() if len(steps) == 1 else 0) // pixels.itemsize
        if step >= channels and (channels == 1 or pixels.strides[3] == pixels.itemsize):
            return pixels, step
    return contiguous(pixels), channels
