"""A line for each epoch, and a bar while it goes by."""

import contextlib
import sys
from typing import TextIO

from minidl import backends
from minidl.callbacks.callback import Callback, Logs
from minidl.display.progress import Bar, can_draw, numbers
from minidl.display.streams import write


class ProgressBar(Callback):
    """A line for each epoch; on a terminal or in a notebook, a bar as the batches go by, which the line replaces.

    Before the first batches are done, it names the kernels that are compiled for them.
    `live` says whether there is a bar: if not given, where one can be drawn on `stream` (stdout).
    """

    def __init__(self, *, stream: TextIO | None = None, live: bool | None = None) -> None:
        self._stream = stream
        self.live = live

    def on_train_begin(self) -> None:
        self._out = sys.stdout if self._stream is None else self._stream
        self._is_live = can_draw(self._out) if self.live is None else self.live
        self._bar: Bar | None = None
        self._watch = contextlib.ExitStack()
        if self._is_live:
            self._watch.enter_context(backends.compiling(self._compiling))

    def _compiling(self, kernel: str) -> None:
        if self._bar is not None:
            self._bar.compiling(kernel)

    def on_epoch_begin(self, epoch: int) -> None:
        epochs, steps, samples = (self.params[name] for name in ("epochs", "steps", "samples"))
        title = f"epoch {epoch + 1:>{len(str(epochs))}}/{epochs}"
        unit = "batches" if samples is None else "samples"
        self._bar = Bar(steps or 0, title, stream=self._out, live=self._is_live, samples=samples, unit=unit)

    def on_train_batch_end(self, batch: int, logs: Logs) -> None:
        if self._bar is not None and self.params["samples"] is None:
            self._bar.samples = batch + 1
        if self._is_live and self._bar is not None:
            self._bar.update(batch + 1, lambda: numbers(logs))

    def on_train_epoch_end(self, epoch: int) -> None:
        if self._bar is not None and any(name.startswith("val_") for name in self.params["metrics"]):
            self._bar.draw(self.params["steps"], "validating")

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        if self._bar is not None:
            self._bar.close()
            write(self._out, f"{self._bar.summary(numbers(logs))}\n")

    def on_train_end(self) -> None:
        self._watch.close()
        if self._bar is not None:
            self._bar.close(keep=True)
