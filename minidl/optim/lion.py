"""Lion."""

from collections.abc import Iterable

from minidl import backends
from minidl.backends.updates import LionStep
from minidl.module import Parameter
from minidl.optim.groups import Groups
from minidl.optim.optimizer import Optimizer, check_betas
from minidl.typing import Array


class Lion(Optimizer):
    """Lion: steps of exactly lr, by the sign of a mixture of the gradient and its running mean.

    w -= lr (sign(b1 m + (1 - b1) g) + weight_decay w); m = b2 m + (1 - b2) g; (b1, b2) are the `betas`. It wants an lr
    of a third to a tenth of Adam's, and a weight decay larger by as much. Source: Chen et al., "Symbolic discovery of
    optimization algorithms", 2023.
    """

    slots = ("mean",)

    def __init__(
        self,
        parameters: Iterable[Parameter] | Iterable[tuple[str, Parameter]],
        *,
        lr: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0,
        groups: Groups | None = None,
        clip_value: float | None = None,
        clip_norm: float | None = None,
    ) -> None:
        self.betas, self.weight_decay = betas, weight_decay
        super().__init__(parameters, lr=lr, groups=groups, clip_value=clip_value, clip_norm=clip_norm)

    def check(self) -> None:
        super().check()
        check_betas(self.betas)

    def update(self, value: Array, grad: Array, state: dict[str, Array]) -> None:
        settings = LionStep(self.lr, float(self.betas[0]), float(self.betas[1]), 1 - self.lr * self.weight_decay)
        backends.current().lion_step(value, grad, state["mean"], settings)
