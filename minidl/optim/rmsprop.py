"""RMSProp."""

from collections.abc import Iterable

from minidl import backends
from minidl.backends.updates import RMSPropStep
from minidl.functional import check_switch
from minidl.module import Parameter
from minidl.numeric import in_range
from minidl.optim.groups import Groups
from minidl.optim.optimizer import Optimizer, at_least_zero
from minidl.optim.sgd import check_velocity
from minidl.typing import Array


class RMSProp(Optimizer):
    """RMSProp: the gradient over the root of the running mean of its squares, or over its deviation if centered.

    g += weight_decay w; v = alpha v + (1 - alpha) g^2; v' = v, or v - m^2 with m = alpha m + (1 - alpha) g if centered;
    w -= lr g / (sqrt(v') + eps), or lr velocity, with velocity = momentum velocity + g / (sqrt(v') + eps).
    v' is at least 0, which rounding might not leave it. Source: Hinton's lectures, 2012, as PyTorch has it.
    """

    def __init__(
        self,
        parameters: Iterable[Parameter] | Iterable[tuple[str, Parameter]],
        *,
        lr: float = 0.01,
        alpha: float = 0.99,
        eps: float = 1e-8,
        momentum: float = 0,
        centered: bool = False,
        weight_decay: float = 0,
        groups: Groups | None = None,
        clip_value: float | None = None,
        clip_norm: float | None = None,
    ) -> None:
        self.alpha, self.eps, self.momentum = alpha, eps, momentum
        self.centered, self.weight_decay = centered, weight_decay
        self.slots = ("square", *["mean"] * bool(centered), *["velocity"] * bool(momentum))
        super().__init__(parameters, lr=lr, groups=groups, clip_value=clip_value, clip_norm=clip_norm)

    def check(self) -> None:
        super().check()
        at_least_zero(self.eps, "eps")
        at_least_zero(self.momentum, "momentum")
        check_velocity(self, self.momentum)
        if not in_range(self.alpha) or self.alpha >= 1:
            raise ValueError(f"alpha: expected a number of at least 0 and less than 1, got {self.alpha!r}")
        check_switch("centered", self.centered)
        if bool(self.centered) != ("mean" in self.slots):
            raise ValueError("centered: expected the same in all groups")

    def update(self, value: Array, grad: Array, state: dict[str, Array]) -> None:
        settings = RMSPropStep(self.lr, self.alpha, self.eps, self.momentum, self.weight_decay)
        vectors = state["square"], state.get("mean"), state.get("velocity")
        backends.current().rmsprop_step(value, grad, *vectors, settings)
