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
