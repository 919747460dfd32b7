"""How training went, epoch by epoch, and how the loss goes with the learning rate."""

import math
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from minidl.errors import FormatError, keyword_hints
from minidl.inspection import LearningRates
from minidl.plots.canvas import canvas, figure_of, font_size, literal, stack
from minidl.plots.colors import color
from minidl.training.history_files import read_history
from minidl.training.logged import check_mode, larger_is_better

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NOT_CURVES = ("epoch", "lr", "test_loss", "test_accuracy")
"""Columns of a history that aren't drawn unless they're asked for."""


@keyword_hints
def learning_curves(
    history: Any,
    *,
    names: Sequence[str] | None = None,
    best: str | None = None,
    mode: str = "auto",
    axes: "Axes | None" = None,
) -> "Figure":
    """Plot the loss and metrics of training and validation by epoch, from 1; the best epoch is marked.

    `history` is what `fit` returns, a dict of lists, or the path of a history.csv or history.json. Each quantity has
    its own panel; `names` picks some, such as ["loss", "lr"]. The best epoch is that with the best value of `best`: by
    default "val_loss", or "loss" if there is none. `mode`, "min" or "max", says whether the lowest or the highest value
    is best; for losses it's known. Raises ValueError and FormatError.
    """
    columns = _columns(history)
    present = [name for name in columns if not name.startswith("val_") or name[4:] not in columns]
    chosen = [name for name in present if name not in NOT_CURVES] if names is None else list(names)
    unknown = [name for name in [*chosen, *([] if best is None else [best])] if name not in columns]
    if unknown:
        raise ValueError(f"no {unknown[0]!r} in the history, which has {', '.join(columns) or 'nothing'}")
    if not chosen or not len(columns[chosen[0]]):
        raise ValueError("history: expected at least one epoch with a loss, got none")
    axes = canvas(axes, (5, 0.8 + 2 * len(chosen)))

    best = best or next((name for name in ("val_loss", "loss") if name in columns), None)
    marked = None
    if best is not None:
        check_mode(mode)
        sign = -1 if larger_is_better("learning_curves", best, mode, {}) else 1
        marked = _lowest(sign * columns[best])
    panels = stack(axes, len(chosen), gap=0.06)
    size = font_size(axes, of_height=0.11 / len(chosen))
    for panel, name in zip(panels, chosen, strict=True):
        for label, key in (("training", name), ("validation", f"val_{name}")):
            if key in columns:
                values = columns[key]
                panel.plot(
                    _epochs(columns, key),
                    values,
                    marker="." if len(values) < 30 else "",
                    label=label,
                    color=color(label),
                    linestyle="-" if label == "training" else "--",
                )
        if marked is not None:
            epoch = _epochs(columns, str(best))[marked]
            panel.axvline(epoch, color="0.5", linestyle=":", label=f"best {literal(str(best))}: epoch {epoch}")
        panel.set_ylabel(literal(name.replace("_", " ")), fontsize=size)
        panel.tick_params(labelsize=size)
        panel.grid(alpha=0.3)
        panel.locator_params(axis="x", integer=True)
        if panel is not panels[-1]:
            panel.tick_params(labelbottom=False)
    small = font_size(axes, of_width=0.034, most=9)
    panels[0].legend(fontsize=small)
    panels[-1].set_xlabel("epoch", fontsize=size)
    return figure_of(axes)


def _lowest(values: np.ndarray[Any, Any]) -> int | None:
    return int(np.nanargmin(values)) if np.isfinite(values).any() else None


def _epochs(columns: Any, name: str) -> Any:
    """The epochs that a column has values of, from 1: where they are fewer, as by `validation_freq`, every so many."""
    count, epochs = len(columns[name]), max(map(len, columns.values()))
    return np.arange(1, count + 1) * (epochs // max(count, 1))


def _columns(history: Any) -> dict[str, np.ndarray[Any, Any]]:
    """The columns of a history that are numbers."""
    if isinstance(history, str | os.PathLike):
        columns = read_history(history)
        try:
            return _numbers(columns)
        except (ValueError, TypeError) as error:
            raise FormatError(f"{os.fspath(history)}: not a history: {error}") from None
    if not isinstance(history, Mapping):
        raise TypeError(f"history: expected a History, a dict of lists or a path, got {type(history).__name__}")
    return _numbers(history)


def _numbers(columns: Mapping[str, Any]) -> dict[str, np.ndarray[Any, Any]]:
    """Those whose values are single numbers: others, such as confusion matrices, aren't curves."""
    return {
        str(name): np.array([math.nan if value is None else float(value) for value in values])
        for name, values in columns.items()
        if all(np.ndim(value) == 0 for value in values)
    }


@keyword_hints
def learning_rates(result: LearningRates, *, axes: "Axes | None" = None) -> "Figure":
    """Plot the loss against the learning rate, raw and smoothed, and mark the suggested rate.

    `result` is what `minidl.inspection.find_learning_rate` returns.
    """
    if not isinstance(result, LearningRates):
        raise TypeError(f"expected what inspection.find_learning_rate returns, got {type(result).__name__}")
    axes = canvas(axes, (5, 3.6))
    axes.plot(result.rates, result.losses, color=color("training"), alpha=0.3, label="each batch")
    axes.plot(result.rates, result.smoothed, color=color("training"), label="smoothed")
    if result.suggestion is not None:
        at = int(np.flatnonzero(result.rates == result.suggestion)[0])
        axes.plot(
            [result.suggestion],
            [result.smoothed[at]],
            "o",
            color=color("frame"),
            label=f"suggestion: {result.suggestion:.1e}",
        )
    finite = result.smoothed[np.isfinite(result.smoothed)]
    if len(finite):  # single batches may have lost millions
        low, high = finite.min(), max(finite[0], np.median(finite))
        room = (high - low or 1) * 0.3
        axes.set_ylim(low - room, high + 2 * room)
    axes.set_xscale("log")
    axes.set_xlabel("learning rate")
    axes.set_ylabel("loss")
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    return figure_of(axes)
