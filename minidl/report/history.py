"""The curves in a history: lists of numbers by their names, from `fit` or from a file."""

import math
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from minidl.training.history_files import read_history

NOT_CURVES = ("epoch", "lr", "test_loss", "test_accuracy")

NOTED = 0.05
"""The share by which a loss in validation rises above its lowest before a report calls it more than noise."""


def curves_of(history: Any) -> dict[str, list[float]]:
    """The numbers of each epoch by name; what isn't a number, such as a confusion matrix, is left out.

    `history` is a mapping, or the path of a history.csv or history.json. Raises FormatError and TypeError.
    """
    if isinstance(history, str | os.PathLike):
        history = read_history(history)
    if not isinstance(history, Mapping):
        raise TypeError(f"history: expected what fit returns or a path, got {type(history).__name__}")
    columns = {str(name): [_number(value) for value in values] for name, values in history.items()}
    numbers = {name: [value for value in values if value is not None] for name, values in columns.items()}
    return {name: values for name, values in numbers.items() if values and len(values) == len(columns[name])}


def quantities(curves: Mapping[str, list[float]]) -> list[str]:
    """What there is to draw; training and validation are one."""
    return [
        name
        for name in curves
        if name not in NOT_CURVES and not (name.startswith("val_") and name.removeprefix("val_") in curves)
    ]


def parting(curves: Mapping[str, list[float]]) -> str:
    """Where training and validation part, as a sentence; nothing where there aren't both, or too few epochs."""
    training, validation = curves.get("loss", []), curves.get("val_loss", [])
    if len(training) < 2 or len(training) != len(validation) or not np.isfinite([*training, *validation]).all():
        return ""
    best = int(np.argmin(validation))
    end = len(validation) - 1
    if validation[end] > (1 + NOTED) * validation[best] and training[end] < training[best]:
        return (
            f"Training and validation part after epoch {best + 1}: from there on the loss goes down in training, from "
            f"{training[best]:.3g} to {training[end]:.3g}, and up in validation, from {validation[best]:.3g} to "
            f"{validation[end]:.3g}. The model learns its images by heart: augmentation, weight decay or fewer "
            "epochs help."
        )
    if best == end:
        return "The loss in validation is lowest in the last epoch: more epochs may help."
    return f"The loss in validation is lowest in epoch {best + 1}, and stays near that."


def _number(value: Any) -> float | None:
    if value is None:  # JSON has no NaN
        return math.nan
    return float(value) if isinstance(value, int | float | np.number) else None
