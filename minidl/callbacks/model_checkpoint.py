"""Saving the model as it trains."""

import os

from minidl.callbacks.callback import Logs
from minidl.callbacks.monitor import Monitor
from minidl.callbacks.paths import check_alone, check_makeable, filled_in, has_fields, make_folder
from minidl.saving import npz
from minidl.typing import StrPath


class ModelCheckpoint(Monitor):
    """Save the model after each epoch, or with `save_best_only` after those in which `monitor` improved.

    `filepath` may name the epoch, from 1, and the logs: "best-{epoch:02d}-{val_loss:.3f}.npz". `save_weights_only`, or
    a model without `save`, writes the `state_dict` alone. `mode` as of `EarlyStopping`. Folders are made where they
    aren't there; files appear whole or not at all. If no epoch was saved, since the value was NaN in all of them, a
    warning says so in the end. Raises ValueError, OSError and TypeError, before any work, for a path that can't be
    filled in or written to, and a model that can't be saved.
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
        self.filepath = os.fsdecode(filepath)
        self.save_best_only = save_best_only
        self.save_weights_only = save_weights_only

    def on_train_begin(self) -> None:
        if self.save_best_only:
            super().on_train_begin()
        who = type(self).__name__
        check_alone(self, self.filepath)
        path = filled_in(who, self.filepath, self.logged)
        check_makeable(who, path)
        describe = getattr(self.model, "description", None)
        if describe is not None and not self.save_weights_only:
            describe()  # an error if the model can't be saved
        if not has_fields(os.path.dirname(self.filepath)):
            make_folder(path)

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        if self.save_best_only and not self.improved(logs):
            return
        path = self.filepath.format(epoch=epoch + 1, **logs)
        make_folder(path)
        save = getattr(self.model, "save", None)
        if self.save_weights_only or save is None:
            npz.save_arrays(path, self.model.state_dict())
        else:
            save(path)

    def on_train_end(self) -> None:
        if self.save_best_only:
            self.warn_of_nothing("nothing was saved")
