"""Signals that wait until something is whole: what Ctrl-C leaves half done, no later call could go on from."""

import contextlib
import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Self


class uninterrupted:  # noqa: N801 - it is called like a function, in a with statement
    """Let the signals that Python handles wait for the end of the block, which should be short; then handle them.

    Only the main thread meets signals; in others it does nothing.
    """

    def __init__(self) -> None:
        self._handlers: dict[int, Any] = {}
        self._waiting: dict[int, FrameType | None] = {}
        self._is_open = True

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            try:
                for number in signal.valid_signals():
                    handler = signal.getsignal(number)
                    if callable(handler) and not isinstance(handler, signal.Handlers):
                        self._handlers[number] = handler
                        signal.signal(number, self._take)
            except ValueError:  # the main thread of an interpreter that isn't the first: it meets none
                self._handlers.clear()
            except BaseException:  # from a handler that isn't replaced yet: there'll be no block to wait for
                self._is_open = False
                raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_open = False
        for number, handler in self._handlers.items():
            if signal.getsignal(number) == self._take:
                signal.signal(number, handler)
        if self._waiting:
            with contextlib.ExitStack() as each:  # all of them, also where one raises
                for number, frame in self._waiting.items():
                    each.callback(self._handlers[number], number, frame)

    def _take(self, number: int, frame: FrameType | None) -> None:
        if self._is_open:
            self._waiting[number] = frame
        else:  # another signal's handler has ended the block before all were set back, or before it began
            signal.signal(number, self._handlers[number])
            self._handlers[number](number, frame)
