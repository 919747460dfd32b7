"""What Ctrl-C and a request to terminate do: end a command at once, or let a training finish the epoch under way."""

import contextlib
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

from minidl.callbacks import Callback, Logs
from minidl.cli.messages import Stopped, complain
from minidl.display import streams

PAUSE = 1.0
"""Seconds after a signal has ended a command in which others do nothing: what it leaves is being put in order."""


Handler = Callable[[int, FrameType | None], Any] | int | None


class Ending:
    """The end of a command by a signal."""

    raised: int | None = None
    """The signal that has ended the command."""
    _pause_ends = 0.0

    @classmethod
    def begin(cls, number: int, frame: FrameType | None = None) -> None:
        """Handle a signal: raise Stopped, unless the last one has just done so."""
        del frame
        now = time.monotonic()
        if now >= cls._pause_ends:
            cls.raised, cls._pause_ends = number, now + PAUSE
            raise Stopped("", number)


class StopAfterEpoch(Callback):
    """Ends `fit` after the epoch in which a signal came, one of SIGINT and SIGTERM, while `listening`.

    A second one, or a first one before or after `fit`, raises Stopped.
    """

    def __init__(self) -> None:
        self.signal: int | None = None
        self._trains = self._told = self._is_in_epoch = False
        self.is_asked = True  # of several ranks, to all of which the launcher sends signals, the first one alone is

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Take the signals inside of the block; those that the process was told to ignore stay ignored."""
        before = handle(self._take)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def on_train_begin(self) -> None:
        self._trains = True

    def on_train_end(self) -> None:
        self._trains = False

    def on_train_batch_end(self, batch: int, logs: Logs) -> None:
        # Not in the handler, which may run in the midst of another write.
        if self.signal is not None and not self._told:
            self._told = True
            if streams.is_terminal(sys.stderr):
                streams.write(sys.stderr, "\n")  # below the bar
            again = "Ctrl-C again" if self.signal == signal.SIGINT else "a second signal"
            complain(f"stopping after this epoch; {again} stops at once")

    def on_epoch_begin(self, epoch: int) -> None:
        self._is_in_epoch = True

    def on_train_epoch_end(self, epoch: int) -> None:
        self._is_in_epoch = False
        self.stop_training = self.signal is not None

    def _take(self, number: int, frame: FrameType | None) -> None:
        if not self.is_asked:
            return
        if self._trains and self.signal is None:
            self.signal, self.stop_training = number, not self._is_in_epoch  # else it would end after a batch
        else:
            Ending.begin(number, frame)


def handle(handler: Handler) -> dict[int, Handler]:
    """Have the two signals handled so, but for those that the process was told to ignore; return who did before."""
    if threading.current_thread() is not threading.main_thread():
        return {}
    numbers = [number for number in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(number) is not signal.SIG_IGN]
    return {number: signal.signal(number, handler) for number in numbers}
