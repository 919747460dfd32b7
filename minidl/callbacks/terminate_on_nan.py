"""Ending a training whose loss is no number any more, and the warning that says so."""

from collections.abc import Iterable

from minidl.callbacks.callback import Callback
from minidl.errors.warned import warn


class TerminateOnNaN(Callback):
    """End `fit` after the first batch that makes the loss NaN or infinite, with its epoch as the last one.

    The epoch's validation and the other callbacks still have their turn, as in Keras. `fit` warns of such a loss in any
    case, once.
    """


class NaNAlarm:
    """Says once in a `fit` that its loss is NaN or infinite, and whether one of the callbacks ends it then."""

    def __init__(self, callbacks: Iterable[Callback], *, is_silent: bool = False) -> None:
        self.terminators = [callback for callback in callbacks if isinstance(callback, TerminateOnNaN)]
        self.has_rung = is_silent

    def validation(self, loss: float, epoch: int) -> None:
        """The loss of a validation is no finite number."""
        self._ring(loss, f"the validation of epoch {epoch + 1}")

    def batch(self, loss: float, epoch: int, batch: int) -> bool:
        """The loss of a batch is no finite number: whether training ends with it."""
        for terminator in self.terminators:
            terminator.stop_training = True
        self._ring(loss, f"batch {batch + 1} of epoch {epoch + 1}")
        return bool(self.terminators)

    def _ring(self, loss: float, place: str) -> None:
        if self.has_rung:
            return
        self.has_rung = True
        warn(
            f"the loss is {float(loss)} in {place}: a lower learning rate may help, unless the data have NaN",
            RuntimeWarning,
        )
