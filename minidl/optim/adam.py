"""Adam, and AdamW, whose weight decay is apart from the gradient."""

import math
from collections.abc import Iterable

from minidl import backends
from minidl.backends.updates import AdamStep
from minidl.functional import check_switch
from minidl.module import Parameter
from minidl.optim.groups import Groups
from minidl.optim.optimizer import Optimizer, at_least_zero, check_betas
from minidl.typing import Array


class Adam(Optimizer):
    """Adam: steps of about lr, the mean of the gradients divided by the root of the mean of their squares.

    g += weight_decay w; m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2;
    w -= lr m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + eps) in step t, with (b1, b2) the `betas`. `amsgrad` uses the
    largest v so far instead. Source: Kingma and Ba, 2015, and Reddi et al., 2018, as PyTorch has them.
    """

    def __init__(
        self,
        parameters: Iterable[Parameter] | Iterable[tuple[str, Parameter]],
        *,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        groups: Groups | None = None,
        clip_value: float | None = None,
        clip_norm: float | None = None,
    ) -> None:
        self.betas, self.eps, self.weight_decay, self.amsgrad = betas, eps, weight_decay, amsgrad
        self.slots = ("first_moment", "second_moment", *["largest_second_moment"] * bool(amsgrad))
        super().__init__(parameters, lr=lr, groups=groups, clip_value=clip_value, clip_norm=clip_norm)

    def check(self) -> None:
        super().check()
        check_betas(self.betas)
        at_least_zero(self.eps, "eps")
        check_switch("amsgrad", self.amsgrad)
        if bool(self.amsgrad) != ("largest_second_moment" in self.slots):
            raise ValueError("amsgrad: expected the same in all groups")

    def update(self, value: Array, grad: Array, state: dict[str, Array]) -> None:
        settings = self._settings()._replace(weight_decay=self.weight_decay)
        backends.current().adam_step(value, grad, *_moments(state), settings)

    def _settings(self) -> AdamStep:
        beta1, beta2 = map(float, self.betas)
        step_size, second_scale = self.lr / (1 - beta1**self.steps), 1 / math.sqrt(1 - beta2**self.steps)
        return AdamStep(beta1, beta2, self.eps, step_size, second_scale)


class AdamW(Adam):
    """Adam with decoupled weight decay: w -= lr weight_decay w, and then Adam's step without any.

    `betas`, `eps` and `amsgrad` as of `Adam`. Source: Loshchilov and Hutter, 2019, as PyTorch has it.
    """

    def __init__(
        self,
        parameters: Iterable[Parameter] | Iterable[tuple[str, Parameter]],
        *,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
        amsgrad: bool = False,
        groups: Groups | None = None,
        clip_value: float | None = None,
        clip_norm: float | None = None,
    ) -> None:
        super().__init__(
            parameters,
            lr=lr,
            betas=betas,
            eps=eps,
            weight_decay=weight_decay,
            amsgrad=amsgrad,
            groups=groups,
            clip_value=clip_value,
            clip_norm=clip_norm,
        )

    def update(self, value: Array, grad: Array, state: dict[str, Array]) -> None:
        settings = self._settings()._replace(shrink=1 - self.lr * self.weight_decay)
        backends.current().adam_step(value, grad, *_moments(state), settings)


def _moments(state: dict[str, Array]) -> tuple[Array, Array, Array | None]:
    return state["first_moment"], state["second_moment"], state.get("largest_second_moment")
