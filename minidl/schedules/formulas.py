"""Learning rates by a formula of the step: a power of what is left, or a function of one's own."""

from collections.abc import Callable
from typing import Any

from minidl.numeric import in_range
from minidl.schedules.schedule import Schedule, at_least, whole


class Polynomial(Schedule):
    """From base_lr to `min_lr` in `period` steps, where it stays: the range times (1 - step / period)^power.

    Source: PyTorch's PolynomialLR, whose last rate is 0.
    """

    def __init__(
        self, optimizer: Any, *, period: int, power: float = 1.0, min_lr: float = 0.0, per: str = "epoch"
    ) -> None:
        super().__init__(optimizer, per=per)
        self.period, self.power = whole(period, "period"), at_least(power, "power")
        self.min_lr = at_least(min_lr, "min_lr")

    def lr_at(self, step: int) -> float:
        left: float = (1 - min(step, self.period) / self.period) ** self.power
        return self.min_lr + (self.base_lr - self.min_lr) * left


class Lambda(Schedule):
    """The rate times `function(step)`, a number of at least 0: base_lr function(step).

    Raises ValueError if it returns anything else. It is called with 0 when the schedule is made, and then before each
    step. `state_dict` has the number of steps, not the function. Source: PyTorch's LambdaLR.
    """

    def __init__(self, optimizer: Any, function: Callable[[int], float], *, per: str = "epoch") -> None:
        super().__init__(optimizer, per=per)
        if not callable(function):
            raise TypeError(f"function: expected a function from a count of steps to a factor, got {function!r}")
        self.function = function
        self.apply()

    def lr_at(self, step: int) -> float:
        factor: Any = self.function(step)
        if not in_range(factor):
            raise ValueError(f"function: expected a number of at least 0 at step {step}, got {factor!r}")
        return float(self.base_lr * factor)
