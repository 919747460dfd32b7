"""Learning rates that rise and fall again and again, in straight lines."""

from typing import Any

from minidl.numeric import plain
from minidl.schedules.momentum import check_momenta, set_momentum
from minidl.schedules.schedule import Schedule, at_least, whole

MODES = ("triangular", "triangular2", "exp_range")


class Cyclic(Schedule):
    """From `base_lr` straight up to `max_lr` in `step_size_up` steps, down again in `step_size_down`, and so on.

    `base_lr` is the optimizer's own rate and `step_size_down` is `step_size_up` unless given. By `mode` the height of
    the peaks stays ("triangular"), is halved after each cycle ("triangular2") or is multiplied by gamma^step
    ("exp_range"). `cycle_momentum` moves `momentum`, or the first of `betas`, from `max_momentum` to `base_momentum`
    and back, the other way. Source: Smith, "Cyclical learning rates", 2017, as PyTorch has it.
    """

    _settled = frozenset({"mode", "cycle_momentum", "max_lr"})

    def __init__(
        self,
        optimizer: Any,
        *,
        max_lr: float,
        base_lr: float | None = None,
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: str = "triangular",
        gamma: float = 1.0,
        cycle_momentum: bool = True,
        base_momentum: float = 0.8,
        max_momentum: float = 0.9,
        per: str = "batch",
    ) -> None:
        super().__init__(optimizer, per=per)
        if base_lr is not None:
            self.base_lr = at_least(base_lr, "base_lr")
        self.max_lr = at_least(max_lr, "max_lr", above=True)
        if self.max_lr < self.base_lr:
            raise ValueError(f"max_lr: expected at least the lowest rate, {self.base_lr:g}, got {max_lr!r}")
        self.step_size_up = whole(step_size_up, "step_size_up")
        self.step_size_down = None if step_size_down is None else whole(step_size_down, "step_size_down")
        if mode not in MODES:
            raise ValueError(f"mode: expected {', '.join(map(repr, MODES))}, got {mode!r}")
        self.mode, self.gamma = mode, at_least(gamma, "gamma")
        base_momentum, max_momentum = plain(base_momentum), plain(max_momentum)
        check_momenta(optimizer, cycle_momentum=cycle_momentum, base_momentum=base_momentum, max_momentum=max_momentum)
        self.cycle_momentum, self.base_momentum, self.max_momentum = cycle_momentum, base_momentum, max_momentum
        self.apply()

    def lr_at(self, step: int) -> float:
        return self.base_lr + (self.max_lr - self.base_lr) * self._height_at(step)

    def apply(self) -> None:
        super().apply()
        if self.cycle_momentum:
            fall = (self.max_momentum - self.base_momentum) * self._height_at(self.steps)
            set_momentum(self.optimizer, self.max_momentum - fall)

    def _height_at(self, step: int) -> float:
        """The share of the way up after this number of steps."""
        up = self.step_size_up
        down = up if self.step_size_down is None else self.step_size_down
        cycle, place = divmod(step, up + down)
        height = place / up if place <= up else 1 - (place - up) / down
        if self.mode == "triangular2":
            return float(height * 0.5 ** min(cycle, 2000))  # which is 0 by then, and no int is too large for a float
        return float(height * self.gamma**step) if self.mode == "exp_range" else height
