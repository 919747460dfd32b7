"""What may happen between the steps of training: callbacks, with Keras's names and defaults."""

import math
import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TextIO

import numpy as np

from minidl import checkpoint, streams
from minidl.errors import FormatError, KeywordHints, did_you_mean
from minidl.files import write_atomically
from minidl.module import Module
from minidl.optim import ExponentialMovingAverage, Optimizer
from minidl.progress import Bar, can_draw, numbers
from minidl.typing import Array, StrPath

if TYPE_CHECKING:
    from minidl.schedules import Schedule

Logs = Mapping[str, Any]


class Callback(KeywordHints):
    """Is told of each epoch and batch; `stop_training = True` ends `fit` after the epoch.

    `fit` sets `model`, `optimizer`, `schedule` (or None), `callbacks`, all that it was given, and `params`: "epochs",
    "initial_epoch", "steps" (batches an epoch), "samples" and "metrics" (the names that the logs of an epoch have).
    """

    model: Module
    optimizer: Optimizer
    schedule: "Schedule | None"
    callbacks: Sequence["Callback"]
    params: Mapping[str, Any]
    stop_training = False
    resumed: Mapping[str, Any] | None = None
    """A state that `load_state_dict` was given, for `on_train_begin` to go on from."""

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

    def state_dict(self) -> dict[str, Any]:
        """A copy of what it must know, after an epoch, to go on as if training hadn't been interrupted."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from this state in the next `fit`, which begins with an `initial_epoch`."""
        self.resumed = state

    def take_resumed(self) -> Mapping[str, Any] | None:
        """The state to go on from, once."""
        state, self.resumed = self.resumed, None
        return state


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
        if (state := self.take_resumed()) is not None:
            self.best = float(state["best"])

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best}

    def _improved(self, logs: Logs) -> bool:
        value = float(logs[self.monitor])
        if math.isnan(self.best) or self._sign * (value - self.best) > self.min_delta:
            self.best = value
            return not math.isnan(value)
        return False


class EarlyStopping(_Monitor):
    """Stop when `monitor` hasn't improved by more than `min_delta` for `patience` epochs.

    `mode` is "min", "max" or "auto", which takes losses and errors to be better small, and all else large.
    `restore_best_weights` goes back to the best epoch's parameters. Epochs before `start_from_epoch`, counted from 0,
    are passed by. Raises ValueError before any work if nothing of that name is logged.
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
        self.best, self._wait = math.nan, 0
        self.stopped_epoch = self._weights = None
        state = self.resumed
        super().on_train_begin()
        if state is not None:
            self._wait, self.stopped_epoch, self._weights = state["wait"], state["stopped_epoch"], state["weights"]
            self.stop_training = self.stopped_epoch is not None

    def state_dict(self) -> dict[str, Any]:
        return super().state_dict() | {
            "wait": self._wait,
            "stopped_epoch": self.stopped_epoch,
            "weights": self._weights,
        }

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
    a model without `save`, writes the `state_dict` alone. `mode` as of `EarlyStopping`. Files appear whole or not at
    all.
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

    The average, `decay` of the last one and the rest of the weights, is taken after each step. The model has it during
    validations and until the next epoch begins, so that other callbacks stop, save and restore by it. With `keep` False
    the model has its own weights at the end, and `average`, an `ExponentialMovingAverage`, the averaged ones. One of an
    earlier training may be given to go on with.
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
        if (state := self.take_resumed()) is not None:
            for name, parameter in self.model.named_parameters():
                parameter.value[...] = state["own"][name]
            self.average.load_state_dict(state["average"])
            self.average.apply()

    def state_dict(self) -> dict[str, Any]:
        """The averaged parameters, which the model has after an epoch, and its own."""
        self.average.restore()
        own = {name: parameter.value.copy() for name, parameter in self.model.named_parameters()}
        self.average.apply()
        return {"average": self.average.state_dict(), "own": own}

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
    """Write a line for each epoch to the CSV file `filename`: its number, from 0, and every logged number.

    `separator` stands between them. Each epoch replaces the file whole. `append` goes on after the lines that it has,
    and from an `initial_epoch` on after those of the epochs before.
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
            try:
                with open(self.filename, encoding="utf-8") as file:
                    self._lines = file.read().splitlines()
            except UnicodeDecodeError as error:
                raise FormatError(f"{self.filename}: not a history: {error}") from None
        if first := self.params["initial_epoch"]:
            self._lines = [line for line in self._lines if _number(line, self.separator) < first]

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        numbers = {name: float(value) for name, value in logs.items() if np.ndim(value) == 0}
        if not self._lines:
            self._lines.append(self.separator.join(["epoch", *numbers]))
        self._lines.append(self.separator.join([str(epoch), *map(repr, numbers.values())]))
        with write_atomically(self.filename) as file:
            file.write(("\n".join(self._lines) + "\n").encode())


def _number(line: str, separator: str) -> int:
    """The epoch of a line of a CSV file; below 0 for the heading."""
    try:
        return int(line.split(separator)[0])
    except ValueError:
        return -1


class ProgressBar(Callback):
    """A line for each epoch; on a terminal or in a notebook, a bar as the batches go by, which the line replaces.

    `live` says whether there is a bar: if not given, where one can be drawn on `stream` (stdout).
    """

    def __init__(self, *, stream: TextIO | None = None, live: bool | None = None) -> None:
        self._stream = stream
        self.live = live

    def on_train_begin(self) -> None:
        self._out = sys.stdout if self._stream is None else self._stream
        self._is_live = can_draw(self._out) if self.live is None else self.live
        self._bar: Bar | None = None

    def on_epoch_begin(self, epoch: int) -> None:
        epochs, steps, samples = (self.params[name] for name in ("epochs", "steps", "samples"))
        title = f"epoch {epoch + 1:>{len(str(epochs))}}/{epochs}"
        self._bar = Bar(steps, title, stream=self._out, live=self._is_live, samples=samples)

    def on_train_batch_end(self, batch: int, logs: Logs) -> None:
        if self._is_live and self._bar is not None:
            self._bar.update(batch + 1, lambda: numbers(logs))

    def on_train_epoch_end(self, epoch: int) -> None:
        if self._bar is not None and any(name.startswith("val_") for name in self.params["metrics"]):
            self._bar.draw(self.params["steps"], "validating")

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        if self._bar is not None:
            self._bar.close()
            streams.write(self._out, f"{self._bar.summary(numbers(logs))}\n")

    def on_train_end(self) -> None:
        if self._bar is not None:
            self._bar.close(keep=True)
