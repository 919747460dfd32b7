"""Room for prepared networks: how many the process keeps, and which threads wait until there's some for theirs."""

import collections
import contextlib
import os
import sys
import threading
from collections.abc import Callable
from typing import Any

from minidl.engine.shelf import Prepared, Shelf, every, shelves
from minidl.module import Module
from minidl.process import locks, memory

SHARE = 0.375
"""The part of the process's memory limit that networks may take."""

LEFT = 0.25
"""The part of that which networks that nobody uses may take when a thread has ended."""

PAUSE = 0.1
"""Seconds after which a waiting thread looks by itself. It's told sooner, but for accidents."""


class _Waiter:
    """A thread that waits for room."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf
        self.given: Prepared | None = None
        self.is_tired = False  # nobody has rung for long
        self.bell = threading.Lock()
        self.bell.acquire()


waiting: collections.deque[_Waiter] = collections.deque()
"""Whoever has done an inference looks here, and calls `done` if anybody waits."""

_preparing = locks.lock("preparing")


def prepared(shelf: Shelf, module: Module, prepare: Callable[[], Prepared | None], *, waits: bool) -> Prepared | None:
    """A network for a shelf from which none could be taken; None where it can't be prepared.

    Others that nobody uses make room for it. One that `waits`, for an inference, does so while inferences of other
    threads have all the room, in the order of arrival; it may be given a network that one of them has used.
    """
    waiter: _Waiter | None = None
    locks.give_way()
    try:
        while True:
            with _preparing:
                if waiter is None or waiter.given is None:
                    if not waits or _may_prepare(shelf, waiter):
                        return _prepared(shelf, prepare)
                    if waiter is None:
                        waiter = _Waiter(shelf)
                        waiting.append(waiter)
            waiter.is_tired = waiter.given is None and not waiter.bell.acquire(timeout=PAUSE)
            if waiter.given is not None:
                if waiter.given.fits(module):
                    return waiter.given
                waiter = None
    finally:
        if waiter is not None:
            with contextlib.suppress(ValueError):
                waiting.remove(waiter)


def _may_prepare(shelf: Shelf, waiter: _Waiter | None) -> bool:
    if waiting and waiting[0] is not waiter:
        return False
    if _make_room(shelf.size):
        return True
    if waiter is not None and waiter.is_tired:  # what isn't busy by now is held by an error, and won't be put back
        return not any(other.is_busy for other in _all())
    on_shelves = {id(other) for shelf in _shelves() for other in list(shelf.prepared)}
    return all(id(other) in on_shelves or other.is_leased() for other in _all())


def _prepared(shelf: Shelf, prepare: Callable[[], Prepared | None]) -> Prepared | None:
    _make_room(shelf.size)
    made = prepare()
    if made is not None:
        shelf.size = made.size()
        _make_room(0)
    return made


def done(shelf: Shelf, prepared: Prepared | None) -> None:
    """Put a network back after an inference while others wait; None for one that is lost by an error."""
    with _preparing:
        if prepared is not None:
            shelf.prepared.append(prepared)
        if waiting:
            first = waiting[0]
            first.given = first.shelf.take(None)
            if first.given is not None:
                waiting.popleft()
            with contextlib.suppress(RuntimeError):  # it rings already
                first.bell.release()


def _all() -> list[Prepared]:
    return [prepared for other in list(every) if (prepared := other()) is not None]


def _shelves() -> list[Shelf]:
    return [shelf for other in list(shelves) if (shelf := other()) is not None]


def _room() -> float:
    return memory.memory_limit() * SHARE


def _make_room(size: int) -> bool:
    """Whether `size` more bytes fit, after dropping unused networks if need be."""
    return _shrink(lambda: sum(prepared.size() for prepared in _all()), _room() - size)


def _shrink(size: Callable[[], int], most: float) -> bool:
    """Whether `size()` is at most `most` bytes, after dropping unused networks, the oldest first."""
    if size() <= most:  # as usual; asked at every shelf, hundreds of small networks would take seconds
        return True
    for shelf in _shelves():
        while size() > most and shelf.take(None) is not None:
            pass
    return size() <= most


def _idle() -> int:
    return sum(shelf.idle() for shelf in _shelves())


def give_back() -> None:
    """Drop networks that nobody uses, if all take more than they may."""
    with _preparing:
        _make_room(0)


class Ending:
    """Goes with its thread, which has used networks, and then most of what had to be there for many threads at once."""

    def __del__(self, is_finalizing: Callable[[], bool] = sys.is_finalizing) -> None:
        if not is_finalizing() and _preparing.acquire(timeout=PAUSE):  # the thread needn't wait for kernels
            try:
                _shrink(_idle, _room() * LEFT)
            finally:
                _preparing.release()


class _Thread(threading.local):
    ending: Ending | None = None
    frozen: Any = None
    """The `Frozen` under which this thread works now."""


thread = _Thread()


def _start_alone() -> None:
    """In a forked child, what other threads were using will not be put back."""
    waiting.clear()
    for prepared in _all():
        prepared.is_busy = False


memory.when_lowered(give_back)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_alone)
