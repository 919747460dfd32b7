"""Watching whether one of the logged values has become better."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from minidl.callbacks.callback import Callback, Logs
from minidl.errors.warned import warn
from minidl.module import Module
from minidl.saving import states
from minidl.training.logged import check_mode, larger_is_better


class Monitor(Callback):
    """Watches whether one of the logged values has become better."""

    def __init__(self, monitor: str, mode: str, min_delta: float = 0.0) -> None:
        check_mode(mode)
        self.monitor = monitor
        self.mode = mode
        self.min_delta = min_delta
        self.best = math.nan
        self._sign = 0
        self._seen = 0

    def on_train_begin(self) -> None:
        who = type(self).__name__
        self.logged.check_watched(who, self.monitor)
        self._sign = 1 if larger_is_better(who, self.monitor, self.mode, self.logged.better) else -1
        self._seen = 0
        if (state := self.take_resumed()) is not None:
            self.best = float(state["best"])

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best}

    def check_state(self, state: Mapping[str, Any], model: Module) -> None:
        states.check(self, state, {"best": states.real})

    def improved(self, logs: Logs) -> bool:
        """Whether the value is better than the best so far, which it becomes; NaN never is."""
        if np.ndim(logs[self.monitor]):
            raise ValueError(f"{type(self).__name__}: {self.monitor!r} is an array, not a single number")
        value = float(logs[self.monitor])
        self._seen += 1
        if math.isnan(self.best) or self.is_better(value, self.best):
            self.best = value
            return not math.isnan(value)
        return False

    def is_better(self, value: float, than: float) -> bool:
        """Whether a value is better than another, by more than `min_delta`."""
        return self._sign * (value - than) > self.min_delta

    def warn_of_nothing(self, what: str) -> None:
        """Say that there was `what` because no epoch's value was a number to compare; nothing where one was."""
        if self._seen and math.isnan(self.best):
            epochs = f"each of the {self._seen} epochs" if self._seen > 1 else "the only epoch"
            warn(f"{type(self).__name__}: {what}: {self.monitor!r} was nan in {epochs}", RuntimeWarning)
