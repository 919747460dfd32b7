"""Jobs: a kernel, its arguments as integers, and the threads that share its tasks."""

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
from minidl.backends.compiled.memory import at

PARTS = 8
"""Over how many parts of the batch sums over images are taken apart, whatever the number of threads."""

SMALL = 500_000
"""Multiply-adds, or what takes as long, below which a job stays in the calling thread."""


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
