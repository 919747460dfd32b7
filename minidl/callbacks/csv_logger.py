"""A table of the epochs, as a CSV file."""

import os

import numpy as np

from minidl.callbacks.callback import Callback, Logs
from minidl.files import write_atomically
from minidl.typing import StrPath


class CSVLogger(Callback):
    """Write a line for each epoch to the CSV file `filename`: its number, from 0, and every logged number.

    `separator` stands between them. Each epoch replaces the file whole. `append` goes on after the lines that it has,
    and from an `initial_epoch` on after those of the epochs before.
    """

    def __init__(self, filename: StrPath, *, separator: str = ",", append: bool = False) -> None:
        self.filename = os.fspath(filename)
        self.separator = separator
        self.append = append

    def on_train_begin(self) -> None:
        folder = os.path.dirname(self.filename) or "."
        if not os.path.isdir(folder):
            raise FileNotFoundError(f"CSVLogger: there is no folder {folder}")
        self._lines: list[str] = []
        if self.append and os.path.exists(self.filename):
            with open(self.filename, encoding="utf-8") as file:
                self._lines = file.read().splitlines()
        if first := self.params["initial_epoch"]:
            self._lines = [line for line in self._lines if _number(line, self.separator) < first]

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        numbers = {name: float(value) for name, value in logs.items() if np.ndim(value) == 0}
        if not self._lines:
            self._lines.append(self.separator.join(["epoch", *numbers]))
        self._lines.append(self.separator.join([str(epoch), *map(repr, numbers.values())]))
        with write_atomically(self.filename) as file:
            file.write(("\n".join(self._lines) + "\n").encode())


def _number(line: str, separator: str) -> int:
    """The epoch of a line of a CSV file; below 0 for the heading."""
    try:
        return int(line.split(separator)[0])
    except ValueError:
        return -1
