"""The callbacks of a training, each told of what happens; what they decide holds for all ranks."""

import math
from collections.abc import Sequence
from typing import Any

from minidl.callbacks import Callback
from minidl.callbacks.terminate_on_nan import NaNAlarm
from minidl.module import Module
from minidl.optim import Optimizer
from minidl.training.objective import Objective
from minidl.training.ranks import Ranks


class Watchers:
    """The callbacks that are told: those of the first rank. The others learn from it what these have changed."""

    def __init__(self, callbacks: Sequence[Callback], ranks: Ranks, module: Module, optimizer: Optimizer) -> None:
        self.all: Sequence[Callback] = callbacks if ranks.is_first else ()
        self.ranks, self.module, self.optimizer = ranks, module, optimizer
        self.alarm = NaNAlarm(self.all, is_silent=not ranks.is_first)
        self.stop = False
        """Whether training ends."""
        self._listeners: list[Callback] = []
        self._is_heard = False

    def begin(self) -> None:
        """Tell all of them that training begins; who wants to hear of batches is known then."""
        self.tell("on_train_begin")
        self._listeners = [watcher for watcher in self.all if _hears_batches(watcher)]
        self._is_heard = self.ranks.agreed(bool(self._listeners))

    def tell(self, event: str, *args: Any) -> None:
        """Call a method of all of them, and let all ranks have what is changed then."""
        for watcher in self.all:
            getattr(watcher, event)(*args)
        self.settle()

    def settle(self) -> None:
        """Let all ranks have what the first one's callbacks have changed."""
        stop = any(watcher.stop_training for watcher in self.all)
        self.stop = self.ranks.settle(stop, self.optimizer, self.module)

    def batch_ends(self, epoch: int, batch: int, job: Objective) -> bool:
        """Tell those who want to hear of it; whether the epoch ends here."""
        if self._listeners:
            logs = job.result(each_batch=True)
            for listener in self._listeners:
                listener.on_train_batch_end(batch, logs)
        stop = any(listener.stop_training for listener in self._listeners)
        if not math.isfinite(job.total):
            stop = self.ranks.agreed(self.alarm.batch(job.total, epoch, batch)) or stop
        if self._is_heard:
            stop = self.ranks.settle_options(stop, self.optimizer)
        return stop


def _hears_batches(watcher: Callback) -> bool:
    """Whether it does anything after a batch: if nobody does, there are no logs to make."""
    is_own = getattr(watcher.on_train_batch_end, "__func__", None) is not Callback.on_train_batch_end
    return is_own and watcher.hears_batches
