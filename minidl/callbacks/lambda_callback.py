"""A callback of functions, without a class."""

from collections.abc import Callable
from typing import Any

from minidl.callbacks.callback import Callback
from minidl.callbacks.events import EVENTS, check_listener


class LambdaCallback(Callback):
    """Call functions at the events of a training, with what the methods of `Callback` are called with.

    These are `on_train_begin()`, `on_epoch_begin(epoch)`, `on_train_batch_end(batch, logs)`,
    `on_train_epoch_end(epoch)`, `on_epoch_end(epoch, logs)` and `on_train_end()`. As an example,
    `LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch, logs["loss"]))`. Raises TypeError for what can't be
    called so.
    """

    def __init__(
        self,
        *,
        on_train_begin: Callable[[], Any] | None = None,
        on_epoch_begin: Callable[[int], Any] | None = None,
        on_train_batch_end: Callable[[int, Any], Any] | None = None,
        on_train_epoch_end: Callable[[int], Any] | None = None,
        on_epoch_end: Callable[[int, Any], Any] | None = None,
        on_train_end: Callable[[], Any] | None = None,
    ) -> None:
        given = locals()
        vars(self).update({name: given[name] for name in EVENTS if given[name] is not None})
        check_listener(self)
