"""Weights averaged over training, which often judge better than the last ones."""

import contextlib
import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from minidl.errors import KeywordHints
from minidl.module import Module, flat_views
from minidl.numeric import in_range, plain
from minidl.saving import states
from minidl.typing import Array


class Average(KeywordHints):
    """A mean of a model's parameters over the calls of `update()`; a subclass says what share the new ones take."""

    def __init__(self, model: Module) -> None:
        parameters = model.parameters()
        if not parameters:
            raise ValueError("model: expected one with parameters")
        self.model, self.updates = model, 0
        self._own: Array | None = None
        self._average: Array = np.concatenate([value for value, _ in flat_views(parameters)])

    def shares(self) -> tuple[float, float]:
        """What the average so far and the parameters of now count in the next one."""
        raise NotImplementedError(f"{type(self).__name__} doesn't define shares()")

    @property
    def values(self) -> dict[str, Array]:
        """The averaged parameters by their names, as views."""
        values, start = {}, 0
        for name, parameter in self.model.named_parameters():
            values[name] = parameter.shaped(self._average[start : start + parameter.value.size])
            start += parameter.value.size
        return values

    def update(self) -> None:
        """Take the parameters of now into the average: call it after each step."""
        if self._own is not None:
            raise ValueError("update: the model has the averaged parameters; call restore() first")
        for value, average, trained in self._runs():
            if not self.updates or not trained:
                average[...] = value
                continue
            kept, taken = self.shares()
            average *= average.dtype.type(kept)
            average += average.dtype.type(taken) * value
        self.updates += 1

    @contextlib.contextmanager
    def applied(self) -> Iterator[None]:
        """The model has the averaged parameters inside of the `with`, and its own again after it."""
        self.apply()
        try:
            yield
        finally:
            self.restore()

    def apply(self) -> None:
        """Give the model the averaged parameters, until `restore`."""
        if self._own is None:
            self._own = np.concatenate([value for value, _, _ in self._runs()])
            for value, average, _ in self._runs():
                value[...] = average

    @property
    def is_applied(self) -> bool:
        """Whether the model has the averaged parameters."""
        return self._own is not None

    def restore(self) -> None:
        """Give the model its own parameters again, if it has the averaged ones."""
        if self._own is not None:
            start = 0
            for value, _, _ in self._runs():
                value[...] = self._own[start : start + value.size]
                start += value.size
            self._own = None

    def adopt(self) -> None:
        """Make the parameters that the model has now its own: `restore` has nothing to go back to."""
        self._own = None

    def state_dict(self) -> dict[str, Any]:
        """A copy of the number of updates and of the averaged parameters by their names."""
        return {"updates": self.updates} | {name: value.copy() for name, value in self.values.items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from this state. Raises StateError, and changes nothing, where it doesn't fit."""
        self.check_state(state)
        self.updates = int(state["updates"])
        for name, value in self.values.items():
            value[...] = state[name]

    def check_state(self, state: Mapping[str, Any]) -> None:
        """Raise StateError unless this state fits."""
        arrays = {name: states.array(value) for name, value in self.values.items()}
        states.check(self, state, {"updates": states.whole} | arrays)

    def _runs(self) -> Iterator[tuple[Array, Array, bool]]:
        """(values, their average, whether they're trained) of each run of neighbours in memory."""
        start = 0
        for trained, run in itertools.groupby(self.model.parameters(), key=lambda parameter: parameter.trainable):
            for value, _ in flat_views(list(run)):
                yield value, self._average[start : start + value.size], trained
                start += value.size


class ExponentialMovingAverage(Average):
    """The running mean of a model's parameters: average = decay average + (1 - decay) parameters at each `update()`.

    The first update copies them. Buffers, such as the statistics of normalizations, aren't averaged, nor are frozen
    parameters, which stay what they are. Raises ValueError for a decay out of range and NotBuiltError for a model that
    isn't built. Source: Polyak and Juditsky, 1992, as PyTorch's AveragedModel has it.
    """

    def __init__(self, model: Module, *, decay: float = 0.999) -> None:
        super().__init__(model)
        self.decay = plain(decay)
        if not in_range(self.decay) or self.decay >= 1:
            raise ValueError(f"decay: expected a number of at least 0 and less than 1, got {decay!r}")

    def shares(self) -> tuple[float, float]:
        return self.decay, 1 - self.decay


class StochasticWeightAverage(Average):
    """The mean of a model's parameters in which each `update()` counts the same (SWA).

    It is usually taken after each of the last epochs, at a high learning rate. Buffers and frozen parameters are as in
    `ExponentialMovingAverage`; so after a mean of weights that lie far apart, running statistics of batch
    normalizations are to be taken anew, by passes of training data: `model.forward(x, train=True)`. Raises
    NotBuiltError for a model that isn't built. Source: Izmailov et al., 2018, as PyTorch's AveragedModel has it.
    """

    def shares(self) -> tuple[float, float]:
        return self.updates / (self.updates + 1), 1 / (self.updates + 1)
