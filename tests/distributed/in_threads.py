"""Ranks as threads of one process: what several share a batch in, without MPI."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from minidl.process.share import Share, sharing, sizes


def shared(ranks: int, images: int, work: Callable[[slice], Any]) -> list[Any]:
    """What work(the images of a rank) gives in each of so many ranks that share a batch."""
    barrier, boxes = threading.Barrier(ranks, timeout=60), [None] * ranks

    def one(rank: int) -> Any:
        def gather(local: Any, gathered: Any) -> None:
            boxes[rank] = local
            barrier.wait()
            for place, box in enumerate(boxes):
                gathered[place] = box
            barrier.wait()

        share = Share(ranks, rank, images, gather)
        try:
            with sharing(share):
                return work(slice(share.start, share.start + share.sizes[rank]))
        except BaseException:
            barrier.abort()
            raise

    assert sum(sizes(images, ranks)) == images
    with ThreadPoolExecutor(ranks) as pool:
        return [each.result() for each in [pool.submit(one, rank) for rank in range(ranks)]]


def added_up(values: list[Any]) -> Any:
    """The sum of what the ranks have by their tree: (0 + 1) + (2 + 3), and so on; in each as added onto zeros."""
    values = [np.zeros_like(value) + value for value in values]
    while len(values) > 1:
        values = [first + second for first, second in zip(values[::2], values[1::2], strict=True)]
    return values[0]


class Threads:
    """A communicator of a thread: one of `ranks` that run at the same time."""

    def __init__(self, rank: int, ranks: int, barrier: threading.Barrier, boxes: list[Any], exact: bool) -> None:
        self.exact = exact
        self.rank, self.ranks, self.barrier_of_all, self.boxes = rank, ranks, barrier, boxes
        self.name = f"rank {rank} of {ranks}"

    def gather_objects(self, value: Any) -> list[Any]:
        self.boxes[self.rank] = value
        self.barrier_of_all.wait()
        found = list(self.boxes)
        self.barrier_of_all.wait()
        return found

    def gather(self, local: Any, gathered: Any) -> None:
        for place, other in enumerate(self.gather_objects(local.copy())):
            gathered[place] = other

    def gather_uneven(self, local: Any, counts: Any) -> Any:
        found = self.gather_objects(local.copy())
        assert [len(each) for each in found] == list(counts)
        return np.concatenate(found)

    def scatter(self, parts: Any, received: Any) -> None:
        for place, other in enumerate(self.gather_objects(parts.copy())):
            received[place] = other[self.rank]

    def add_up(self, array: Any) -> None:
        array[:] = sum(self.gather_objects(array.copy()))

    def share(self, value: Any) -> Any:
        return self.gather_objects(value)[0]

    def share_array(self, array: Any) -> None:
        array[...] = self.gather_objects(array.copy())[0]

    def failed(self, error: BaseException) -> None:
        self.barrier_of_all.abort()


def with_ranks(ranks: int, work: Callable[[Any], Any], *, exact: bool = True) -> list[Any]:
    """What work(communicator) gives in each of so many ranks."""
    barrier, boxes = threading.Barrier(ranks, timeout=120), [None] * ranks
    with ThreadPoolExecutor(ranks) as pool:
        futures = [pool.submit(work, Threads(rank, ranks, barrier, boxes, exact)) for rank in range(ranks)]
        return [each.result() for each in futures]
