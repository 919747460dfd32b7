"""The figures of a report as a PNG file, where matplotlib is installed."""

import dataclasses
import importlib.util
from pathlib import Path

from benchmarks.report import Report

MISSING = "no chart is drawn: matplotlib isn't installed"


def save(report: Report, folder: Path) -> Path | None:
    """Write <folder>/<suite>.png and return its path; None where there's nothing to draw or to draw with."""
    if not any(any(bars.groups.values()) for bars in report.bars):
        return None
    if importlib.util.find_spec("matplotlib") is None:
        report.notes.append(MISSING)
        return None
    from minidl import plots

    figure = plots.benchmark({"bars": [dataclasses.asdict(bars) for bars in report.bars]})
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{report.suite}.png"
    figure.savefig(path, dpi=130)
    return path
