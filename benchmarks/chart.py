"""The figures of a report as a PNG file, where matplotlib is installed."""

import importlib.util
from pathlib import Path
from typing import Any

from benchmarks.report import Bars, Report, duration

MISSING = "no chart is drawn: matplotlib isn't installed"
COLORS = {
    "minidl": "tab:red",
    "minidl compiled": "tab:red",
    "minidl vectorized": "tab:pink",
    "minidl reference": "tab:gray",
    "PyTorch": "tab:orange",
    "JAX": "tab:blue",
    "Keras": "tab:green",
    "ONNX Runtime": "tab:purple",
    "sgemm": "tab:gray",
}
"""One color for a contestant in all charts; others take matplotlib's own."""


def save(report: Report, folder: Path) -> Path | None:
    """Write <folder>/<suite>.png and return its path; None where there's nothing to draw or to draw with."""
    if not report.bars:
        return None
    if importlib.util.find_spec("matplotlib") is None:
        report.notes.append(MISSING)
        return None
    from matplotlib.figure import Figure  # no pyplot: nothing is shown, and no window system is asked for

    heights = [1.2 + sum(0.3 + 0.2 * len(values) for values in bars.groups.values()) for bars in report.bars]
    figure = Figure(figsize=(9, sum(heights)), layout="constrained")
    grid = figure.subplots(len(report.bars), 1, squeeze=False, gridspec_kw={"height_ratios": heights})
    for axes, bars in zip(grid[:, 0], report.bars, strict=True):
        _draw(axes, bars)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{report.suite}.png"
    figure.savefig(path, dpi=130)
    return path


def _draw(axes: Any, bars: Bars) -> None:
    """A row for each value, in groups: bars from zero, or, on a logarithmic axis, which has no zero, dots."""
    places: dict[str, list[tuple[float, float]]] = {}
    ticks, top = [], 0.0
    for values in bars.groups.values():
        ticks.append(top + (len(values) - 1) / 2)
        for i, (name, value) in enumerate(values.items()):
            places.setdefault(name, []).append((top + i, value))
        top += len(values) + 1
    for name, points in places.items():
        heights, values = [place for place, _ in points], [value for _, value in points]
        if bars.logarithmic:
            axes.plot(values, heights, "o", label=name, color=COLORS.get(name))
        else:
            axes.barh(heights, values, label=name, color=COLORS.get(name))
        for place, value in points:
            text = duration(value) if bars.unit == "seconds" else f"{value:.3g}"
            axes.annotate(text, (value, place), (6, 0), textcoords="offset points", va="center", fontsize=7)
    axes.set_yticks(ticks, list(bars.groups), fontsize=8)
    axes.set_ylim(top - 1, -1)
    axes.margins(x=0.15)
    if bars.logarithmic:
        axes.set_xscale("log")
        axes.grid(axis="x", linewidth=0.3)
    axes.set_xlabel(bars.unit, fontsize=8)
    axes.tick_params(axis="x", labelsize=8)
    axes.set_title(bars.title, fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    if len(places) > 1:
        axes.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
