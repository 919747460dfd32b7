"""Stochastic gradient descent."""

from collections.abc import Iterable
from typing import Any

from minidl import backends
from minidl.backends.updates import SGDStep
from minidl.functional import check_switch
from minidl.module import Parameter
from minidl.numeric import in_range
from minidl.optim.groups import Groups
from minidl.optim.optimizer import Optimizer, at_least_zero
from minidl.typing import Array


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum (Nesterov's or the heavy ball's) and weight decay.

    g += weight_decay w; velocity = momentum velocity + (1 - dampening) g (g itself in the first step);
    w -= lr velocity, or lr (g + momentum velocity) with nesterov.
    Source: Sutskever et al., 2013, as PyTorch has it.
    """

    slots: tuple[str, ...] = ("velocity",)

    def __init__(
        self,
        parameters: Iterable[Parameter] | Iterable[tuple[str, Parameter]],
        *,
        lr: float,
        momentum: float = 0,
        dampening: float = 0,
        nesterov: bool = False,
        weight_decay: float = 0,
        groups: Groups | None = None,
        clip_value: float | None = None,
        clip_norm: float | None = None,
    ) -> None:
        self.momentum, self.dampening = momentum, dampening
        self.nesterov, self.weight_decay = nesterov, weight_decay
        if not momentum:
            self.slots = ()
        super().__init__(parameters, lr=lr, groups=groups, clip_value=clip_value, clip_norm=clip_norm)

    def check(self) -> None:
        super().check()
        at_least_zero(self.momentum, "momentum")
        check_velocity(self, self.momentum)
        if not in_range(self.dampening) or self.dampening > 1:
            raise ValueError(f"dampening: expected a number from 0 to 1, got {self.dampening!r}")
        check_switch("nesterov", self.nesterov)
        if self.nesterov and not self.momentum:
            raise ValueError("nesterov: needs a momentum above 0")
        if self.nesterov and self.dampening:
            raise ValueError("nesterov: needs dampening=0")

    def update(self, value: Array, grad: Array, state: dict[str, Array]) -> None:
        share = 1 - self.dampening if self.steps > 1 else 1
        settings = SGDStep(self.lr, self.momentum, self.nesterov, self.weight_decay, share)
        backends.current().sgd_step(value, grad, state.get("velocity"), settings)


def check_velocity(optimizer: Any, momentum: float) -> None:
    """Raise ValueError where an optimizer, or a group of it, has momentum and there's no velocity."""
    if momentum and "velocity" not in optimizer.slots:
        raise ValueError(
            "momentum: a group can't have it unless the optimizer has it from the start; give the other groups 0"
        )
