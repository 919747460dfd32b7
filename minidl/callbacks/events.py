"""The events of a training, and the check that callbacks listen to these alone, as methods that can be called."""

import inspect
from collections.abc import Iterable, Sequence
from typing import Any

from minidl.errors import did_you_mean

EVENTS = {
    "on_train_begin": (),
    "on_epoch_begin": ("epoch",),
    "on_train_batch_end": ("batch", "logs"),
    "on_train_epoch_end": ("epoch",),
    "on_epoch_end": ("epoch", "logs"),
    "on_train_end": (),
}
"""What the method of each event is called with."""

OTHERS = {
    "on_batch_begin": "nothing (no event comes before a batch; on_train_batch_end comes after it)",
    "on_batch_end": "on_train_batch_end",
    "on_batch_start": "nothing (no event comes before a batch; on_train_batch_end comes after it)",
    "on_fit_end": "on_train_end",
    "on_fit_start": "on_train_begin",
    "on_epoch_start": "on_epoch_begin",
    "on_train_batch_begin": "nothing (no event comes before a batch; on_train_batch_end comes after it)",
    "on_train_batch_start": "nothing (no event comes before a batch; on_train_batch_end comes after it)",
    "on_train_epoch_start": "on_epoch_begin",
    "on_train_start": "on_train_begin",
    "on_validation_end": "on_epoch_end",
    "on_validation_epoch_end": "on_epoch_end",
    "set_model": "self.model, which fit sets",
    "set_params": "self.params, which fit sets",
} | {
    f"on_{part}_{when}": "nothing (evaluate and predict have no events)"
    for part in ("test", "predict", "test_batch", "predict_batch", "validation_batch")
    for when in ("begin", "end", "start")
}
"""What other frameworks call events, and ours in their place."""


def check_names(who: str, names: Iterable[str]) -> None:
    """Raise TypeError for a method of an event that there isn't, which nobody would call."""
    for name in names:
        if name in OTHERS or (name.startswith("on_") and name not in EVENTS):
            hint = f"did you mean {OTHERS[name]}?" if name in OTHERS else did_you_mean(name, EVENTS)
            raise TypeError(f"{who}: nothing calls {name}; {hint}")


def check_listener(callback: Any) -> None:
    """Raise TypeError for a method of an unknown event, or one that doesn't take what its event brings."""
    who = type(callback).__name__
    check_names(who, [*dir(type(callback)), *vars(callback)])
    for name, arguments in EVENTS.items():
        method = getattr(callback, name)
        try:
            inspect.signature(method).bind(*arguments)
        except TypeError:
            raise TypeError(f"{who}.{name}: expected to be called with ({', '.join(arguments)})") from None
        except ValueError:  # something in C, whose arguments aren't known
            continue


def check_listeners(callbacks: Any, base: type) -> None:
    """Raise TypeError and ValueError unless these are callbacks, each of them once, that hear what there is to hear."""
    if not isinstance(callbacks, Sequence) or isinstance(callbacks, str):
        hint = f": [{type(callbacks).__name__}(...)]" if isinstance(callbacks, base) else ""
        raise TypeError(f"callbacks: expected a list, got {callbacks!r}{hint}")
    for place, callback in enumerate(callbacks):
        if isinstance(callback, type):
            raise TypeError(f"callbacks: expected an object, got the class: {callback.__name__}(...)")
        if not isinstance(callback, base):
            raise TypeError(f"callbacks: expected objects of subclasses of minidl.Callback, got {callback!r}")
        if any(callback is earlier for earlier in callbacks[:place]):
            raise ValueError(f"callbacks: {type(callback).__name__} is listed twice, and would be called twice")
        check_listener(callback)
