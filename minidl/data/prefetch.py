"""A background thread that makes the next items while this one works on the last."""

import threading
from collections.abc import Generator, Iterator
from typing import Any, TypeVar

from minidl.process.importing import imported
from minidl.process.threads import can_start

T = TypeVar("T")


def prefetched(items: Iterator[T], depth: int) -> Generator[T, None, None]:
    """Yield the items in their order, made by a thread that is at most `depth` of them ahead.

    The thread begins with the first item asked for, and has ended when the iteration has: at the last item, at an
    error, or when the loop is left. An error of `items` is raised here, after the items before it. Where no thread can
    be started, each item is made as it is asked for.
    """
    if not can_start():
        yield from items
        return
    queue = imported("queue")  # slow to import, and seldom needed

    free = threading.Semaphore(depth)
    made: Any = queue.SimpleQueue()
    stopped = threading.Event()

    def work() -> None:
        try:
            while True:
                free.acquire()
                if stopped.is_set():
                    return
                made.put(("item", next(items)))
        except StopIteration:
            made.put(("end", None))
        except BaseException as error:
            made.put(("error", error))

    # A daemon, so that a loop which waits somewhere for its next turn doesn't keep a program from ending.
    thread = threading.Thread(target=work, name="minidl prefetch", daemon=True)
    thread.start()
    try:
        while True:
            kind, value = made.get()
            if kind == "end":
                return
            if kind == "error":
                raise value
            free.release()
            yield value
    finally:
        stopped.set()
        free.release()
        thread.join()
