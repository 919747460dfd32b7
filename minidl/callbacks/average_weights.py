"""Judging a training by the average of its weights."""

from collections.abc import Mapping
from typing import Any

from minidl import shapes
from minidl.callbacks.callback import Callback, Logs
from minidl.module import Module
from minidl.optim import ExponentialMovingAverage, StochasticWeightAverage
from minidl.optim.average import Average
from minidl.saving import states


class AverageWeights(Callback):
    """Average the weights during training: validate with the average, and leave it in the model at the end.

    The average is exponential, `decay` times the last average plus 1 - decay times the weights; or, with `decay` None,
    the plain mean (stochastic weight averaging). It is updated after each step, or with `per` "epoch" at the end of
    each epoch, from epoch `start_from_epoch` on, counted from 0. The model has the averaged weights during validation
    and until the next epoch begins, so other callbacks stop, save and restore by them. With `keep` False, the model has
    its own weights at the end, and `average`, an `ExponentialMovingAverage` or a `StochasticWeightAverage`, the
    averaged ones. Pass the `average` of an earlier training to continue it.
    """

    average: Average

    def __init__(
        self,
        decay: float | None = 0.999,
        *,
        start_from_epoch: int = 0,
        per: str = "batch",
        average: Average | None = None,
        keep: bool = True,
    ) -> None:
        if decay is not None and not 0 <= decay < 1:
            raise ValueError(f"decay: expected a number of at least 0 and less than 1, or None, got {decay!r}")
        if per not in ("batch", "epoch"):
            raise ValueError(f'per: expected "batch" or "epoch", got {per!r}')
        self.start_from_epoch = shapes.count(start_from_epoch, "start_from_epoch", minimum=0)
        self.decay, self.per, self.keep, self._given = decay, per, keep, average
        self._has_begun = False

    def on_train_begin(self) -> None:
        if self._given is not None and self._given.model is not self.model:
            raise ValueError("average: expected one of this model")
        if self._given is not None:
            self.average = self._given
        elif self.decay is None:
            self.average = StochasticWeightAverage(self.model)
        else:
            self.average = ExponentialMovingAverage(self.model, decay=self.decay)
        if (state := self.take_resumed()) is not None:
            for name, parameter in self.model.named_parameters():
                parameter.value[...] = state["own"][name]
            self.average.load_state_dict(state["average"])
            self._apply()

    def state_dict(self) -> dict[str, Any]:
        """The averaged parameters, which the model has after an epoch, and its own."""
        is_applied = self.average.is_applied  # not within an epoch
        self.average.restore()
        own = {name: parameter.value.copy() for name, parameter in self.model.named_parameters()}
        if is_applied:
            self._apply()
        return {"average": self.average.state_dict(), "own": own}

    def check_state(self, state: Mapping[str, Any], model: Module) -> None:
        states.check(self, state, {"average": states.mapping, "own": states.mapping})
        own = {name: states.array(parameter.value) for name, parameter in model.named_parameters()}
        states.check(self, state["own"], own)
        states.check(self, state["average"], own | {"updates": states.whole})

    def on_epoch_begin(self, epoch: int) -> None:
        self.average.restore()
        self._has_begun = epoch >= self.start_from_epoch

    def on_train_batch_end(self, batch: int, logs: Logs) -> None:
        if self._has_begun and self.per == "batch":
            self.average.update()

    def on_train_epoch_end(self, epoch: int) -> None:
        if self._has_begun and self.per == "epoch":
            self.average.update()
        self._apply()

    def on_train_end(self) -> None:
        if self.keep:
            self._apply()
            self.average.adopt()
        else:
            self.average.restore()

    def _apply(self) -> None:
        """Give the model the average, if there is one yet."""
        if self.average.updates:
            self.average.apply()
