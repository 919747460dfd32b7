"""Which part of a batch this thread computes, where several processes share it.

Halves of halves: whatever is taken apart so, batches among ranks and ranks' images into parts, is taken apart at the
same places, so that the sums over a rank's images are a subtree of those over the batch.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

PARTS = 8
"""Over how many parts of the batch sums over images are taken apart, whatever the number of threads and ranks."""

Gather = Callable[[Any, Any], None]
"""gather(local, gathered): `local` of all ranks, in their order, written to `gathered` (ranks, *local.shape)."""


class Share(NamedTuple):
    """A rank's part of a batch of `images`, and how it hears of the others' sums."""

    ranks: int
    rank: int
    images: int
    gather: Gather

    @property
    def key(self) -> tuple[int, int, int]:
        """All that what is prepared for it depends on."""
        return self.ranks, self.rank, self.images

    @property
    def parts(self) -> int:
        """Over how many parts sums over this rank's images are taken apart."""
        return max(PARTS // self.ranks, 1) if is_power_of_two(self.ranks) else PARTS

    @property
    def sizes(self) -> list[int]:
        """How many images each rank has."""
        return sizes(self.images, self.ranks)

    @property
    def start(self) -> int:
        """How many images the ranks before this one have."""
        return sum(self.sizes[: self.rank])


class _Local(threading.local):
    share: Share | None = None


_local = _Local()


def current() -> Share | None:
    """The share of this thread; None where batches are whole."""
    return _local.share


def key() -> tuple[int, int, int] | None:
    """What networks and calls that are kept depend on, besides their arrays."""
    share = _local.share
    return None if share is None else share.key


def counts(images: int) -> list[int]:
    """How many images each rank has of the batch that this thread has so many of; of a whole batch, [images].

    Raises ValueError where a rank's part has another number of them.
    """
    now = _local.share
    if now is None:
        return [images]
    if images != now.sizes[now.rank]:
        expected = f"{now.sizes[now.rank]} of {now.images} images, the part of rank {now.rank} of {now.ranks}"
        raise ValueError(f"expected {expected}, got {images}")
    return now.sizes


def is_first() -> bool:
    """Whether this thread adds to a gradient what all ranks have computed alike: rank 0, or whose batches are whole."""
    return _local.share is None or _local.share.rank == 0


@contextlib.contextmanager
def sharing(share: Share | None) -> Iterator[None]:
    """Within the block this thread computes a share."""
    before, _local.share = _local.share, share
    try:
        yield
    finally:
        _local.share = before


def is_power_of_two(number: int) -> bool:
    """Whether halves of halves come to it."""
    return number > 0 and number & (number - 1) == 0


def sizes(images: int, ranks: int) -> list[int]:
    """How many of these images each rank has: the first half one more where they're odd, and so on within halves.

    Where the number of ranks is no power of two, as even as can be.
    """
    if not is_power_of_two(ranks):
        return [(images + ranks - 1 - rank) // ranks for rank in range(ranks)]
    found = [images]
    while len(found) < ranks:
        found = [half for whole in found for half in ((whole + 1) // 2, whole // 2)]
    return found
