"""Saving the model as it trains."""

import os

from minidl import checkpoint
from minidl.callbacks.callback import Logs
from minidl.callbacks.monitor import Monitor
from minidl.errors import did_you_mean
from minidl.typing import StrPath


class ModelCheckpoint(Monitor):
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
        if self.save_best_only and not self.improved(logs):
            return
        path = self._path(epoch, logs)
        save = getattr(self.model, "save", None)
        if self.save_weights_only or save is None:
            checkpoint.save_arrays(path, self.model.state_dict())
        else:
            save(path)

    def on_train_end(self) -> None:
        if self.save_best_only:
            self.warn_of_nothing("nothing was saved")

    def _path(self, epoch: int, logs: Logs) -> str:
        return self.filepath.format(epoch=epoch + 1, **logs)
