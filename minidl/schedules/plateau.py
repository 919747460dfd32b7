"""A learning rate that falls when training gets no further."""

import math
from collections.abc import Mapping
from typing import Any

from minidl.numeric import in_range
from minidl.saving import states
from minidl.schedules.schedule import Schedule, at_least, whole
from minidl.training.logged import check_mode, larger_is_better


class ReduceOnPlateau(Schedule):
    """The rate times `factor` when a value, given to `step`, hasn't improved for more than `patience` steps.

    `fit` passes it the value logged under `monitor`. `mode` is "min", "max" or "auto", which knows that losses should
    be small and asks a metric for its `better`. An improvement must exceed the fraction `threshold` of the best value,
    or with `threshold_mode` "abs" the amount `threshold`. After a reduction, `cooldown` steps don't count. The rate
    never falls below `min_lr`, and a reduction by no more than `eps` is skipped. NaN is never an improvement. Rules and
    defaults, except `mode`, are PyTorch's. Raises ValueError, in `fit` before any work, if "auto" can't decide.
    """

    def __init__(
        self,
        optimizer: Any,
        *,
        monitor: str = "val_loss",
        mode: str = "auto",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float = 0.0,
        eps: float = 1e-8,
    ) -> None:
        super().__init__(optimizer)
        check_mode(mode)
        if threshold_mode not in ("rel", "abs"):
            raise ValueError(f'threshold_mode: expected "rel" or "abs", got {threshold_mode!r}')
        if not in_range(factor) or factor >= 1:
            raise ValueError(f"factor: expected a number of at least 0 and below 1, got {factor!r}")
        self.monitor, self.mode, self.factor, self.threshold_mode = monitor, mode, factor, threshold_mode
        self.patience, self.cooldown = whole(patience, "patience", 0), whole(cooldown, "cooldown", 0)
        self.threshold, self.min_lr, self.eps = (
            at_least(threshold, "threshold"),
            at_least(min_lr, "min_lr"),
            at_least(eps, "eps"),
        )
        self.lr = self.base_lr
        self.best = math.nan
        self.bad_steps = self.cooldown_left = 0
        self._sign = 0

    def watch(self, better: Mapping[str, str | None]) -> None:
        self._sign = 1 if larger_is_better(type(self).__name__, str(self.monitor), self.mode, better) else -1

    def lr_at(self, step: int) -> float:
        """The rate of now: that of another step depends on the values until then."""
        del step
        return self.lr

    def step(self, value: float | None = None) -> None:
        if value is None:
            raise ValueError("ReduceOnPlateau: expected the value to watch, as in step(loss)")
        if not self._sign:
            self.watch({})
        self.steps += 1
        self.bad_steps += 1
        if self._is_better(float(value)):
            self.best, self.bad_steps = float(value), 0
        if self.cooldown_left:
            self.cooldown_left, self.bad_steps = self.cooldown_left - 1, 0
        self.lr = self.optimizer.lr
        if self.bad_steps > self.patience:
            lower = max(self.lr * self.factor, self.min_lr)
            if self.lr - lower > self.eps:
                self.lr = lower
            self.bad_steps, self.cooldown_left = 0, self.cooldown
        self.apply()

    def _is_better(self, value: float) -> bool:
        sign, best = self._sign, self.best
        if math.isnan(best):  # none yet
            best = -sign * math.inf
        if self.threshold_mode == "rel":
            return sign * value > sign * best * (1 + sign * self.threshold)
        return sign * value > sign * best + self.threshold

    def check_state(self, state: Mapping[str, Any]) -> None:
        counts = dict.fromkeys(("steps", "bad_steps", "cooldown_left"), states.whole)
        rates = dict.fromkeys(("lr", "base_lr"), states.number)
        states.check(self, state, counts | rates | {"best": states.real})

    def state_dict(self) -> dict[str, Any]:
        names = ("lr", "best", "bad_steps", "cooldown_left")
        return super().state_dict() | {name: getattr(self, name) for name in names}
