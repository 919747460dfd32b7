"""Memory that is planned: arrays of a program lie in one arena, and use each other's place once they are done with.

While jobs are prepared in a workspace, its arrays are only reserved. Each is known by the owner of its memory; when all
jobs are known, so is from which job to which an owner is in use. Source: Pisarchyk and Lee, "Efficient memory
management for deep neural net inference", 2020, section 4.2.
"""

import math
from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from minidl.backends.compiled.runtime.pages import new_bytes

AnyArray = np.ndarray[Any, Any]

LINE = 64
"""Bytes of a cache line, at which every array begins: a vector that lies in two lines is read twice."""


class Workspace:
    """Arrays that are reserved while jobs are prepared. Nothing may read or write them before they have a place.

    `constants` are those of a network whose weights don't change.
    """

    def __init__(self, constants: Any = None) -> None:
        self.constants = constants
        self.owners: dict[int, AnyArray] = {}
        self.starts: dict[int, int] = {}
        """Where owners lie, in bytes, once they have been placed."""
        self.arenas: list[AnyArray] = []

    def empty(self, shape: Sequence[int], dtype: np.dtype[Any]) -> AnyArray:
        """A new array. Its pages are never touched, so that it takes no memory."""
        owner = new_bytes(math.prod(shape) * dtype.itemsize)
        self.owners[id(owner)] = owner
        return owner.view(dtype).reshape(shape)

    def owner_of(self, array: AnyArray) -> int | None:
        """The key of what this array is a part of, or None for an array from elsewhere."""
        key = id(array.base if isinstance(array.base, np.ndarray) else array)
        return key if key in self.owners else None

    def place(self, jobs: Sequence[Iterable[int]], *, outside: Collection[int], reuse: bool) -> None:
        """Give the owners that these jobs use a place, but for those that come from outside.

        With `reuse` they lie where others did that no later job uses.
        """
        fresh = [[key for key in keys if key in self.owners and key not in outside] for keys in jobs]
        alive = spans([key for key in keys if key not in self.starts] for keys in fresh)
        if not reuse:
            alive = {key: Span(0, len(jobs)) for key in alive}
        starts, size = places({key: self.owners[key].nbytes for key in alive}, alive)
        if size:
            area = new_bytes(size + LINE)
            first = -area.ctypes.data % LINE
            self.arenas.append(area)
            self.starts.update({key: area.ctypes.data + first + start for key, start in starts.items()})


class Span(NamedTuple):
    """The first and the last job that uses an owner."""

    first: int
    last: int


def spans(jobs: Iterable[Iterable[int]]) -> dict[int, Span]:
    """For each owner that jobs use, in their order, from when to when that is."""
    found: dict[int, Span] = {}
    for number, keys in enumerate(jobs):
        for key in keys:
            found[key] = Span(found[key].first if key in found else number, number)
    return found


def places(sizes: dict[int, int], alive: dict[int, Span]) -> tuple[dict[int, int], int]:
    """(the place of each owner in an arena, the arena's size), in bytes: the largest first, as low as they fit."""
    placed: list[tuple[int, int, Span]] = []  # (start, stop, span), by start
    found: dict[int, int] = {}
    for key in sorted(alive, key=lambda key: (-sizes[key], alive[key])):
        size, span, start = -(-sizes[key] // LINE) * LINE, alive[key], 0
        for low, high, other in placed:
            if other.first <= span.last and span.first <= other.last:
                if low - start >= size:
                    break
                start = max(start, high)
        found[key] = start
        placed.append((start, start + size, span))
        placed.sort()
    return found, max((stop for _, stop, _ in placed), default=0)
