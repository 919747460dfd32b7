"""What a suite found, as a table for the terminal, as JSON, and as bars for a chart."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from minidl.display import quantity


@dataclass
class Table:
    """Rows of text under a title; the first columns, as many as `labels`, are aligned left."""

    title: str
    columns: Sequence[str]
    rows: list[list[str]] = field(default_factory=list)
    labels: int = 1

    def text(self) -> str:
        """The table in plain characters, its columns aligned."""
        lines = [list(self.columns), *self.rows]
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.columns))]
        shown = []
        for line in lines:
            cells = [
                cell.ljust(width) if i < self.labels else cell.rjust(width)
                for i, (cell, width) in enumerate(zip(line, widths, strict=True))
            ]
            shown.append("  ".join(cells).rstrip())
        return "\n".join([self.title, shown[0], "-" * (sum(widths) + 2 * (len(widths) - 1)), *shown[1:]])


@dataclass
class Bars:
    """A group of bars for each case: {case: {contestant: value}}."""

    title: str
    unit: str
    groups: dict[str, dict[str, float]]
    logarithmic: bool = True


@dataclass
class Report:
    """What a suite found: tables to read, records to compute with, notes on what was left out."""

    suite: str
    tables: list[Table] = field(default_factory=list)
    records: list[dict[str, Any]] = field(default_factory=list)
    bars: list[Bars] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def text(self) -> str:
        """Everything that goes to the terminal."""
        parts = [table.text() for table in self.tables]
        if self.notes:
            parts.append("\n".join(f"note: {note}" for note in dict.fromkeys(self.notes)))
        return "\n\n".join(parts)

    def save(self, folder: Path, machine: dict[str, Any], settings: dict[str, Any]) -> Path:
        """Write <folder>/<suite>.json and return its path."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.suite}.json"
        content = {
            "suite": self.suite,
            "machine": machine,
            "settings": settings,
            "records": self.records,
            "bars": [asdict(bars) for bars in self.bars],
            "notes": list(dict.fromkeys(self.notes)),
        }
        path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        return path


def duration(seconds: float | None) -> str:
    """Three digits and a unit; a dash for what wasn't measured."""
    return "-" if seconds is None else quantity.seconds(seconds)


def times(ratio: float | None) -> str:
    """A ratio as "2.41 x"."""
    return "-" if ratio is None else f"{quantity.three_digits(ratio)} x"


def share(ratio: float | None) -> str:
    """A ratio as a percentage."""
    return "-" if ratio is None else f"{ratio:.0%}"


def file_size(count: float | None) -> str:
    """Bytes on a disk or sent, in units of 1000."""
    return "-" if count is None else quantity.size(count)


def memory_size(count: float | None) -> str:
    """Bytes of memory, in units of 1024."""
    return "-" if count is None else quantity.memory(round(count))
