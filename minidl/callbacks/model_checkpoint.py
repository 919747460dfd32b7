"""Saving the model as it trains."""

import math
import os

from minidl.callbacks.callback import Logs
from minidl.callbacks.monitor import Monitor
from minidl.callbacks.paths import check_alone, check_makeable, filled_in, has_fields, make_folder
from minidl.saving.arrays import MODELS, WRITERS, save_arrays, suffix_of
from minidl.shapes import is_int
from minidl.typing import StrPath


class ModelCheckpoint(Monitor):
    """Save the model after each epoch, or with `save_best_only` only after epochs in which `monitor` improved.

    If `save_freq` is a number, save after every so many batches, counted through all epochs. `filepath` may contain the
    epoch, from 1, and the logs: "best-{epoch:02d}-{val_loss:.3f}.npz"; or, with batches, the epoch, the batch, from 1
    too, and the means so far: "{epoch}-{batch}-{loss:.3f}.npz". A missing value is nan. `save_weights_only`, or a model
    without `save`, writes only the `state_dict`. `mode` is as in `EarlyStopping`. Missing folders are created; files
    are written whole or not at all. If no epoch was saved because the value was always NaN, a warning says so at the
    end. Raises ValueError, OSError and TypeError, before any work, for a path that can't be filled in or written to,
    and for a model that can't be saved.
    """

    def __init__(
        self,
        filepath: StrPath,
        *,
        monitor: str = "val_loss",
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: str | int = "epoch",
    ) -> None:
        super().__init__(monitor, mode)
        self.filepath = os.fsdecode(filepath)
        self.save_best_only = save_best_only
        self.save_weights_only = save_weights_only
        if save_freq != "epoch":
            if not is_int(save_freq) or int(save_freq) < 1:
                raise ValueError(f'save_freq: expected "epoch" or a number of batches, got {save_freq!r}')
            if save_best_only:
                raise ValueError('save_best_only: needs save_freq="epoch", since the monitor is known only then')
        self.save_freq = save_freq
        self.hears_batches = save_freq != "epoch"
        self._epoch = self._batches = 0

    def on_train_begin(self) -> None:
        if self.save_best_only:
            super().on_train_begin()
        who = type(self).__name__
        check_alone(self, self.filepath)
        self._batches = 0
        path = filled_in(who, self.filepath, self.logged, ("epoch", "batch") if self.hears_batches else ("epoch",))
        check_makeable(who, path)
        describe = getattr(self.model, "description", None)
        if self.save_weights_only or not hasattr(self.model, "save"):
            suffix_of(path, WRITERS)
        elif describe is not None:
            suffix_of(path, MODELS)
            describe()  # an error if the model can't be saved
        if not has_fields(os.path.dirname(self.filepath)):
            make_folder(path)

    def on_epoch_begin(self, epoch: int) -> None:
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Logs) -> None:
        self._batches += 1
        if self._batches % int(self.save_freq) == 0:
            self._save(logs, batch=batch + 1)

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        if self.save_freq != "epoch":
            return
        if not self.save_best_only or (self.monitor in logs and self.improved(logs)):
            self._save(logs)

    def _save(self, logs: Logs, **counts: int) -> None:
        known = dict.fromkeys(self.logged.numbers, math.nan) | dict(logs)
        path = self.filepath.format(epoch=self._epoch + 1, **counts, **known)
        make_folder(path)
        save = getattr(self.model, "save", None)
        if self.save_weights_only or save is None:
            save_arrays(path, self.model.state_dict())
        else:
            save(path)

    def on_train_end(self) -> None:
        if self.save_best_only:
            self.warn_of_nothing("nothing was saved")
