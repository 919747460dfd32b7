"""How many threads share the work: a number that changes speed and nothing else."""

import os

from minidl import shapes

_threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def num_threads() -> int:
    """The number of threads that share an operator's work on the compiled backend: at first one for each core."""
    return _threads


def set_num_threads(threads: int) -> None:
    """Share each operator's work among this many threads from now on. Results are the same, bit for bit.

    Raises ValueError below 1. The vectorized backend's matrix products are BLAS's: OMP_NUM_THREADS, set before the
    process starts, is theirs.
    """
    global _threads
    _threads = shapes.count(threads, "threads")


def _work_alone() -> None:
    """In a forked child the parent's threads are gone."""
    set_num_threads(1)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_work_alone)
