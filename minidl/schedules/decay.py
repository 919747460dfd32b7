"""Learning rates that are multiplied by a factor now and then."""

from collections.abc import Sequence
from typing import Any

from minidl.schedules.schedule import Schedule, at_least, whole


class Step(Schedule):
    """The rate times gamma after every `step_size` steps: base_lr gamma^floor(step / step_size)."""

    def __init__(self, optimizer: Any, *, step_size: int, gamma: float = 0.1, per: str = "epoch") -> None:
        super().__init__(optimizer, per=per)
        self.step_size, self.gamma = whole(step_size, "step_size"), at_least(gamma, "gamma")

    def lr_at(self, step: int) -> float:
        return float(self.base_lr * float(self.gamma) ** (step // self.step_size))


class MultiStep(Schedule):
    """The rate times gamma at each of the `milestones`, which are numbers of steps."""

    def __init__(self, optimizer: Any, *, milestones: Sequence[int], gamma: float = 0.1, per: str = "epoch") -> None:
        super().__init__(optimizer, per=per)
        self.milestones = sorted(whole(milestone, "milestones") for milestone in milestones)
        self.gamma = at_least(gamma, "gamma")

    def lr_at(self, step: int) -> float:
        return float(self.base_lr * float(self.gamma) ** sum(milestone <= step for milestone in self.milestones))


class Exponential(Schedule):
    """The rate times gamma after every step: base_lr gamma^step."""

    def __init__(self, optimizer: Any, *, gamma: float, per: str = "epoch") -> None:
        super().__init__(optimizer, per=per)
        self.gamma = at_least(gamma, "gamma")

    def lr_at(self, step: int) -> float:
        return float(self.base_lr * float(self.gamma) ** step)
