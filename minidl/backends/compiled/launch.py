"""Jobs: a kernel, its arguments as integers, and the threads that share its tasks."""

import ctypes
import functools
import threading
from collections.abc import Sequence
from enum import IntEnum
from typing import Any

import numpy as np
from llvmlite import ir
from numba import prange, types
from numba.extending import intrinsic

from minidl import threads
from minidl.backends.compiled.jit import Kernel, njit
from minidl.typing import Array

PARTS = 8
"""Over how many parts of the batch sums over images are taken apart, whatever the number of threads."""

SMALL = 500_000
"""Multiply-adds, or what takes as long, below which a job stays in the calling thread."""


class _Local(threading.local):
    """Each Python thread's scratch: vectors of floats that jobs write over, one for each dtype."""

    def __init__(self) -> None:
        self.scratch: dict[str, Array] = {}


_local = _Local()
_parallel_launch = threading.Lock()


@intrinsic
def _call(typing, kernel, job, task, worker):
    """Call the kernel at an address, with null pointers for `memory` and `ints`."""

    def codegen(context, builder, signature, args):
        integer, floats, ints = ir.IntType(64), ir.FloatType().as_pointer(), ir.IntType(64).as_pointer()
        function = ir.FunctionType(ir.VoidType(), [floats, ints, integer, integer, integer])
        pointer = builder.inttoptr(args[0], function.as_pointer())
        builder.call(pointer, [ir.Constant(floats, None), ir.Constant(ints, None), *args[1:]])
        return context.get_dummy_value()

    return types.void(*[types.int64] * 4), codegen


@njit
def _run(kernel, job, tasks):
    for task in range(tasks):
        _call(kernel, job, task, 0)


def _run_shared(kernel, job, tasks, workers):
    for worker in prange(workers):
        for task in range(worker * tasks // workers, (worker + 1) * tasks // workers):
            _call(kernel, job, task, worker)


_run_shared = njit(_run_shared, parallel=True)


def workers_for(tasks: int, work: float) -> int:
    """How many threads to share a job of so many tasks and multiply-adds among."""
    return 1 if work < SMALL else max(min(tasks, threads.num_threads()), 1)


def run(kernel: Kernel, dtype: np.dtype[Any], arguments: Sequence[int], tasks: int, *, workers: int = 1) -> None:
    """Do a job's tasks. While another Python thread has the threads at work, this one works alone."""
    job = np.array(arguments, np.int64)
    address = kernel.address(dtype.char)
    if workers > 1 and _parallel_launch.acquire(blocking=False):
        try:
            _run_shared(address, at(job), tasks, workers)
        finally:
            _parallel_launch.release()
    else:
        _run(address, at(job), tasks)


@functools.cache
def _names(fields: type[IntEnum]) -> tuple[str, ...]:
    return tuple(field.name for field in fields)


def pack(fields: type[IntEnum], fixed: tuple[int, ...] = (), **values: int) -> list[int]:
    """The integers of a job, whose places the fields name; `fixed` are the last of them, which a plan keeps."""
    names = _names(fields)
    return [*[values[name] for name in names[: len(names) - len(fixed)]], *fixed]


def at(array: np.ndarray[Any, Any] | None) -> int:
    """The address of an array's first element, counted in elements; 0 for None."""
    if array is None:
        return 0
    # NumPy's C interface puts the pointer to the data right behind the object's header. Reading it there takes a tenth
    # of the time of `array.__array_interface__`, and a training step asks a hundred times.
    return _integer_at(id(array) + HEADER).value // array.itemsize


HEADER = object.__basicsize__
_integer_at = ctypes.c_ssize_t.from_address
_probe = np.zeros(3)
if _integer_at(id(_probe) + HEADER).value != _probe.__array_interface__["data"][0]:
    raise ImportError("this Python keeps arrays in another way: use the vectorized backend")


def scratch(dtype: np.dtype[Any], size: int) -> int:
    """The address of `size` floats that belong to this Python thread until its next call."""
    area = _local.scratch.get(dtype.char)
    if area is None or area.size < size:
        area = _local.scratch[dtype.char] = np.empty(size, dtype)
    return at(area)


def dense(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The array itself if it's C-contiguous and aligned, else a copy that is."""
    flags = array.flags
    return array if flags.c_contiguous and flags.aligned else np.require(array, requirements=("C", "A"))


def block(images: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Images (n, c, h, w) as their channels-last block (n, h, w, c), copied only if they aren't one."""
    return dense(images.transpose(0, 2, 3, 1))
