"""All that a training needs to go on after an interruption, to the same bits, in one file that is replaced whole."""

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from minidl import shapes
from minidl.callbacks import Callback, Logs
from minidl.callbacks.paths import check_alone, check_place, check_plain
from minidl.errors import FormatError, StateError, keyword_hints
from minidl.module import Module
from minidl.optim import Optimizer
from minidl.saving import states
from minidl.saving.budget import USUAL, Budget
from minidl.saving.files import shown
from minidl.saving.npz import load_arrays, save_arrays, shortened
from minidl.training.objective import Objective
from minidl.typing import FileOrPath, StrPath

if TYPE_CHECKING:
    from minidl.schedules import Schedule

FORMAT = "minidl-training-1"

WITHIN = "minidl-training-2"
"""Of a file that was written within an epoch, from which versions that don't know of that can't go on."""


class Behind(int):
    """How many epochs lie behind, and of the next one how many batches, with what the objective has counted in them.

    `fit` takes it as its `initial_epoch`.
    """

    batch: int
    counted: Mapping[str, Any] | None

    def __new__(cls, epoch: int, batch: int = 0, counted: Mapping[str, Any] | None = None) -> Self:
        """So many epochs and batches."""
        behind = super().__new__(cls, epoch)
        behind.batch, behind.counted = batch, counted
        return behind


@keyword_hints
def save_training(
    path: FileOrPath,
    model: Module,
    *,
    optimizer: Optimizer,
    epoch: int,
    schedule: "Schedule | None" = None,
    callbacks: Sequence[Callback] = (),
    batch: int = 0,
    objective: Objective | None = None,
) -> None:
    """Write the states of all these objects, after `epoch` completed epochs, to an .npz file, whole or not at all.

    Within an epoch, `batch` is how many batches of the next one are done, and `objective` has counted them.

    `path` may be a file open in binary mode, as of `save_arrays`.
    `TrainingCheckpoint` does so after each epoch of `fit`, or every so many batches.
    """
    shapes.count(batch, "batch", minimum=0)
    if batch and objective is None:
        raise ValueError("objective: expected what has counted the batches behind, got None")
    state = {
        "epoch": shapes.count(epoch, "epoch", minimum=0),
        "model": model.state_dict(),
        "optimizer": [type(optimizer).__name__, optimizer.state_dict()],
        "schedule": None if schedule is None else [type(schedule).__name__, schedule.state_dict()],
        "callbacks": [[type(callback).__name__, callback.state_dict()] for callback in _stateful(callbacks)],
    }
    if batch and objective is not None:
        state |= {"batch": batch, "counted": objective.state_dict()}
    arrays: dict[str, Any] = {}
    save_arrays(path, arrays, metadata={"format": WITHIN if batch else FORMAT, "state": _packed(state, "", arrays)})


@keyword_hints
def load_training(
    path: FileOrPath,
    model: Module,
    *,
    optimizer: Optimizer,
    schedule: "Schedule | None" = None,
    callbacks: Sequence[Callback] = (),
    budget: Budget = USUAL,
) -> Behind:
    """Resume from a file that `save_training` wrote: load its state and return how many epochs are done.

    Pass the result to `fit` as `initial_epoch`; if the file was written within an epoch, it also holds the number of
    batches done. With the same other arguments of `fit` and the same options of these objects as in the interrupted
    training, the result is bit-identical. Raises FormatError, which names the file, also if it exceeds `budget`, and
    StateError if it doesn't fit; then nothing has changed, since each of these objects checks its own state first
    (`check_state` of a custom callback).
    """
    arrays, metadata = load_arrays(path, budget=budget)
    if metadata.get("format") not in (FORMAT, WITHIN):
        given = shortened(repr(metadata.get("format")))
        raise FormatError(f"{shown(path)}: not the state of a training (format {given})")
    stateful = _stateful(callbacks)
    targets: list[Any] = [model, optimizer, *([] if schedule is None else [schedule])]
    before = [(target, target.state_dict()) for target in targets]
    try:
        state = _unpacked(metadata.get("state"), arrays)
        behind = _behind(state)
        found = [["model", state["model"]], state["optimizer"], state["schedule"], *state["callbacks"]]
        wanted: list[Any] = [model, optimizer, schedule, *stateful]
        _check_kinds([None if each is None else each[0] for each in found[1:]], wanted[1:])
        for target, each in zip(wanted, found, strict=True):
            if target is not None and not isinstance(target, Callback):
                target.load_state_dict(each[1])
        own = [dict(each[1]) for each in state["callbacks"]]
        for callback, found_state in zip(stateful, own, strict=True):
            callback.check_state(found_state, model)
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError) as error:
        for target, old in before:
            target.load_state_dict(old)
        kind = StateError if isinstance(error, StateError) else FormatError
        raise kind(f"{shown(path)}: {shortened(str(error))}") from None
    for callback, found_state in zip(stateful, own, strict=True):
        callback.load_state_dict(found_state)
    return behind


