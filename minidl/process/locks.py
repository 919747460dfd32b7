"""Locks between threads that a forked child finds free, and what they guard whole: a fork waits for their holders."""

import os
import threading
import time
from typing import Any

ORDER = ("building", "loading", "preparing", "compiling", "numba", "llvm", "counting")
"""Their names. A thread that has one may take those after it, and none before it."""

PATIENCE = 300.0
"""Seconds that a fork waits at most, for a kernel that another thread is compiling, say."""

_waiting: list[int] = []  # the threads that wait to fork
_locks: dict[str, Any] = {}
_taken: dict[int, list[str]] = {}


def lock(name: str) -> Any:
    """The lock of this name, one of `ORDER`: a new one, which a thread may take again while it has it."""
    return heed(name, threading.RLock())


def heed(name: str, lock: Any) -> Any:
    """Take this lock, another package's for example, before every fork."""
    _locks[name] = lock
    return lock


def give_way() -> None:
    """Let forks go first, if this thread has none of the locks: call it before taking one for something long.

    Threads that take a lock again and again would keep it from one that waits.
    """
    if _waiting and not any(lock._is_owned() for lock in list(_locks.values())):
        deadline = time.monotonic() + PATIENCE
        while _waiting and time.monotonic() < deadline:
            time.sleep(0.001)


def go_first() -> None:
    """Take these locks before those of the packages that have been imported by now, such as logging's.

    A thread that has one of these may log: a fork that had logging's lock and waited for that thread would never end.
    """
    if hasattr(os, "register_at_fork"):
        # The last registered is asked first. What was registered earlier finds the locks taken.
        os.register_at_fork(before=_take_all, after_in_parent=_release_all, after_in_child=_start_alone)


def _take_all() -> None:
    me = threading.get_ident()
    if me in _taken:
        return
    taken = _taken[me] = []
    deadline = time.monotonic() + PATIENCE
    _waiting.append(me)
    try:
        for name in ORDER:
            if name in _locks and _locks[name].acquire(timeout=max(deadline - time.monotonic(), 0)):
                taken.append(name)
    finally:
        _waiting.remove(me)


def _release_all() -> None:
    for name in reversed(_taken.pop(threading.get_ident(), [])):
        _locks[name].release()


def _start_alone() -> None:
    taken = _taken.get(threading.get_ident())
    if taken is None:
        return
    _release_all()
    _taken.clear()
    _waiting.clear()
    for name, lock in _locks.items():
        if name not in taken:  # the fork didn't wait any longer, and whoever has it isn't in this process
            lock._at_fork_reinit()


go_first()
