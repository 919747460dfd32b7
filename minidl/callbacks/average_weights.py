"""Judging a training by the average of its weights."""

from collections.abc import Mapping
from typing import Any

from minidl.callbacks.callback import Callback, Logs
from minidl.module import Module
from minidl.optim import ExponentialMovingAverage
from minidl.saving import states


class AverageWeights(Callback):
    """Judge a training by the exponential moving average of its weights, and leave that in the model at the end.

    The average, `decay` of the last one and the rest of the weights, is taken after each step. The model has it during
    validations and until the next epoch begins, so that other callbacks stop, save and restore by it. With `keep` False
    the model has its own weights at the end, and `average`, an `ExponentialMovingAverage`, the averaged ones. One of an
    earlier training may be given to go on with.
    """

    average: ExponentialMovingAverage

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

    def check_state(self, state: Mapping[str, Any], model: Module) -> None:
        states.check(self, state, {"average": states.mapping, "own": states.mapping})
        own = {name: states.array(parameter.value) for name, parameter in model.named_parameters()}
        states.check(self, state["own"], own)
        states.check(self, state["average"], own | {"updates": states.whole})

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
