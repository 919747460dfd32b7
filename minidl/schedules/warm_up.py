"""A learning rate that rises from a small one before a schedule of any kind."""

from collections.abc import Mapping
from typing import Any

from minidl.display import code
from minidl.numeric import in_range
from minidl.saving import states
from minidl.schedules.schedule import Schedule, whole


class WarmUp(Schedule):
    """In `steps` steps linearly from `start_factor` times the rate up to it, then as `after` says.

    `after` is another schedule, which begins after the warm-up and whose `per` applies to both, or an optimizer, whose
    rate then stays constant. Source: Goyal et al., 2017, as PyTorch's LinearLR and SequentialLR have it.
    """

    def __init__(self, after: Any, *, steps: int, start_factor: float = 1 / 3, per: str | None = None) -> None:
        self.after = after if isinstance(after, Schedule) else Constant(after, per=per or "epoch")
        if per not in (None, self.after.per):
            raise ValueError(f"per: expected {self.after.per!r}, as the schedule after it has, got {per!r}")
        super().__init__(self.after.optimizer, per=self.after.per)
        if not in_range(start_factor) or start_factor > 1:
            raise ValueError(f"start_factor: expected a number from 0 to 1, got {start_factor!r}")
        self.warm_up_steps, self.start_factor, self.monitor = whole(steps, "steps"), start_factor, self.after.monitor
        self.apply()

    def shown_arguments(self) -> dict[str, Any]:
        rate = {"after": code.Code("optimizer"), "per": None if self.per == "epoch" else self.per}
        after = rate if type(self.after) is Constant else {"after": self.after, "per": None}
        return after | {"steps": self.warm_up_steps, "start_factor": self.start_factor}

    def lr_at(self, step: int) -> float:
        if step >= self.warm_up_steps:
            return self.after.lr_at(step - self.warm_up_steps)
        return self.base_lr * (self.start_factor + (1 - self.start_factor) * step / self.warm_up_steps)

    def step(self, value: float | None = None) -> None:
        self.steps += 1
        if self.steps > self.warm_up_steps:
            self.after.step(value)
        else:
            self.apply()

    def watch(self, better: Mapping[str, str | None]) -> None:
        self.after.watch(better)

    def apply(self) -> None:
        if self.steps >= self.warm_up_steps:
            self.after.apply()
        else:
            self.optimizer.lr = self.lr_at(self.steps)

    def state_dict(self) -> dict[str, Any]:
        return super().state_dict() | {f"after.{name}": value for name, value in self.after.state_dict().items()}

    def check_state(self, state: Mapping[str, Any]) -> None:
        own = {"steps": states.whole, "base_lr": states.number}
        after = {name: states.anything for name in self.state_dict() if name not in own}
        states.check(self, state, own | after)
        self.after.check_state(_of_after(state))

    def restore(self, state: Mapping[str, Any]) -> None:
        self.steps, self.base_lr = int(state["steps"]), float(state["base_lr"])
        self.after.restore(_of_after(state))


def _of_after(state: Mapping[str, Any]) -> dict[str, Any]:
    return {name.removeprefix("after."): value for name, value in state.items() if name.startswith("after.")}


class Constant(Schedule):
    """The rate that the optimizer has."""

    def lr_at(self, step: int) -> float:
        del step
        return self.base_lr
