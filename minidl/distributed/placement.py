"""The cores of a machine, shared out among its ranks: each has its own, and threads for them."""

import contextlib
import math
import os
from collections.abc import Sequence
from typing import Any, NamedTuple

from minidl.process import threads


class Place(NamedTuple):
    """Where a rank computes."""

    ranks: int
    """How many of all ranks are on its machine."""

    cores: tuple[int, ...]
    """Those that it is bound to; () where the system doesn't bind processes."""

    threads: int

    def __str__(self) -> str:
        cores = f"{spans(self.cores)}, " if self.cores else ""
        return f"{cores}{self.threads} thread{'s' if self.threads > 1 else ''}, with {self.ranks} on its machine"


def settle(local: Any, wanted: int | None) -> Place:
    """Bind this rank to its cores and set its threads. `local` is an mpi4py communicator of its machine's ranks.

    Ranks that the launcher has bound stay where they are; those that may use the same cores share them out, unless
    there are more threads than cores, for which the system finds better places. `wanted` is the number of threads that
    the user asks for, where not by the environment or by `set_num_threads`.
    """
    index, own = int(local.Get_rank()), affinity()
    everyone = local.allgather(own)
    alike = [rank for rank, cores in enumerate(everyone) if cores == own]
    fitting = max((len(own) or os.cpu_count() or 1) // len(alike), 1)
    if wanted is not None:
        threads.set_num_threads(wanted)
    elif len(everyone) > 1:
        quota = threads.cpu_quota() / len(everyone)
        threads.suggest(
            fitting if quota > fitting - 1 else max(math.ceil(quota), 1), f"{len(everyone)} ranks share this machine"
        )
    if 1 < len(alike) <= len(own) and threads.num_threads() <= fitting:
        own = slice_of(by_core(own), alike.index(index), len(alike))
        bind(own)
    return Place(len(everyone), tuple(sorted(own)), threads.num_threads())


def affinity() -> tuple[int, ...]:
    """The cores that this process may use; () where the system doesn't say."""
    return tuple(sorted(os.sched_getaffinity(0))) if hasattr(os, "sched_getaffinity") else ()


def slice_of(cores: Sequence[int], index: int, ranks: int) -> tuple[int, ...]:
    """Those of rank number `index`: neighbours, as even as can be."""
    return tuple(cores[len(cores) * index // ranks : len(cores) * (index + 1) // ranks])


def by_core(cores: Sequence[int]) -> list[int]:
    """In an order in which hyperthreads of one core are neighbours, where the system tells them (Linux)."""

    def place(core: int) -> tuple[int, int]:
        with contextlib.suppress(OSError, ValueError):
            path = f"/sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list"
            with open(path, encoding="ascii") as file:
                return int(file.read().replace("-", ",").split(",")[0]), core
        return core, core

    return sorted(cores, key=place)


def bind(cores: Sequence[int]) -> None:
    """Bind all threads of this process, those that libraries have started before, too."""
    tasks = [0]
    with contextlib.suppress(OSError):
        tasks += [int(task) for task in os.listdir("/proc/self/task")]
    for task in tasks:
        with contextlib.suppress(OSError):  # a thread that has ended, or a system that forbids it
            os.sched_setaffinity(task, cores)


def spans(cores: Sequence[int]) -> str:
    """Numbers of cores, in words: "core 3", "cores 0-3,8"."""
    found: list[list[int]] = []
    for core in cores:
        if found and core == found[-1][-1] + 1:
            found[-1][1:] = [core]
        else:
            found.append([core])
    return f"core{'s' if len(cores) > 1 else ''} " + ",".join("-".join(map(str, each)) for each in found)
