"""Stopping when training gets no further."""

import math
from collections.abc import Mapping
from typing import Any

from minidl import shapes
from minidl.callbacks.callback import Logs
from minidl.callbacks.monitor import Monitor
from minidl.module import Module
from minidl.numeric import is_real
from minidl.saving import states
from minidl.typing import Array


class EarlyStopping(Monitor):
    """Stop when `monitor` hasn't improved by more than `min_delta` for `patience` epochs.

    `mode` is "min", "max" or "auto", which knows that losses should be small and asks a metric for its `better`.
    `restore_best_weights` restores the best epoch's parameters, or warns if there is none because the value was always
    NaN. Epochs before `start_from_epoch`, counted from 0, are ignored, and so are epochs without the value, which
    `validation_freq` leaves without a validation. With a `baseline`, patience is reset only by a value that is also
    better than the baseline. Raises ValueError, before any work, if no such number is logged or its better direction
    isn't known.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        *,
        min_delta: float = 0.0,
        patience: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        if not math.isfinite(min_delta):
            raise ValueError(f"min_delta: expected a finite number, got {min_delta!r}")
        if baseline is not None and not (is_real(baseline) and math.isfinite(baseline)):
            raise ValueError(f"baseline: expected a finite number or None, got {baseline!r}")
        super().__init__(monitor, mode, abs(min_delta))
        self.baseline = baseline
        self.patience = shapes.count(patience, "patience", minimum=0)
        self.restore_best_weights = restore_best_weights
        self.start_from_epoch = shapes.count(start_from_epoch, "start_from_epoch", minimum=0)
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

    def check_state(self, state: Mapping[str, Any], model: Module) -> None:
        entries = {"best": states.real, "wait": states.whole, "stopped_epoch": states.perhaps(states.whole)}
        states.check(self, state, entries | {"weights": states.mapping})
        if state["weights"] is not None:
            model.check_state(state["weights"])

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        if epoch < self.start_from_epoch or self.monitor not in logs:
            return
        self._wait += 1
        if self.improved(logs):
            if self.baseline is None or self.is_better(self.best, self.baseline):
                self._wait = 0
            if self.restore_best_weights:
                self._weights = self.model.state_dict()
        elif self._wait >= self.patience:
            self.stopped_epoch, self.stop_training = epoch, True

    def on_train_end(self) -> None:
        if self._weights is not None:
            self.model.load_state_dict(self._weights)
        elif self.restore_best_weights:
            self.warn_of_nothing("no best weights to restore")
        elif self.stopped_epoch is not None:
            self.warn_of_nothing("stopped without a best epoch")
