"""What training asks of several processes, which is little; and the one process that needs nobody."""

import os
import socket
import sys
import traceback
from collections.abc import Sequence
from typing import Any, NoReturn, Protocol

import numpy as np

from minidl.typing import AnyArray


class Communicator(Protocol):
    """Ranks that compute one training together. All of them make the same calls in the same order.

    Arrays are dense (C order), of one dtype and shape in all ranks. They are moved as they are, bit for bit; `add_up`
    alone adds, in whatever order is quick.
    """

    @property
    def rank(self) -> int:
        """Which of the ranks this process is, from 0."""
        ...

    @property
    def ranks(self) -> int:
        """How many there are."""
        ...

    @property
    def name(self) -> str:
        """For messages: "rank 1 of 4 (host, pid 123)"."""
        ...

    @property
    def exact(self) -> bool:
        """Whether results are to be those of one process, bit for bit."""
        ...

    def gather(self, local: AnyArray, gathered: AnyArray) -> None:
        """Write `local` of all ranks, in their order, to `gathered` (ranks, *local.shape) of each rank."""
        ...

    def gather_uneven(self, local: AnyArray, counts: Sequence[int]) -> AnyArray:
        """All ranks' bytes in one array, in the order of ranks. local: flat uint8, counts[rank] long in each rank."""
        ...

    def scatter(self, parts: AnyArray, received: AnyArray) -> None:
        """Write what every rank has for this one: received[i] is row number `rank` of rank i's `parts`.

        Both are (ranks, ...).
        """
        ...

    def add_up(self, array: AnyArray) -> None:
        """Write the sum of all ranks' arrays to the array of each rank."""
        ...

    def share(self, value: Any) -> Any:
        """Rank 0's value, in all ranks: a small one, which can be pickled."""
        ...

    def share_array(self, array: AnyArray) -> None:
        """Write rank 0's numbers to the array of each rank."""
        ...

    def gather_objects(self, value: Any) -> list[Any]:
        """All ranks' values, in their order, in each rank: small ones, which can be pickled."""
        ...

    def barrier(self) -> None:
        """Return when all ranks have come here."""
        ...

    def abort(self, message: str) -> NoReturn:
        """Print the message and end all ranks at once, with a code that isn't 0."""
        ...

    def failed(self, error: BaseException) -> None:
        """End all ranks since this one can't go on: without it the others would wait for it."""
        ...


class OneProcess:
    """A communicator of one rank: what is distributed runs as without it. It needs no MPI."""

    rank = 0
    ranks = 1
    exact = True

    @property
    def name(self) -> str:
        """Host and process."""
        return rank_name(0, 1, socket.gethostname(), os.getpid())

    def gather(self, local: AnyArray, gathered: AnyArray) -> None:
        """Copy `local` to gathered[0]."""
        check_rows(local, gathered, 1)
        gathered[0] = local

    def gather_uneven(self, local: AnyArray, counts: Sequence[int]) -> AnyArray:
        """Return a copy."""
        check_counts(local, counts, 0, 1)
        return np.array(local)

    def scatter(self, parts: AnyArray, received: AnyArray) -> None:
        """Copy `parts` to `received`."""
        check_exchanged(parts, received, 1)
        received[...] = parts

    def add_up(self, array: AnyArray) -> None:
        """Leave the array as it is."""

    def share(self, value: Any) -> Any:
        """Return the value."""
        return value

    def share_array(self, array: AnyArray) -> None:
        """Leave the array as it is."""

    def gather_objects(self, value: Any) -> list[Any]:
        """Return a list of the value."""
        return [value]

    def barrier(self) -> None:
        """Return at once."""

    def abort(self, message: str) -> NoReturn:
        """Raise SystemExit with the message, which Python prints and ends with code 1."""
        raise SystemExit(message)

    def failed(self, error: BaseException) -> None:
        """Do nothing: the error goes its way."""


def rank_name(rank: int, ranks: int, host: str, pid: int) -> str:
    """What a rank is called in messages."""
    return f"rank {rank} of {ranks} ({host}, pid {pid})"


def report(name: str, error: BaseException) -> None:
    """Print the error's traceback and whose it is, as one piece, since ranks share the terminal."""
    lines = "".join(traceback.format_exception(error))
    print(f"{lines}minidl: {name} failed, which ends all ranks", file=sys.stderr, flush=True)


def check_rows(local: AnyArray, gathered: AnyArray, ranks: int) -> None:
    """Raise ValueError unless `gathered` takes `local` of each rank."""
    if gathered.shape != (ranks, *local.shape) or gathered.dtype != local.dtype:
        raise ValueError(
            f"expected gathered of shape {(ranks, *local.shape)} in {local.dtype}, got {gathered.shape} in "
            f"{gathered.dtype}"
        )
    check_dense(local=local, gathered=gathered)


def check_exchanged(parts: AnyArray, received: AnyArray, ranks: int) -> None:
    """Raise ValueError unless both have one row for each rank."""
    if parts.ndim == 0 or len(parts) != ranks or received.shape != parts.shape or received.dtype != parts.dtype:
        raise ValueError(
            f"expected parts and received of {ranks} rows each, alike, got {parts.shape} in {parts.dtype} and "
            f"{received.shape} in {received.dtype}"
        )
    check_dense(parts=parts, received=received)


def check_counts(local: AnyArray, counts: Sequence[int], rank: int, ranks: int) -> None:
    """Raise ValueError unless `local` is bytes, as many as its rank's count says."""
    if len(counts) != ranks:
        raise ValueError(f"expected a count for each of {ranks} ranks, got {len(counts)}")
    if local.dtype != np.uint8 or local.shape != (counts[rank],):
        raise ValueError(f"expected local of shape {(counts[rank],)} in uint8, got {local.shape} in {local.dtype}")
    check_dense(local=local)


def check_dense(**arrays: AnyArray) -> None:
    """Raise ValueError where an array isn't in C order, since it travels as one block of memory."""
    for name, array in arrays.items():
        if not array.flags.c_contiguous:
            raise ValueError(f"expected {name} in C order, got strides {array.strides}: use np.ascontiguousarray")
