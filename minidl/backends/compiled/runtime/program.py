"""Jobs: a kernel, its arguments as integers, and the tasks that threads share."""

import itertools
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from minidl.backends.compiled.codegen.ahead import want
from minidl.backends.compiled.codegen.jit import Kernel, kernel
from minidl.backends.compiled.codegen.record import flattened
from minidl.backends.compiled.runtime.memory import address
from minidl.backends.compiled.runtime.thread_pool import ENTRY, make_ready, run_jobs
from minidl.process import share, threads
from minidl.typing import Array

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


class _Exchange(NamedTuple):
    local: Array
    gathered: Array  # (ranks, *local.shape)


@kernel(_Exchange)
def _exchange(memory, ints, job, task, scratch):
    """Nothing: between two jobs the program itself asks the other ranks."""


def prepare_gathered(local: Array) -> tuple[Array, list[Job]]:
    """(what all ranks have, in their order, (ranks, *local.shape), jobs); where batches are whole, `local` alone.

    `local` may not be of planned memory.
    """
    now = share.current()
    if now is None or now.ranks == 1:
        return local[None], []
    gathered = np.empty((now.ranks, *local.shape), local.dtype)
    return gathered, [Job(_exchange, _Exchange(local, gathered), 0)]


class Slot:
    """Where programs have the address of an array that is another one in each call."""

    __slots__ = ("_uses", "_value")

    def __init__(self) -> None:
        self._uses: list[tuple[Any, int, int]] = []
        self._value = 0

    def add(self, words: Any, uses: Iterable[tuple[int, int]]) -> None:
        """Change these (places, what is added to the address there) of a program's words too, now and later."""
        self._uses += [(words, place, offset) for place, offset in uses]
        self.put(self._value)

    def put(self, value: int) -> None:
        """Let the programs use this address."""
        self._value = value
        for words, place, offset in self._uses:
            words[place] = value + offset

    def __bool__(self) -> bool:
        return bool(self._uses)


class Program:
    """Jobs as one array of integers, to be run again and again in a single call.

    Of each array in a record it knows the owner of its memory, and how far behind that it begins, in elements.
    """

    def __init__(self, jobs: Sequence[Job], dtype: np.dtype[Any]) -> None:
        table, arguments = _encoded(jobs, dtype)
        self.arrays: list[Any] = []  # kept, as their addresses are
        self.uses: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
        self.owners: list[set[int]] = []  # of the arrays of each job
        for start, values in zip(table[1::ENTRY], arguments, strict=True):
            arrays = [(start + i, value) for i, value in enumerate(values) if isinstance(value, np.ndarray)]
            owners = [id(array if array.base is None else array.base) for _, array in arrays]
            for (place, array), owner in zip(arrays, owners, strict=True):
                self.uses[owner].append((place, offset_of(array)))
                self.arrays.append(array)
            self.owners.append(set(owners))
        self.exchanges = {place: job.arguments for place, job in enumerate(jobs) if job.kernel is _exchange}
        self.count = len(jobs)
        self.words = _words(table, arguments)
        self.stride = _stride(jobs)
        self.is_shared = any(table[3::ENTRY])
        self.dtype = dtype

    def put(self, owner: int, start: int) -> None:
        """Let an owner's arrays lie from this address on."""
        for place, offset in self.uses.get(owner, ()):
            self.words[place] = start + offset

    def run(self) -> None:
        """Do the jobs in turn. While another Python thread has the helpers at work, this one works alone."""
        workers = threads.num_threads() if self.is_shared else 1
        first = 0
        for place, (local, gathered) in self.exchanges.items():
            run_jobs(address(self.words), range(first, place), self.dtype, self.stride, workers)
            now = share.current()
            assert now is not None, "a program of several ranks runs where their batch is shared"
            now.gather(local, gathered)
            first = place + 1
        run_jobs(address(self.words), range(first, self.count), self.dtype, self.stride, workers)


def offset_of(array: Any) -> int:
    """How many elements of its own an array begins behind its owner."""
    base = array.base
    if not isinstance(base, np.ndarray):
        return 0
    return int((address(array) * array.itemsize - address(base) * base.itemsize) // array.itemsize)


def run(dtype: np.dtype[Any], *jobs: Job) -> None:
    """Do these jobs in turn, once: a program that isn't kept needn't know its arrays."""
    table, arguments = _encoded(jobs, dtype)
    words = _words(table, arguments)
    workers = threads.num_threads() if any(table[3::ENTRY]) else 1
    run_jobs(address(words), range(len(jobs)), dtype, _stride(jobs), workers)


def _encoded(jobs: Sequence[Job], dtype: np.dtype[Any]) -> tuple[list[int], list[list[Any]]]:
    """(the table of a launch, each job's arguments, which lie one after the other behind it)."""
    want((job.kernel for job in jobs), dtype.char)
    make_ready()
    table: list[int] = []
    arguments = [flattened(job.arguments) for job in jobs]
    place = ENTRY * len(jobs)
    for job, values in zip(jobs, arguments, strict=True):
        table += [job.kernel.address(dtype.char), place, job.tasks, int(job.work >= SMALL), job.scratch]
        place += len(values)
    return table, arguments


def _words(table: list[int], arguments: list[list[Any]]) -> Any:
    """Both as integers: arrays by their addresses, switches, NumPy's integers, and None as 0."""
    words = list(table)
    for value in itertools.chain.from_iterable(arguments):
        known = type(value) is int
        words.append(value if known else address(value) if isinstance(value, np.ndarray) else int(value or 0))
    return np.array(words, np.int64)


def _stride(jobs: Sequence[Job]) -> int:
    """Floats from a thread's scratch to the next one's."""
    return -(-max((job.scratch for job in jobs), default=0) // 16) * 16


def shared_job(kernel: Kernel, *arguments: Any, size: int, work: float) -> Job:
    """The job of a `kernel_by_vectors`, whose record ends in the size and the tasks; `work` is that of an element."""
    tasks = pieces(size)
    return Job(kernel, kernel.record(*arguments, size, tasks), tasks, work * size)


def pieces(size: int) -> int:
    """Over how many tasks to share a pass over so many elements: of pages of them, or one where they're few."""
    return max(size // 8192, 1)
