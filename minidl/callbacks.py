"""What may happen between the steps of training: callbacks, with Keras's names and defaults."""

import math
import os
import sys
import time
from collections.abc import Mapping
from typing import Any, TextIO

import numpy as np

from minidl import checkpoint
from minidl.errors import KeywordHints, did_you_mean
from minidl.files import write_atomically
from minidl.module import Module
from minidl.optim import ExponentialMovingAverage, Optimizer
from minidl.typing import Array, StrPath

Logs = Mapping[str, Any]


class Callback(KeywordHints):
    """Is told of each epoch and batch; `stop_training = True` ends `fit` after the epoch.

    `fit` sets `model`, `optimizer` and `params`: "epochs", "steps" (batches an epoch), "samples" and "metrics" (the
    names that the logs of an epoch have).
    """

    model: Module
    optimizer: Optimizer
    params: Mapping[str, Any]
    stop_training = False

    def on_train_begin(self) -> None:
        """Before the first epoch, and before any work."""

    def on_epoch_begin(self, epoch: int) -> None:
        """Before epoch `epoch`, counted from 0."""

    def on_train_batch_end(self, batch: int, logs: Logs) -> None:
        """After a step; `logs` has the epoch's means so far."""

    def on_train_epoch_end(self, epoch: int) -> None:
        """After the last step of an epoch, before its validation."""

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """After an epoch and its validation."""

    def on_train_end(self) -> None:
        """After the last epoch, or when training ends early for whatever reason."""


class _Monitor(Callback):
    """Watches whether one of the logged values has become better."""

    def __init__(self, monitor: str, mode: str, min_delta: float = 0.0) -> None:
        if mode not in ("auto", "min", "max"):
            raise ValueError(f'mode: expected "auto", "min" or "max", got {mode!r}')
        self.monitor = monitor
        self.mode = mode
        self.min_delta = min_delta
        self.best = math.nan
        larger_is_better = mode == "max" or (mode == "auto" and not monitor.endswith(("loss", "error")))
        self._sign = 1 if larger_is_better else -1

    def on_train_begin(self) -> None:
        if self.monitor not in self.params["metrics"]:
            hint = did_you_mean(self.monitor, self.params["metrics"])
            raise ValueError(f"{type(self).__name__}: nothing called {self.monitor!r} is logged; {hint}")

    def _improved(self, logs: Logs) -> bool:
        value = float(logs[self.monitor])
        if math.isnan(self.best) or self._sign * (value - self.best) > self.min_delta:
            self.best = value
            return not math.isnan(value)
        return False


