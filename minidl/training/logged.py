"""What `fit` logs of an epoch: the names, which of the values are single numbers, and which way each is better."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from minidl.errors import did_you_mean

KNOWN = {"loss": "smaller", "val_loss": "smaller", "lr": "smaller"}
"""Which way is better for what `fit` logs without a metric."""

MODES = ("auto", "min", "max")


class Logged(NamedTuple):
    """The names in the order in which a History has them, and those of single numbers."""

    names: list[str]
    numbers: list[str]
    better: Mapping[str, str | None]
    """ "larger", "smaller", or None where it isn't known, for each name."""

    def with_rate(self) -> "Logged":
        """The same and the learning rate, which is logged where there's a schedule."""
        return Logged([*self.names, "lr"], [*self.numbers, "lr"], {**self.better, "lr": KNOWN["lr"]})

    def check_watched(self, who: str, name: str) -> None:
        """Raise ValueError, in the name of `who`, unless a single number of this name is logged."""
        if name not in self.names:
            raise ValueError(f"{who}: nothing called {name!r} is logged; {did_you_mean(name, self.names)}")
        if name not in self.numbers:
            raise ValueError(f"{who}: {name!r} isn't a single number; numbers: {', '.join(self.numbers)}")


def logged(metrics: Iterable[Any] | Mapping[str, Any], *, validates: bool, losses: Iterable[str] = ()) -> Logged:
    """What `fit` logs with these metrics, with a validation or without.

    Metrics of several outputs are a dict by what they are called in the logs, and `losses` are what their losses are.
    """
    better: dict[str, str | None] = dict.fromkeys(("loss", *losses), KNOWN["loss"])
    arrays = set()
    listed: list[Any] = list(metrics.items() if isinstance(metrics, Mapping) else metrics)
    for name, metric in listed if isinstance(metrics, Mapping) else [(metric.name, metric) for metric in listed]:
        better[name] = getattr(metric, "better", None)
        if not getattr(metric, "is_number", True):
            arrays |= {name, f"val_{name}"}
    if validates:
        better |= {f"val_{name}": way for name, way in better.items()}
    return Logged(list(better), [name for name in better if name not in arrays], better)


def check_mode(mode: str) -> None:
    """Raise ValueError unless it is "auto", "min" or "max"."""
    if mode not in MODES:
        raise ValueError(f'mode: expected "auto", "min" or "max", got {mode!r}')


def larger_is_better(who: str, name: str, mode: str, better: Mapping[str, str | None]) -> bool:
    """What `mode` says, or for "auto" what is known. Raises ValueError, in the name of `who`, where nothing is."""
    way = {"min": "smaller", "max": "larger"}.get(mode) or better.get(name) or KNOWN.get(name)
    if way not in ("larger", "smaller"):
        raise ValueError(
            f'{who}: expected to know whether a larger or smaller {name!r} is better: give mode="min" or mode="max", '
            'or the metric the attribute better = "smaller" or "larger"'
        )
    return way == "larger"
