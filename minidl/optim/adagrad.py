"""Adagrad."""

from collections.abc import Iterable

from minidl import backends
from minidl.backends.updates import AdagradStep
from minidl.module import Parameter
from minidl.optim.groups import Groups
from minidl.optim.optimizer import Optimizer, at_least_zero
from minidl.typing import Array


class Adagrad(Optimizer):
    """Adagrad: the gradient over the root of the sum of all its squares so far.

    g += weight_decay w; total += g^2, from initial_accumulator_value on;
    w -= lr / (1 + (t - 1) lr_decay) g / (sqrt(total) + eps) in step t.
    Source: Duchi et al., 2011, as PyTorch has it.
    """

    slots = ("total",)

    def __init__(
        self,
        parameters: Iterable[Parameter] | Iterable[tuple[str, Parameter]],
        *,
        lr: float = 0.01,
        lr_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        weight_decay: float = 0,
        groups: Groups | None = None,
        clip_value: float | None = None,
        clip_norm: float | None = None,
    ) -> None:
        self.lr_decay, self.eps, self.weight_decay = lr_decay, eps, weight_decay
        self.initial_accumulator_value = initial_accumulator_value
        super().__init__(parameters, lr=lr, groups=groups, clip_value=clip_value, clip_norm=clip_norm)
        self.state["total"].fill(self.initial_accumulator_value)

    def check(self) -> None:
        super().check()
        for name in ("lr_decay", "initial_accumulator_value", "eps"):
            at_least_zero(getattr(self, name), name)

    def update(self, value: Array, grad: Array, state: dict[str, Array]) -> None:
        step_size = self.lr / (1 + (self.steps - 1) * self.lr_decay)
        settings = AdagradStep(step_size, self.eps, self.weight_decay)
        backends.current().adagrad_step(value, grad, state["total"], settings)