def _behind(state: Mapping[str, Any]) -> Behind:
    """What lies behind. Raises ValueError and its kin for what no `save_training` has written."""
    epoch, batch = (
        shapes.count(state["epoch"], "epoch", minimum=0),
        shapes.count(state.get("batch", 0), "batch", minimum=0),
    )
    counted = state["counted"] if batch else None
    if counted is not None and not isinstance(counted, Mapping):
        raise TypeError(f"counted: expected a dict, got {counted!r}")
    return Behind(epoch, batch, counted)


class TrainingCheckpoint(Callback):
    """Save all that resuming needs to `filepath` after each epoch, with `save_training`; the last of the callbacks.

    `save_freq` is "epoch", or a number of batches after which it also saves within an epoch; custom metrics must then
    keep their counts in numbers, arrays and lists of them. `history` has the values of all epochs, including those
    before an interruption. To resume: `initial_epoch=load_training(path, model, optimizer=..., schedule=...,
    callbacks=callbacks)`.
    """

    def __init__(self, filepath: StrPath, *, save_freq: int | Literal["epoch"] = "epoch") -> None:
        self.filepath, self.save_freq = os.fsdecode(filepath), save_freq
        self.hears_batches = save_freq != "epoch"
        if save_freq != "epoch":
            shapes.count(save_freq, "save_freq")
        self._epoch = 0
        self.history: dict[str, list[Any]] = {}

    def on_train_begin(self) -> None:
        check_alone(self, self.filepath)
        check_place("TrainingCheckpoint", self.filepath)
        check_plain("TrainingCheckpoint", self.filepath, self.logged.names)
        place = next(i for i, callback in enumerate(self.callbacks) if callback is self)
        if later := _stateful(self.callbacks[place + 1 :]):
            raise ValueError(f"TrainingCheckpoint: expected after {type(later[0]).__name__}, whose state it saves")
        self.history = {}
        if (state := self.take_resumed()) is not None:
            for name, values in zip(state["names"], state["values"], strict=True):
                self.history[name] = values.tolist() if values.ndim == 1 else list(values)
        unlike = set(self.history) ^ set(self.logged.names)
        if self.history and not all(name in self.logged.names and name.startswith("val_") for name in unlike):
            before, now = ", ".join(self.history), ", ".join(self.logged.names)
            self.history = {}
            raise StateError(f"TrainingCheckpoint: the epochs before have {before}, and those to come {now}")

    def on_epoch_begin(self, epoch: int) -> None:
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Logs) -> None:
        if isinstance(self.save_freq, int) and (batch + 1) % self.save_freq == 0:
            self._save(self._epoch, batch=batch + 1, objective=self.objective)

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        for name, value in logs.items():
            self.history.setdefault(name, []).append(value)
        self._save(epoch + 1)

    def _save(self, epoch: int, **within: Any) -> None:
        states: dict[str, Any] = {"schedule": self.schedule, "callbacks": self.callbacks}
        save_training(self.filepath, self.model, optimizer=self.optimizer, epoch=epoch, **states, **within)

    def check_state(self, state: Mapping[str, Any], model: Module) -> None:
        states.check(self, state, {"names": _names, "values": _columns})
        if len(state["names"]) != len(state["values"]):
            raise StateError(f"TrainingCheckpoint: {len(state['names'])} names of {len(state['values'])} columns")

    def state_dict(self) -> dict[str, Any]:
        return {"names": list(self.history), "values": [np.asarray(values) for values in self.history.values()]}


def _names(value: Any) -> str | None:
    is_texts = isinstance(value, list) and all(isinstance(name, str) for name in value)
    return None if is_texts and len(set(value)) == len(value) else "expected names that differ"


def _columns(value: Any) -> str | None:
    is_right = isinstance(value, list) and all(isinstance(column, np.ndarray) and column.ndim for column in value)
    return None if is_right else "expected arrays with a value for each epoch"


def _stateful(callbacks: Sequence[Callback]) -> list[Callback]:
    return [callback for callback in callbacks if type(callback).state_dict is not Callback.state_dict]


def _check_kinds(found: list[Any], wanted: list[Any]) -> None:
    kinds = [None if target is None else type(target).__name__ for target in wanted]
    if found != kinds:
        shown = [", ".join(str(kind or "no schedule") for kind in each) for each in (kinds, found)]
        raise StateError(f"expected the states of {shown[0]}, got {shown[1]}")


def _packed(value: Any, name: str, arrays: dict[str, Any]) -> Any:
    """The value as JSON has it, with its arrays in `arrays` instead, under the names of their places."""
    if isinstance(value, np.ndarray):
        arrays[name] = value
        return {"array": name}
    prefix = f"{name}." if name else ""
    if isinstance(value, Mapping):
        return {"items": {key: _packed(item, f"{prefix}{key}", arrays) for key, item in value.items()}}
    if isinstance(value, list | tuple):
        return [_packed(item, f"{prefix}{place}", arrays) for place, item in enumerate(value)]
    return value.item() if isinstance(value, np.generic) else value


def _unpacked(value: Any, arrays: Mapping[str, Any]) -> Any:
    if isinstance(value, dict):
        if "array" in value:
            return arrays[value["array"]]
        return {key: _unpacked(item, arrays) for key, item in value["items"].items()}
    return [_unpacked(item, arrays) for item in value] if isinstance(value, list) else value
