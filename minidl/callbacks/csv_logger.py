"""A table of the epochs, as a CSV file."""

import math
import os
from collections.abc import Iterable

import numpy as np

from minidl.callbacks.callback import Callback, Logs
from minidl.callbacks.paths import check_alone, check_place, check_plain
from minidl.errors import FormatError
from minidl.saving.atomic import write_atomically
from minidl.typing import StrPath


class CSVLogger(Callback):
    """Write a line for each epoch to the CSV file `filename`: its number, from 0, and every logged number.

    Missing values, such as those of an epoch without validation, are nan. `separator`, one character, stands between
    the columns. Each epoch replaces the file atomically. `append` continues the file, in the order of its columns; with
    `initial_epoch`, after the rows of earlier epochs. Raises FormatError, before any work, if its columns or separator
    differ.
    """

    def __init__(self, filename: StrPath, *, separator: str = ",", append: bool = False) -> None:
        if not isinstance(separator, str) or len(separator) != 1 or separator in '"\r\n':
            raise ValueError(f"separator: expected one character, neither a quote nor a new line, got {separator!r}")
        self.filename = os.fsdecode(filename)
        self.separator = separator
        self.append = append

    def on_train_begin(self) -> None:
        check_alone(self, self.filename)
        check_place("CSVLogger", self.filename)
        check_plain("CSVLogger", self.filename, self.logged.names)
        self._columns: list[str] = []
        self._lines: list[str] = []
        if not (self.append and os.path.exists(self.filename)):
            return
        try:
            with open(self.filename, encoding="utf-8-sig") as file:
                lines = file.read().splitlines()
        except UnicodeDecodeError as error:
            raise FormatError(f"CSVLogger: {self.filename} is no text in UTF-8: {error}") from None
        if not lines:
            return
        self._columns = self._cells(lines[0])
        expected, possible = ["epoch", *self.logged.numbers], {"epoch", *self.logged.names}
        is_table = len(set(self._columns)) == len(self._columns)
        if not (is_table and set(expected) <= set(self._columns) <= possible):
            raise FormatError(
                f"CSVLogger: {self.filename} has other columns: expected {self._line(expected)}, got {lines[0]}; "
                "give another file or separator, or append=False to start over"
            )
        first = self.params["initial_epoch"]
        self._lines = [line for line in lines if not first or self._epoch(line) < first]

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        found = {name: float(value) for name, value in logs.items() if np.ndim(value) == 0}
        values = {"epoch": epoch} | {name: math.nan for name in self.logged.numbers if name not in logs} | found
        if not self._lines:
            self._columns = list(values)
            self._lines.append(self._line(self._columns))
        if set(values) != set(self._columns):
            got = self._line(values)
            raise ValueError(f"CSVLogger: expected numbers for {self._line(self._columns)}, got those for {got}")
        self._lines.append(self._line(repr(values[name]) for name in self._columns))
        with write_atomically(self.filename) as file:
            file.write(("\n".join(self._lines) + "\n").encode())

    def _line(self, cells: Iterable[str]) -> str:
        import csv  # for those who log, not with minidl
        import io

        text = io.StringIO()
        csv.writer(text, delimiter=self.separator, lineterminator="").writerow(cells)
        return text.getvalue()

    def _cells(self, line: str) -> list[str]:
        import csv

        return next(csv.reader([line], delimiter=self.separator), [])

    def _epoch(self, line: str) -> int:
        """The epoch of a line; below 0 for the heading."""
        try:
            return int(line and self._cells(line)[self._columns.index("epoch")])
        except (ValueError, IndexError):
            return -1
