"""The base class of callbacks, whose methods `fit` calls at each epoch and batch."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from minidl.callbacks.events import check_names
from minidl.errors import KeywordHints
from minidl.module import Module
from minidl.optim import Optimizer
from minidl.training.logged import Logged

if TYPE_CHECKING:
    from minidl.schedules import Schedule

Logs = Mapping[str, Any]


class Callback(KeywordHints):
    """Its methods are called at each epoch and batch; `stop_training = True` ends `fit`.

    Set after a batch, it ends the epoch there, which still has its validation and `on_epoch_end`; set later, it makes
    that epoch the last one.

    Any other method whose name begins with `on_` raises a TypeError, since nothing would call it.

    `fit` sets `model`, `optimizer`, `schedule` (or None), `callbacks` (all of them) and `params`: "epochs",
    "initial_epoch", "initial_batch" (how many of its batches are done), "steps" (batches per epoch) and "samples", both
    None if an iterable's length isn't known, "metrics" (the names in an epoch's logs) and "validation_freq" (names that
    begin with "val_" are logged every that many epochs). `logged` says more about these names: `numbers` are those of
    single numbers, and `better` is "larger", "smaller" or None, if unknown, for each. `objective` counts the epoch's
    batches.
    """

    model: Module
    optimizer: Optimizer
    schedule: "Schedule | None"
    callbacks: Sequence["Callback"]
    params: Mapping[str, Any]
    logged: Logged
    objective: Any
    stop_training = False
    hears_batches = True
    """Whether `on_train_batch_end` is to be called, where it is defined: without listeners no batch has logs."""
    resumed: Mapping[str, Any] | None = None
    """A state that `load_state_dict` was given, for `on_train_begin` to go on from."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Refuse, with a TypeError, methods of events that there aren't."""
        super().__init_subclass__(**kwargs)
        check_names(cls.__name__, dir(cls))

    def on_train_begin(self) -> None:
        """Before the first epoch, and before any work."""

    def on_epoch_begin(self, epoch: int) -> None:
        """Before epoch `epoch`, counted from 0."""

    def on_train_batch_end(self, batch: int, logs: Logs) -> None:
        """After a step; `logs` has the epoch's means so far."""

    def on_train_epoch_end(self, epoch: int) -> None:
        """After the last step of an epoch, before its validation."""

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """After an epoch and its validation."""

    def on_train_end(self) -> None:
        """After the last epoch, or when training ends early for whatever reason."""

    def state_dict(self) -> dict[str, Any]:
        """A copy of what it must know, after an epoch, to go on as if training hadn't been interrupted."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from this state in the next `fit`, which begins with an `initial_epoch`."""
        self.resumed = state

    def check_state(self, state: Mapping[str, Any], model: Module) -> None:
        """Raise StateError unless `load_state_dict` can take this state of a file, for a training of `model`."""

    def take_resumed(self) -> Mapping[str, Any] | None:
        """The state to go on from, once."""
        state, self.resumed = self.resumed, None
        return state
