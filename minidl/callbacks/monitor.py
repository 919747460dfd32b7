"""Watching whether one of the logged values has become better."""

import math
from typing import Any

from minidl.callbacks.callback import Callback, Logs
from minidl.errors import did_you_mean


class Monitor(Callback):
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

    def improved(self, logs: Logs) -> bool:
        value = float(logs[self.monitor])
        if math.isnan(self.best) or self._sign * (value - self.best) > self.min_delta:
            self.best = value
            return not math.isnan(value)
        return False
