"""Weights averaged over training, which often judge better than the last ones."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from minidl.errors import KeywordHints, StateError
from minidl.module import Module, flat_views
from minidl.typing import Array


class ExponentialMovingAverage(KeywordHints):
    """The running mean of a model's parameters: average = decay average + (1 - decay) parameters at each `update()`.

    The first update copies them. Buffers, such as the statistics of normalizations, aren't averaged. Raises ValueError
    for a decay out of range and NotBuiltError for a model that isn't built. Source: Polyak and Juditsky, 1992, as
    PyTorch's AveragedModel has it.
    """

    def __init__(self, model: Module, *, decay: float = 0.999) -> None:
        if not 0 <= decay < 1:
            raise ValueError(f"decay: expected a number of at least 0 and less than 1, got {decay!r}")
        parameters = model.parameters()
        if not parameters:
            raise ValueError("model: expected one with parameters")
        self.model, self.decay, self.updates = model, decay, 0
        self.average: Array = np.concatenate([value for value, _ in flat_views(parameters)])
        """All averaged parameters, in the order of the model's buffer."""

    def update(self) -> None:
        """Take the parameters of now into the average: call it after each step."""
        for value, average in self._pairs():
            if not self.updates:
                average[...] = value
                continue
            average *= average.dtype.type(self.decay)
            average += average.dtype.type(1 - self.decay) * value
        self.updates += 1

    def swap(self) -> None:
        """Exchange the parameters and their average; a second call undoes it."""
        for value, average in self._pairs():
            kept = value.copy()
            value[...] = average
            average[...] = kept

    @contextlib.contextmanager
    def applied(self) -> Iterator[None]:
        """The model has the averaged parameters inside of the `with`, and its own again after it."""
        self.swap()
        try:
            yield
        finally:
            self.swap()

    def state_dict(self) -> dict[str, Any]:
        """A copy of the number of updates and the average."""
        return {"updates": self.updates, "average": self.average.copy()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from this state. Raises StateError, and changes nothing, where it doesn't fit."""
        wrong = [f"missing {name}" for name in ("updates", "average") if name not in state]
        wrong += [f"unexpected {name}" for name in state if name not in ("updates", "average")]
        if "average" in state and np.shape(state["average"]) != self.average.shape:
            wrong.append(f"average: expected {self.average.size} values, got shape {np.shape(state['average'])}")
        if wrong:
            raise StateError(f"the state doesn't fit this {type(self).__name__}: {'; '.join(wrong)}")
        self.updates = int(state["updates"])
        self.average[...] = state["average"]

    def _pairs(self) -> Iterator[tuple[Array, Array]]:
        start = 0
        for value, _ in flat_views(self.model.parameters()):
            yield value, self.average[start : start + value.size]
            start += value.size
