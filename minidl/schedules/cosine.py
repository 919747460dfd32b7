"""Learning rates that fall along half a cosine."""

import math
from collections.abc import Mapping
from typing import Any

from minidl.errors import StateError
from minidl.numeric import in_range, plain
from minidl.schedules.momentum import check_momenta, set_momentum
from minidl.schedules.schedule import Schedule, at_least, whole


class CosineAnnealing(Schedule):
    """From base_lr to `min_lr` in `period` steps, along half a cosine; after that it rises again.

    Source: Loshchilov and Hutter, "SGDR", 2017, as PyTorch has it without restarts.
    """

    def __init__(self, optimizer: Any, *, period: int, min_lr: float = 0.0, per: str = "epoch") -> None:
        super().__init__(optimizer, per=per)
        self.period, self.min_lr = whole(period, "period"), at_least(min_lr, "min_lr")

    def lr_at(self, step: int) -> float:
        return between(self.base_lr, self.min_lr, step / self.period)


class CosineAnnealingWarmRestarts(Schedule):
    """Cosine annealing that starts again from base_lr after `period` steps, and then after `multiplier` times as many.

    The lowest rate is `min_lr`. Source: Loshchilov and Hutter, "SGDR", 2017, as PyTorch has it.
    """

    def __init__(
        self, optimizer: Any, *, period: int, multiplier: int = 1, min_lr: float = 0.0, per: str = "epoch"
    ) -> None:
        super().__init__(optimizer, per=per)
        self.period, self.multiplier = whole(period, "period"), whole(multiplier, "multiplier")
        self.min_lr = at_least(min_lr, "min_lr")

    def lr_at(self, step: int) -> float:
        period = self.period
        if self.multiplier == 1:
            step %= period
        while step >= period:
            step, period = step - period, period * self.multiplier
        return between(self.base_lr, self.min_lr, step / period)


class OneCycle(Schedule):
    """Up to `max_lr`, then down to far below the start, in `total_steps` batches; the momentum goes the other way.

    It starts at max_lr / div_factor, whatever the optimizer's rate was, reaches max_lr after the fraction `pct_start`
    of the steps, and ends at the first rate / final_div_factor. `anneal_strategy` is "cos" or "linear". With
    `three_phase` it comes down as it went up, then falls to its final rate. `cycle_momentum` moves `momentum`, or the
    first of `betas`, from `max_momentum` to `base_momentum` and back. Further steps raise ValueError. Source: Smith and
    Topin, "Super-convergence", 2018, as PyTorch has it.
    """

    _settled = frozenset(
        {
            "anneal_strategy",
            "base_momentum",
            "cycle_momentum",
            "div_factor",
            "final_div_factor",
            "max_lr",
            "max_momentum",
            "pct_start",
            "three_phase",
            "total_steps",
        }
    )

    def __init__(
        self,
        optimizer: Any,
        *,
        max_lr: float,
        total_steps: int,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float = 0.85,
        max_momentum: float = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        per: str = "batch",
    ) -> None:
        super().__init__(optimizer, per=per)
        self.max_lr = at_least(max_lr, "max_lr", above=True)
        self.total_steps = whole(total_steps, "total_steps", 2)
        pct_start, base_momentum, max_momentum = map(plain, (pct_start, base_momentum, max_momentum))
        div_factor = at_least(div_factor, "div_factor", above=True)
        final_div_factor = at_least(final_div_factor, "final_div_factor", above=True)
        if not in_range(pct_start, above=True) or pct_start >= (0.5 if three_phase else 1):
            raise ValueError(
                f"pct_start: expected a share above 0 and below {0.5 if three_phase else 1}, got {pct_start!r}"
            )
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f'anneal_strategy: expected "cos" or "linear", got {anneal_strategy!r}')
        check_momenta(optimizer, cycle_momentum=cycle_momentum, base_momentum=base_momentum, max_momentum=max_momentum)
        self.anneal_strategy, self.cycle_momentum = anneal_strategy, cycle_momentum
        self.pct_start, self.base_momentum, self.max_momentum = pct_start, base_momentum, max_momentum
        self.div_factor, self.final_div_factor, self.three_phase = div_factor, final_div_factor, three_phase
        first = self.max_lr / div_factor
        last = first / final_div_factor
        up, end = pct_start * total_steps - 1, float(total_steps - 1)
        # (the step where a phase ends, the rate there, the momentum there), after the start.
        self._start = first, max_momentum
        self._phases = [(up, self.max_lr, base_momentum), (end, last, max_momentum)]
        if three_phase:
            down = 2 * pct_start * total_steps - 2
            self._phases[1:] = [(down, first, max_momentum), (end, last, max_momentum)]
        self.apply()

    def lr_at(self, step: int) -> float:
        return self._values_at(step)[0]

    def step(self, value: float | None = None) -> None:
        if self.steps >= self.total_steps:
            raise ValueError(f"OneCycle: its {self.total_steps} steps are over")
        super().step(value)

    def check_state(self, state: Mapping[str, Any]) -> None:
        super().check_state(state)
        if state["steps"] > self.total_steps:
            raise StateError(
                f"the state doesn't fit this OneCycle of {self.total_steps} steps: {state['steps']} are over"
            )

    def apply(self) -> None:
        self.optimizer.lr, momentum = self._values_at(self.steps)
        if self.cycle_momentum:
            set_momentum(self.optimizer, momentum)

    def _values_at(self, step: int) -> tuple[float, float]:
        begin, (lr, momentum) = 0.0, self._start
        for end, next_lr, next_momentum in self._phases:
            if step <= end or end == self._phases[-1][0]:
                share = (step - begin) / (end - begin)
                mix = between if self.anneal_strategy == "cos" else _straight
                # After its last step a straight line goes on below zero, where an optimizer would climb.
                return max(mix(lr, next_lr, share), 0.0), mix(momentum, next_momentum, share)
            begin, lr, momentum = end, next_lr, next_momentum
        raise AssertionError("the last phase takes every step")


def between(start: float, end: float, share: float) -> float:
    """From start to end along half a cosine."""
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2


def _straight(start: float, end: float, share: float) -> float:
    return start + (end - start) * share
