"""Ctrl-C, and a request to terminate, let a training finish the epoch under way; a second one stops it at once."""

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType

from minidl.callbacks import Callback, Logs
from minidl.cli.messages import Stopped, complain


class StopAfterEpoch(Callback):
    """Ends `fit` after the epoch in which a signal came, one of SIGINT and SIGTERM, while `listening`."""

    def __init__(self) -> None:
        self.signal: int | None = None
        self._told = False

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Take the signals inside of the block; those that the process was told to ignore stay ignored."""
        before = {}
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                if signal.getsignal(number) is not signal.SIG_IGN:
                    before[number] = signal.signal(number, self._take)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def on_train_batch_end(self, batch: int, logs: Logs) -> None:
        # Not in the handler, which may run in the midst of another write.
        if self.signal is not None and not self._told:
            self._told = True
            if sys.stderr is not None and sys.stderr.isatty():
                print(file=sys.stderr)  # below the bar
            again = "Ctrl-C again" if self.signal == signal.SIGINT else "a second signal"
            complain(f"stopping after this epoch; {again} stops at once")

    def _take(self, number: int, frame: FrameType | None) -> None:
        del frame
        if self.signal is not None:
            raise Stopped("", number)
        self.signal, self.stop_training = number, True
