"""Jobs: a kernel, its arguments as integers, and the tasks that threads share."""

import functools
from collections.abc import Sequence
from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np

from minidl.backends.compiled.codegen.jit import Kernel
from minidl.backends.compiled.codegen.record import flattened
from minidl.backends.compiled.runtime.memory import address
from minidl.backends.compiled.runtime.thread_pool import ENTRY, make_ready, run_jobs
from minidl.process import threads

PARTS = 8
"""Over how many parts of the batch sums over images are taken apart, whatever the number of threads."""

SMALL = 250_000
"""Multiply-adds, or what takes as long, below which a job stays in the calling thread."""


class Job(NamedTuple):
    """Tasks 0, 1, ... of a kernel, which may run in any order and at once: kernel(task) for each."""

    kernel: Kernel
    arguments: Sequence[Any]
    """The kernel's record: integers, and arrays for their addresses (None for 0)."""
    tasks: int
    work: float = 0
    """Multiply-adds of all tasks: from `SMALL` on, threads share them."""
    scratch: int = 0
    """Floats that a thread needs for itself."""


class Program:
    """Jobs as one array of integers, to be run again and again in a single call."""

    def __init__(self, jobs: Sequence[Job], dtype: np.dtype[Any]) -> None:
        make_ready()
        table: list[int] = []
        arguments: list[Any] = []
        start = ENTRY * len(jobs)
        for job in jobs:
            shared = int(job.work >= SMALL)
            table += [job.kernel.address(dtype.char), start + len(arguments), job.tasks, shared, job.scratch]
            arguments += flattened(job.arguments)
        places = [place for place, argument in enumerate(arguments) if type(argument) is not int]
        self.arrays = [arguments[place] for place in places]  # kept, as their addresses are
        self._places = [start + place for place in places]
        for place, array in zip(places, self.arrays, strict=True):
            arguments[place] = address(array) if isinstance(array, np.ndarray) else int(array or 0)
        self.count = len(jobs)
        self.words = np.array(table + arguments, np.int64)
        self.stride = -(-max((job.scratch for job in jobs), default=0) // 16) * 16
        self.is_shared = any(table[3::ENTRY])
        self.dtype = dtype

    def places(self, where: int) -> list[int]:
        """Where in `words` this address of one of the jobs' arrays stands: it may be changed to another one's."""
        return [place for place in self._places if self.words[place] == where]

    def run(self) -> None:
        """Do the jobs in turn. While another Python thread has the helpers at work, this one works alone."""
        workers = threads.num_threads() if self.is_shared else 1
        run_jobs(address(self.words), self.count, self.dtype, self.stride, workers)


def run(dtype: np.dtype[Any], *jobs: Job) -> None:
    """Do these jobs in turn, once."""
    Program(jobs, dtype).run()


def pieces(size: int) -> int:
    """Over how many tasks to share a pass over so many elements: of pages of them, or one where they're few."""
    return max(size // 8192, 1)


@functools.cache
def _names(fields: type[IntEnum]) -> tuple[str, ...]:
    return tuple(field.name for field in fields)


def pack(fields: type[IntEnum], fixed: tuple[Any, ...] = (), **values: Any) -> list[Any]:
    """The arguments of a job, whose places the fields name; `fixed` are the last of them, which a plan keeps."""
    names = _names(fields)
    return [*[values[name] for name in names[: len(names) - len(fixed)]], *fixed]