class EarlyStopping(_Monitor):
    """Stop when `monitor` hasn't improved by more than `min_delta` for `patience` epochs.

    `mode` "auto" takes losses and errors to be better small, and all else large. `restore_best_weights` goes back to
    the best epoch's parameters. Raises ValueError before any work if nothing of that name is logged.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        *,
        min_delta: float = 0.0,
        patience: int = 0,
        mode: str = "auto",
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        super().__init__(monitor, mode, abs(min_delta))
        self.patience = patience
        self.restore_best_weights = restore_best_weights
        self.start_from_epoch = start_from_epoch
        self.stopped_epoch: int | None = None
        self._weights: dict[str, Array] | None = None

    def on_train_begin(self) -> None:
        super().on_train_begin()
        self.best, self._wait = math.nan, 0
        self.stopped_epoch = self._weights = None

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        if epoch < self.start_from_epoch:
            return
        self._wait += 1
        if self._improved(logs):
            self._wait = 0
            if self.restore_best_weights:
                self._weights = self.model.state_dict()
        elif self._wait >= self.patience:
            self.stopped_epoch, self.stop_training = epoch, True

    def on_train_end(self) -> None:
        if self._weights is not None:
            self.model.load_state_dict(self._weights)


class ModelCheckpoint(_Monitor):
    """Save the model after each epoch, or with `save_best_only` after those in which `monitor` improved.

    `filepath` may name the epoch, from 1, and the logs: "best-{epoch:02d}-{val_loss:.3f}.npz". `save_weights_only`, or
    a model without `save`, writes the `state_dict` alone. Files appear whole or not at all.
    """

    def __init__(
        self,
        filepath: StrPath,
        *,
        monitor: str = "val_loss",
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
    ) -> None:
        super().__init__(monitor, mode)
        self.filepath = os.fspath(filepath)
        self.save_best_only = save_best_only
        self.save_weights_only = save_weights_only

    def on_train_begin(self) -> None:
        if self.save_best_only:
            super().on_train_begin()
        folder = os.path.dirname(self.filepath) or "."
        if "{" not in folder and not os.path.isdir(folder):
            raise FileNotFoundError(f"ModelCheckpoint: there is no folder {folder}")
        try:
            self._path(0, dict.fromkeys(self.params["metrics"], 0.0))
        except KeyError as error:
            hint = did_you_mean(error.args[0], ["epoch", *self.params["metrics"]])
            raise ValueError(f"ModelCheckpoint: nothing called {error.args[0]!r} is logged; {hint}") from None

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        if self.save_best_only and not self._improved(logs):
            return
        path = self._path(epoch, logs)
        save = getattr(self.model, "save", None)
        if self.save_weights_only or save is None:
            checkpoint.save_arrays(path, self.model.state_dict())
        else:
            save(path)

    def _path(self, epoch: int, logs: Logs) -> str:
        return self.filepath.format(epoch=epoch + 1, **logs)


class AverageWeights(Callback):
    """Judge a training by the exponential moving average of its weights, and leave that in the model at the end.

    The average is taken after each step. The model has it during validations and until the next epoch begins, so that
    other callbacks stop, save and restore by it. With `keep` False the model has its own weights at the end, and
    `average`, an `ExponentialMovingAverage`, the averaged ones. One of an earlier training may be given to go on with.
    """

    def __init__(self, decay: float = 0.999, *, average: ExponentialMovingAverage | None = None, keep: bool = True):
        if not 0 <= decay < 1:
            raise ValueError(f"decay: expected a number of at least 0 and less than 1, got {decay!r}")
        self.decay, self.keep, self._given = decay, keep, average

    def on_train_begin(self) -> None:
        if self._given is not None and self._given.model is not self.model:
            raise ValueError("average: expected one of this model")
        given = self._given
        self.average = ExponentialMovingAverage(self.model, decay=self.decay) if given is None else given

    def on_epoch_begin(self, epoch: int) -> None:
        self.average.restore()

    def on_train_batch_end(self, batch: int, logs: Logs) -> None:
        self.average.update()

    def on_train_epoch_end(self, epoch: int) -> None:
        self.average.apply()

    def on_train_end(self) -> None:
        if self.keep:
            self.average.apply()
            self.average.adopt()
        else:
            self.average.restore()


class CSVLogger(Callback):
    """Write a line for each epoch to a CSV file: its number, from 0, and every logged number.

    Each epoch replaces the file whole. `append` goes on after the lines that it has.
    """

    def __init__(self, filename: StrPath, *, separator: str = ",", append: bool = False) -> None:
        self.filename = os.fspath(filename)
        self.separator = separator
        self.append = append

    def on_train_begin(self) -> None:
        folder = os.path.dirname(self.filename) or "."
        if not os.path.isdir(folder):
            raise FileNotFoundError(f"CSVLogger: there is no folder {folder}")
        self._lines: list[str] = []
        if self.append and os.path.exists(self.filename):
            with open(self.filename, encoding="utf-8") as file:
                self._lines = file.read().splitlines()

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        numbers = {name: float(value) for name, value in logs.items() if np.ndim(value) == 0}
        if not self._lines:
            self._lines.append(self.separator.join(["epoch", *numbers]))
        self._lines.append(self.separator.join([str(epoch), *map(repr, numbers.values())]))
        with write_atomically(self.filename) as file:
            file.write(("\n".join(self._lines) + "\n").encode())


class ProgressBar(Callback):
    """A line for each epoch; on a terminal it's drawn anew as the batches go by, elsewhere written once at the end."""

    width = 24
    redraw_seconds = 0.1

    def __init__(self, *, stream: TextIO | None = None, live: bool | None = None) -> None:
        self._stream = stream
        self.live = live

    def on_train_begin(self) -> None:
        self._out = sys.stdout if self._stream is None else self._stream
        self._is_live = self._out.isatty() if self.live is None else self.live
        self._unfinished = False

    def on_epoch_begin(self, epoch: int) -> None:
        self._epoch, self._start, self._drawn = epoch, time.perf_counter(), 0.0

    def on_train_batch_end(self, batch: int, logs: Logs) -> None:
        now = time.perf_counter()
        if not self._is_live or now - self._drawn < self.redraw_seconds:
            return
        self._drawn = now
        steps, seconds = self.params["steps"], now - self._start
        done = "=" * (self.width * (batch + 1) // steps)
        left = seconds / (batch + 1) * (steps - batch - 1)
        self._draw(f"[{done:<{self.width}}] {batch + 1}/{steps}  {_numbers(logs)}  {left:.0f} s left")

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        seconds = time.perf_counter() - self._start
        speed = self.params["samples"] / max(seconds, 1e-9)
        self._draw(f"{seconds:.1f} s  {speed:,.0f} samples/s  {_numbers(logs)}")
        self._out.write("\n")
        self._out.flush()
        self._unfinished = False

    def on_train_end(self) -> None:
        if self._unfinished:
            self._out.write("\n")
            self._out.flush()

    def _draw(self, text: str) -> None:
        epochs = self.params["epochs"]
        line = f"epoch {self._epoch + 1:>{len(str(epochs))}}/{epochs}  {text}"
        self._out.write(f"\r\x1b[K{line}" if self._is_live else line)
        self._out.flush()
        self._unfinished = True


def _numbers(logs: Logs) -> str:
    return "  ".join(f"{name} {float(value):.4f}" for name, value in logs.items() if np.ndim(value) == 0)
