"""What a training saw, epoch by epoch."""

import contextlib
import weakref
from typing import TYPE_CHECKING, Any

from minidl.errors.hints import missing_attribute


class History(dict[str, list[Any]]):
    """What `fit` measured: lists with a value per epoch, under "loss", each metric's name and both with "val_"."""

    if not TYPE_CHECKING:

        def __getattr__(self, name):
            if name in self:
                message = f"'History' object has no attribute {name!r}; it's history[{name!r}]"
                raise AttributeError(message, name=name, obj=self)
            return missing_attribute(self, name)

    def append(self, logs: dict[str, Any]) -> None:
        """Add an epoch's values."""
        for name, value in logs.items():
            self.setdefault(name, []).append(value)

    def _repr_html_(self) -> str:
        """What notebooks show: a row with a small curve for each list of numbers."""
        from minidl.display import html  # here, so that a program without notebooks starts sooner

        rows = []
        for name, values in self.items():
            if values and all(isinstance(value, int | float) for value in values):
                numbers = [values[0], values[-1], min(values), max(values)]
                texts = [f"{number:.4g}" for number in numbers]
                rows.append([html.escape(name), html.sparkline(values), *texts])
        epochs = max(map(len, self.values()), default=0)
        title = f"<b>History</b> <small>{epochs:,} epoch{'s' * (epochs != 1)}</small>"
        head = ["", "", "first", "last", "lowest", "highest"]
        return html.block(html.details(title, html.table(head, rows, texts=2)))


_kept: "weakref.WeakKeyDictionary[Any, History]" = weakref.WeakKeyDictionary()
"""The last History of each model: not among its attributes, whose changes have networks prepared anew."""


def keep_history(model: Any, history: History) -> History:
    """Let a model remember what its training sees, and give that back."""
    with contextlib.suppress(TypeError):  # a model of one's own that can't be a key, such as a dataclass
        _kept[model] = history
    return history


def kept_history(model: Any) -> History | None:
    """What the last training of a model saw, also one that was interrupted; None before the first."""
    with contextlib.suppress(TypeError):
        return _kept.get(model)
    return None
