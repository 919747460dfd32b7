"""Optimizers: how parameters follow their gradients. One update over the model's flat buffer, by PyTorch's rules."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from minidl import backends
from minidl.errors import KeywordHints, StateError
from minidl.module import Parameter, flat_views
from minidl.typing import Array


class Optimizer(KeywordHints):
    """Changes the parameters that it was given: `zero_grad()`, a backward pass, `step()`.

    A subclass names its state, vectors as long as all parameters together, in `slots`, and defines `update`.
    """

    slots: tuple[str, ...] = ()

    def __init__(self, parameters: Iterable[Parameter], *, lr: float) -> None:
        self.parameters = list(parameters)
        if not self.parameters:
            raise ValueError("parameters: expected at least one, got none")
        for parameter in self.parameters:
            if not isinstance(parameter, Parameter):
                raise TypeError(f"parameters: expected Parameters, as from model.parameters(), got {parameter!r}")
        dtypes = {parameter.value.dtype for parameter in self.parameters}
        if len(dtypes) > 1:
            raise ValueError(f"parameters: expected one dtype, got {' and '.join(sorted(map(str, dtypes)))}")
        self.lr = _at_least_zero(lr, "lr")
        self.steps = 0
        size = sum(parameter.value.size for parameter in self.parameters)
        self.state: dict[str, Array] = {slot: np.zeros(size, dtypes.copy().pop()) for slot in self.slots}
        self._views: list[tuple[Array, Array]] = []
        self._viewed: list[Array] = []

    def zero_grad(self) -> None:
        """Set every gradient to zero."""
        for _, grad in self._flat():
            grad.fill(0)

    def step(self) -> None:
        """Change every parameter by its gradient."""
        self.steps += 1
        start = 0
        for value, grad in self._flat():
            self.update(value, grad, {slot: vector[start : start + value.size] for slot, vector in self.state.items()})
            start += value.size

    def update(self, value: Array, grad: Array, state: dict[str, Array]) -> None:
        """Change the vector `value` and the vectors of `state` in place; `grad` stays."""
        raise NotImplementedError(f"{type(self).__name__} doesn't define update(value, grad, state)")

    def _flat(self) -> list[tuple[Array, Array]]:
        """The flat views, found anew when a parameter has moved, as it does when its model becomes part of another."""
        values = [parameter.value for parameter in self.parameters]
        if len(values) != len(self._viewed) or any(a is not b for a, b in zip(values, self._viewed, strict=True)):
            self._views, self._viewed = flat_views(self.parameters), values
        return self._views

    def state_dict(self) -> dict[str, Any]:
        """A copy of all that training on needs: the number of steps, lr and the state's vectors."""
        return {"steps": self.steps, "lr": self.lr} | {slot: vector.copy() for slot, vector in self.state.items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from this state. Raises StateError, and changes nothing, where it doesn't fit."""
        expected = ["steps", "lr", *self.slots]
        wrong = [f"missing {name}" for name in expected if name not in state]
        wrong += [f"unexpected {name}" for name in state if name not in expected]
        for slot, vector in self.state.items():
            if slot in state and np.shape(state[slot]) != vector.shape:
                wrong.append(f"{slot}: expected {vector.size} values, got shape {np.shape(state[slot])}")
        if wrong:
            raise StateError(f"the state doesn't fit this {type(self).__name__}: {'; '.join(wrong)}")
        self.steps, self.lr = int(state["steps"]), _at_least_zero(float(state["lr"]), "lr")
        for slot, vector in self.state.items():
            vector[...] = state[slot]


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum (Nesterov's or the heavy ball's) and weight decay.

    g += weight_decay w; velocity = momentum velocity + g (g itself in the first step);
    w -= lr velocity, or lr (g + momentum velocity) with nesterov.
    Source: Sutskever et al., 2013, as PyTorch has it.
    """

    slots: tuple[str, ...] = ("velocity",)

    def __init__(
        self,
        parameters: Iterable[Parameter],
        *,
        lr: float,
        momentum: float = 0,
        nesterov: bool = False,
        weight_decay: float = 0,
    ) -> None:
        self.momentum = _at_least_zero(momentum, "momentum")
        self.weight_decay = _at_least_zero(weight_decay, "weight_decay")
        self.nesterov = nesterov
        if nesterov and not momentum:
            raise ValueError("nesterov: expected with a momentum above 0")
        if not momentum:
            self.slots = ()
        super().__init__(parameters, lr=lr)

    def update(self, value: Array, grad: Array, state: dict[str, Array]) -> None:
        backends.current().sgd_step(
            value,
            grad,
            state.get("velocity"),
            lr=self.lr,
            momentum=self.momentum,
            nesterov=self.nesterov,
            weight_decay=self.weight_decay,
        )


class Adam(Optimizer):
    """Adam: steps of about lr, by the mean of the gradients over the root of the mean of their squares.

    g += weight_decay w; m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2;
    w -= lr m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + eps) in step t.
    Source: Kingma and Ba, 2015, as PyTorch has it.
    """

    slots = ("first_moment", "second_moment")

    def __init__(
        self,
        parameters: Iterable[Parameter],
        *,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
    ) -> None:
        if len(betas) != 2 or not all(0 <= beta < 1 for beta in betas):
            raise ValueError(f"betas: expected two numbers of at least 0 and less than 1, got {betas!r}")
        self.betas = (float(betas[0]), float(betas[1]))
        self.eps = _at_least_zero(eps, "eps")
        self.weight_decay = _at_least_zero(weight_decay, "weight_decay")
        super().__init__(parameters, lr=lr)

    def update(self, value: Array, grad: Array, state: dict[str, Array]) -> None:
        backends.current().adam_step(
            value,
            grad,
            state["first_moment"],
            state["second_moment"],
            betas=self.betas,
            eps=self.eps,
            weight_decay=self.weight_decay,
            step_size=self.lr / (1 - self.betas[0] ** self.steps),
            second_scale=1 / math.sqrt(1 - self.betas[1] ** self.steps),
        )


def _at_least_zero(value: float, name: str) -> float:
    if not 0 <= value < math.inf:
        raise ValueError(f"{name}: expected a number of at least 0, got {value!r}")
    return value
