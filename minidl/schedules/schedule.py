"""What every schedule is: a count of steps, and the learning rate that goes with it."""

import math
from collections.abc import Mapping
from typing import Any

from minidl.display import code
from minidl.errors import KeywordHints, StateError
from minidl.numeric import in_range, is_real, plain
from minidl.saving import states
from minidl.shapes import LARGEST_COUNT, is_int

UNITS = ("epoch", "batch")


class Schedule(KeywordHints):
    """Sets an optimizer's learning rate: call `step()` after each epoch or batch, as `per` says; `fit` does so itself.

    `base_lr` is the optimizer's rate when the schedule is made; the schedule scales it. A subclass defines
    `lr_at(step)` for any step from 0 on. `state_dict` holds all that resuming needs.
    """

    monitor: str | None = None
    """The logged value that `fit` gives to `step`, or None if it's without."""

    def __init__(self, optimizer: Any, *, per: str = "epoch") -> None:
        lr: Any = getattr(optimizer, "lr", None)
        if not is_real(lr):
            raise TypeError(f"optimizer: expected one, with its lr, got {optimizer!r}")
        if per not in UNITS:
            raise ValueError(f'per: expected "epoch" or "batch", got {per!r}')
        self.optimizer, self.per, self.base_lr, self.steps = optimizer, per, float(lr), 0

    def __setattr__(self, name: str, value: Any) -> None:
        """Take numbers of any real type for Python's."""
        super().__setattr__(name, plain(value))

    def __repr__(self) -> str:
        """The call that makes an equal one, at its first step, for an `optimizer`."""
        return code.call(self, self.shown_arguments())

    def shown_arguments(self) -> dict[str, Any]:
        """The constructor's arguments, those that are known, as `repr` shows them."""
        return code.attributes(self) | {"optimizer": code.Code("optimizer")}

    def lr_at(self, step: int) -> float:
        """The learning rate after this number of steps."""
        raise NotImplementedError(f"{type(self).__name__} doesn't define lr_at(step)")

    def step(self, value: float | None = None) -> None:
        """Go on to the next learning rate; most schedules need no value."""
        del value
        self.steps += 1
        self.apply()

    def apply(self) -> None:
        """Set what belongs to the step of now."""
        self.optimizer.lr = self.lr_at(self.steps)

    def watch(self, better: Mapping[str, str | None]) -> None:
        """Learn which way each logged value is better, before training: "larger", "smaller" or None if not known."""

    def state_dict(self) -> dict[str, Any]:
        """A copy of all that going on needs, as numbers."""
        return {"steps": self.steps, "base_lr": self.base_lr}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from this state, and set its rate. Raises StateError, and changes nothing, where it doesn't fit."""
        self.check_state(state)
        before = self.state_dict()
        self.restore(state)
        try:
            self.apply()
            if not self.optimizer.lr < math.inf:
                raise OverflowError
        except Exception as error:  # also one of a function of the user's
            self.restore(before)
            self.apply()
            if not isinstance(error, OverflowError):
                raise
            raise StateError(
                f"the state doesn't fit this {type(self).__name__}: no float is as large as its rate"
            ) from None

    def check_state(self, state: Mapping[str, Any]) -> None:
        """Raise StateError unless the state has this schedule's entries, and numbers that they can be."""
        kinds = {int: states.whole, float: states.number}
        states.check(self, state, {name: kinds[type(now)] for name, now in self.state_dict().items()})

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take the numbers of a state that fits."""
        for name, now in self.state_dict().items():
            setattr(self, name, type(now)(state[name]))


def at_least(value: float, name: str, least: float = 0.0, *, above: bool = False) -> float:
    """The number. Raises ValueError unless it's finite and at least, or above, the least."""
    if not in_range(value, least, above=above):
        raise ValueError(f"{name}: expected a number {'above' if above else 'of at least'} {least:g}, got {value!r}")
    number: float = plain(value)
    return number


def whole(value: int, name: str, least: int = 1) -> int:
    """The number. Raises ValueError unless it's an int of at least so much."""
    if not is_int(value) or not least <= value <= LARGEST_COUNT:
        raise ValueError(f"{name}: expected an int of at least {least}, got {value!r}")
    return int(value)
