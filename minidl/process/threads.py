"""How many threads share the work: a number that changes speed and nothing else."""

import contextlib
import math
import os
import sys
import threading
from collections.abc import Iterator

from minidl import shapes

VARIABLES = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS")
"""What says how many threads to use in the environment, the first of them first."""

CGROUPS = "/sys/fs/cgroup"
PROCESS_CGROUPS = "/proc/self/cgroup"

_threads: int | None = None
_reason = ""
_asked = False
"""Whether the user has said how many, in the environment or by `set_num_threads`."""


class _Local(threading.local):
    limit: int | None = None


_local = _Local()


def num_threads() -> int:
    """The number of threads that share an operator's work on the compiled backend.

    At first it's what NUMBA_NUM_THREADS or else OMP_NUM_THREADS says in the environment, and without them one for each
    core that the process may use: those that it is bound to, and no more than its control group's quota pays for.
    """
    limit = _local.limit
    return choice()[0] if limit is None else limit


@contextlib.contextmanager
def limited(threads: int) -> Iterator[None]:
    """Within the block, what this thread computes is shared among so many: for one of several that compute at once."""
    before, _local.limit = _local.limit, threads
    try:
        yield
    finally:
        _local.limit = before


def set_num_threads(threads: int) -> None:
    """Share each operator's work among this many threads from now on. Results are the same, bit for bit.

    Raises ValueError below 1. The vectorized backend's matrix products use BLAS, whose number of threads is
    OMP_NUM_THREADS, set before the process starts.
    """
    _settle(shapes.count(threads, "threads"), "it was set", asked=True)


def suggest(threads: int, reason: str) -> None:
    """Use this many from now on, unless the user has said how many."""
    choice()
    if not _asked:
        _settle(threads, reason)


def choice() -> tuple[int, str]:
    """The number of threads, and where it comes from."""
    if _threads is None:
        _settle(*_default())
    assert _threads is not None
    return _threads, _reason


def _settle(threads: int, reason: str, asked: bool = False) -> None:
    global _threads, _reason, _asked
    _threads, _reason, _asked = threads, reason, asked


def can_start() -> bool:
    """Whether this process can start threads at all; in a browser, Python can't."""
    return sys.platform != "emscripten"


def _default() -> tuple[int, str, bool]:
    if not can_start():
        return 1, "Python has no threads in a browser", False
    for name in VARIABLES:
        first = os.environ.get(name, "").split(",")[0].strip()  # OpenMP has a number for each level of nesting
        if first.isascii() and first.isdecimal() and 0 < len(first) < 10 and int(first) > 0:
            return int(first), f"{name} says so", True
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = cpu_quota()
    if quota <= cores - 1:  # of a part of a core a thread makes use, too
        return max(math.ceil(quota), 1), f"the control group may use {quota:g} of {cores} cores", False
    return cores, "the cores that the process may use", False


def cpu_quota() -> float:
    """How many cores' time the process's control groups, such as a container's, may use; infinity without a limit.

    Source: Linux's documentation, "Control Group v2" (cpu.max), and "CFS Bandwidth Control" for version 1.
    """
    try:
        with open(PROCESS_CGROUPS, encoding="utf-8", errors="surrogateescape") as file:
            groups = [line.rstrip("\n").split(":", 2) for line in file]
    except OSError:  # not Linux
        return math.inf
    quotas = [math.inf]
    for _, controllers, path in (group for group in groups if len(group) == 3):
        if not controllers:
            quotas += [_quota_v2(folder) for folder in _folders(CGROUPS, path)]
        elif "cpu" in controllers.split(","):
            for mounted in (controllers, "cpu"):
                quotas += [_quota_v1(folder) for folder in _folders(os.path.join(CGROUPS, mounted), path)]
    return min(quotas)


def _folders(root: str, path: str) -> list[str]:
    """Those of a group and of all groups around it; a container sees its own as the root."""
    names = [name for name in path.split("/") if name not in ("", ".", "..")]
    return [os.path.join(root, *names[:depth]) for depth in range(len(names), -1, -1)]


def _quota_v2(folder: str) -> float:
    quota, period, *_ = [*_words(os.path.join(folder, "cpu.max")), "max", "max"]
    return _share(quota, period)


def _quota_v1(folder: str) -> float:
    quota, *_ = [*_words(os.path.join(folder, "cpu.cfs_quota_us")), "-1"]
    period, *_ = [*_words(os.path.join(folder, "cpu.cfs_period_us")), "max"]
    return _share(quota, period)


def _words(path: str) -> list[str]:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read(100).split()
    except OSError:
        return []


def _share(quota: str, period: str) -> float:
    return int(quota) / int(period) if quota.isdecimal() and period.isdecimal() and int(period) > 0 else math.inf


def _work_alone() -> None:
    """In a forked child the parent's threads are gone."""
    _settle(1, "the process was forked")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_work_alone)
