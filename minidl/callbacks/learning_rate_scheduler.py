"""A learning rate by a function of the epoch."""

import inspect
from collections.abc import Callable
from typing import Any

from minidl.callbacks.callback import Callback
from minidl.numeric import in_range


class LearningRateScheduler(Callback):
    """Before each epoch, set the learning rate to what `schedule(epoch, lr)`, or `schedule(epoch)`, returns.

    Epochs are counted from 0, and `lr` is the current rate. The History has the rate as "lr". Raises TypeError if
    `schedule` can't be called this way, and ValueError for a rate that isn't a number of at least 0, and if `fit` has a
    `schedule` too.
    """

    def __init__(self, schedule: Callable[..., float]) -> None:
        self._takes_rate = _can_be_called(schedule, 0, 0.1)
        if not self._takes_rate and not _can_be_called(schedule, 0):
            raise TypeError(f"schedule: expected a function (epoch, lr) or (epoch) of the rate, got {schedule!r}")
        self.function = schedule

    def on_train_begin(self) -> None:
        if self.schedule is not None:
            raise ValueError("LearningRateScheduler: it can't be combined with a schedule, which also sets the rate")

    def on_epoch_begin(self, epoch: int) -> None:
        lr: Any = self.function(epoch, self.optimizer.lr) if self._takes_rate else self.function(epoch)
        if not in_range(lr):
            raise ValueError(f"LearningRateScheduler: expected a rate of at least 0 for epoch {epoch}, got {lr!r}")
        self.optimizer.lr = lr


def _can_be_called(function: Any, *arguments: Any) -> bool:
    try:
        inspect.signature(function).bind(*arguments)
    except TypeError:
        return False
    except ValueError:  # something in C, whose arguments aren't known
        return len(arguments) == 1
    return True
