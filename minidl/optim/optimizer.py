"""What every optimizer is: one update over the model's flat buffer, its state, and who follows which options."""

import inspect
import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from minidl.display import code
from minidl.errors import KeywordHints
from minidl.module import Parameter, flat_views
from minidl.numeric import in_range, plain
from minidl.optim import clipping
from minidl.optim.groups import Groups, chosen_options, named
from minidl.saving import states
from minidl.typing import Array

NOT_OF_A_GROUP = ("self", "parameters", "lr", "groups", "clip_value", "clip_norm", "initial_accumulator_value")
"""Arguments of constructors that hold for all parameters."""


class Optimizer(KeywordHints):
    """Updates the parameters it was given, except frozen ones: `zero_grad()`, a backward pass, then `step()`.

    Parameters come as `model.parameters()` or, where groups choose them by name, as `model.named_parameters()`.
    `groups` sets options for some of them, chosen by a glob pattern over names or a function (name, parameter):
    `groups={"*.bias": {"weight_decay": 0}, "0.*": {"lr_scale": 0.1}}`, or, with a function,
    `groups={ml.biases_and_norms: {"weight_decay": 0}}`. `lr_scale` multiplies the optimizer's `lr` for a group. If
    several patterns choose a parameter, the later one wins, option by option.

    `clip_value` and `clip_norm` clip the gradients in each step, as `clip_gradients` does, but don't change `grad`.

    A subclass lists its state in `slots`, vectors as long as all parameters together, keeps its options in attributes
    of the same names, and defines `update` and, to validate options, `check`.
    """

    slots: tuple[str, ...] = ()
    lr_scale: float = 1
    _settled = frozenset({"amsgrad", "centered", "groups", "initial_accumulator_value", "parameters"})

    def __init__(
        self,
        parameters: Iterable[Parameter] | Iterable[tuple[str, Parameter]],
        *,
        lr: float,
        groups: Groups | None = None,
        clip_value: float | None = None,
        clip_norm: float | None = None,
    ) -> None:
        names, self.parameters = named(parameters)
        dtypes = {parameter.value.dtype for parameter in self.parameters}
        if len(dtypes) > 1:
            raise ValueError(f"parameters: expected one dtype, got {' and '.join(sorted(map(str, dtypes)))}")
        self.lr, self.groups, self.clip_value, self.clip_norm = lr, groups, clip_value, clip_norm
        self.check()
        self._options: list[dict[str, Any]] = [{} for _ in self.parameters]
        if groups is not None:
            self._options = chosen_options(groups, names, self.parameters, self._options_of_groups())
            try:
                for options in self._options:
                    self._with(options).check()
            except ValueError as error:
                raise ValueError(f"groups: {error}") from None
        self.steps = 0
        size = sum(parameter.value.size for parameter in self.parameters)
        self.state: dict[str, Array] = {slot: np.zeros(size, dtypes.copy().pop()) for slot in self.slots}
        self._runs: list[tuple[Array, Array, int, dict[str, Any]]] = []
        self._viewed: list[Array | None] = []

    if not TYPE_CHECKING:

        def __setattr__(self, name: str, value: Any) -> None:
            """Take numbers of any real type for Python's, and refuse, as the constructor does, what is out of range.

            A rate in float32 would round all that is computed from it.
            """
            value = plain(value)
            if "_is_made" not in vars(self) or name == "steps" or name.startswith("_"):
                super().__setattr__(name, value)
            elif name == "lr":  # which schedules set often
                super().__setattr__(name, at_least_zero(value, "lr"))
            else:
                before = dict(vars(self))
                super().__setattr__(name, value)
                try:
                    self.check()
                except ValueError:
                    vars(self).clear()
                    vars(self).update(before)
                    raise

    def check(self) -> None:
        """Raise ValueError where an option, of the optimizer or of one of its groups, is out of range."""
        at_least_zero(self.lr, "lr")
        at_least_zero(self.lr_scale, "lr_scale")
        clipping.check_limit(self.clip_value, "clip_value")
        clipping.check_limit(self.clip_norm, "clip_norm")
        if hasattr(self, "weight_decay"):
            at_least_zero(self.weight_decay, "weight_decay")

    def __repr__(self) -> str:
        """The call that makes an equal one, for the parameters of a `model` and with the rate of now."""
        whose = code.Code(f"model.{'parameters' if self.groups is None else 'named_parameters'}()")
        return code.call(self, code.attributes(self) | {"parameters": whose})

    def zero_grad(self) -> None:
        """Set every gradient to zero."""
        for _, grad, _, _ in self._flat():
            grad.fill(0)

    def gradients(self) -> list[Array]:
        """The gradients that a step reads: vectors over neighbors in memory, which may be written to."""
        return [grad for _, grad, _, _ in self._flat()]

    def step(self) -> None:
        """Change every parameter by its gradient."""
        self.steps += 1
        for value, grad, state, options in self._clipped():
            (self._with(options) if options else self).update(value, grad, state)

    def update(self, value: Array, grad: Array, state: dict[str, Array]) -> None:
        """Change the vector `value` and the vectors of `state` in place; `grad` and the optimizer stay.

        For a group with options of its own, `self` is a copy that has them.
        """
        raise NotImplementedError(f"{type(self).__name__} doesn't define update(value, grad, state)")

    def _clipped(self) -> Iterator[tuple[Array, Array, dict[str, Array], dict[str, Any]]]:
        """(value, gradient, state, options) of each run of parameters."""
        scale = 1.0
        if self.clip_norm is not None:
            gradients: Iterable[Array] = (parameter.flat[1] for parameter in self.parameters if parameter.trainable)
            if self.clip_value is not None:
                gradients = (clipping.clipped(gradient, self.clip_value) for gradient in gradients)
            scale = clipping.factor(clipping.length_of(gradients), self.clip_norm)
        for value, grad, start, options in self._flat():
            clipped_grad = grad if self.clip_value is None else clipping.clipped(grad, self.clip_value)
            if scale != 1:
                with np.errstate(invalid="ignore"):
                    clipped_grad = clipped_grad * clipped_grad.dtype.type(scale)
            state = {slot: vector[start : start + value.size] for slot, vector in self.state.items()}
            yield value, clipped_grad, state, options

    def _options_of_groups(self) -> list[str]:
        own = [name for name in inspect.signature(type(self).__init__).parameters if name not in NOT_OF_A_GROUP]
        return ["lr_scale", *own]

    def _with(self, options: dict[str, Any]) -> "Optimizer":
        """The optimizer as a group has it."""
        import copy

        variant = copy.copy(self)
        vars(variant).update(options)
        vars(variant)["lr"] = self.lr * variant.lr_scale
        return variant

    def _flat(self) -> list[tuple[Array, Array, int, dict[str, Any]]]:
        """(value, gradient, start in the state, options) of each run of neighbours in memory and in a group.

        Frozen parameters are left out. Updated when one is frozen or has moved, as it does when its model becomes part
        of another.
        """
        values = [parameter.value if parameter.trainable else None for parameter in self.parameters]
        if len(values) != len(self._viewed) or any(a is not b for a, b in zip(values, self._viewed, strict=True)):
            self._runs, self._viewed, start = [], values, 0
            pairs = zip(self._options, self.parameters, strict=True)
            for (options, trained), run in itertools.groupby(pairs, key=lambda pair: (pair[0], pair[1].trainable)):
                for value, grad in flat_views([parameter for _, parameter in run]):
                    if trained:
                        self._runs.append((value, grad, start, options))
                    start += value.size
        return self._runs

    def state_dict(self) -> dict[str, Any]:
        """A copy of all that training on needs: the number of steps, lr and the state's vectors."""
        return {"steps": self.steps, "lr": self.lr} | {slot: vector.copy() for slot, vector in self.state.items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from this state. Raises StateError, and changes nothing, where it doesn't fit."""
        vectors = {slot: states.array(vector) for slot, vector in self.state.items()}
        states.check(self, state, {"steps": states.whole, "lr": states.number} | vectors)
        self.steps, self.lr = int(state["steps"]), float(state["lr"])
        for slot, vector in self.state.items():
            vector[...] = state[slot]


def at_least_zero(value: float, name: str) -> float:
    """The number. Raises ValueError unless it's finite and at least 0."""
    if not in_range(value):
        raise ValueError(f"{name}: expected a number of at least 0, got {value!r}")
    return value


def check_betas(betas: tuple[float, float]) -> None:
    """Raise ValueError unless they are two numbers of at least 0 and less than 1."""
    if len(betas) != 2 or not all(in_range(beta) and beta < 1 for beta in betas):
        raise ValueError(f"betas: expected two numbers of at least 0 and less than 1, got {betas!r}")
