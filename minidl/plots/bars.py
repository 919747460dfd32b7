"""What the benchmarks measured, as a chart."""

import json
import math
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minidl.display import quantity
from minidl.errors import FormatError, keyword_hints
from minidl.plots.canvas import canvas, figure_of, stack
from minidl.plots.colors import class_color, color

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARKS: dict[str, tuple[str | int, str]] = {
    "minidl": ("brand", "o"),
    "minidl compiled": ("brand", "o"),
    "minidl vectorized": (7, "s"),
    "minidl reference": (9, "x"),
    "PyTorch": (0, "s"),
    "torch.compile": (5, "x"),
    "JAX": (2, "^"),
    "Keras": (4, "D"),
    "ONNX Runtime": (3, "v"),
    "OpenVINO": (8, "P"),
    "sgemm": (9, "*"),
}
"""The color, a role or the number of a class, and the marker of a contestant, in all charts; others have OTHERS."""
OTHERS = ((6, "<"), (1, ">"))


@keyword_hints
def benchmark(results: Any, *, axes: "Axes | None" = None) -> "Figure":
    """Plot a suite's results: the path or the content of a JSON file that `python -m benchmarks` wrote.

    Each quantity has a panel, with dots on a logarithmic axis for times and bars from zero for sizes. Raises
    FormatError for anything else, and if there is nothing to draw.
    """
    name = os.fspath(results) if isinstance(results, str | os.PathLike) else "results"
    try:
        if isinstance(results, str | os.PathLike):
            results = json.loads(Path(results).read_text(encoding="utf-8"))
        charts = [chart for chart in _charts(results) if chart["groups"]]
    except (ValueError, TypeError, KeyError, AttributeError):
        raise FormatError(f"{name}: expected the JSON of a benchmark suite") from None
    if not charts:
        raise FormatError(f"{name}: there are no measurements to draw")
    heights = [1.2 + sum(0.3 + 0.2 * len(values) for values in chart["groups"].values()) for chart in charts]
    has_legend = any(len({name for values in chart["groups"].values() for name in values}) > 1 for chart in charts)
    axes = canvas(axes, (7 if has_legend else 5, sum(heights)))
    panels = stack(axes, len(charts), gap=1.0 / sum(heights), heights=[height - 0.9 for height in heights])
    for panel, chart in zip(panels, charts, strict=True):
        _draw(panel, chart)
    return figure_of(axes)


def _charts(results: Any) -> list[dict[str, Any]]:
    """Of each quantity: its title, its unit, {case: {contestant: value}}, and whether its axis is logarithmic."""
    if not isinstance(results, Mapping):
        raise TypeError("expected an object")
    given = [
        {"logarithmic": True}
        | dict(chart)
        | {"groups": {case: numbers for case, v in chart["groups"].items() if (numbers := _numbers(v))}}
        for chart in results.get("bars", ())
    ]
    if "bars" not in results:
        return _times(results, results["records"])
    drawn = {chart["title"] for chart in given}
    records = [record for record in results.get("records", ()) if "network" in record]  # of several runs, maybe
    return [*given, *(chart for chart in _times(results, records) if chart["title"] not in drawn)]


def _times(results: Any, records: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The charts of records, for each network one."""
    times: dict[str, dict[str, dict[str, float]]] = {}
    for record in records:
        medians = record.get("medians") or {
            contestant: timing["median"] for contestant, timing in record.get("contestants", {}).items()
        }
        if "contestant" in record:
            medians = {record["contestant"]: record["seconds"]}
        title = f"{results['suite']}: {record['network']}" if "network" in record else str(results["suite"])
        case = f"batch {record['batch']}" if "network" in record and "batch" in record else str(record["case"])
        if medians:
            times.setdefault(title, {}).setdefault(case, {}).update(_numbers(medians))
    return [
        {"title": title, "unit": "seconds", "groups": groups, "logarithmic": True} for title, groups in times.items()
    ]


def _numbers(values: Mapping[str, Any]) -> dict[str, float]:
    return {str(name): float(value) for name, value in values.items() if value is not None}


def mark_of(name: str, among: Iterable[str] = ()) -> tuple[str, str]:
    """(color, marker) of a contestant, by its name or, for one that MARKS doesn't know, its place among such."""
    others = [each for each in among if each not in MARKS]
    index, marker = MARKS[name] if name in MARKS else OTHERS[others.index(name) % len(OTHERS)]
    return (color(index) if isinstance(index, str) else class_color(index)), marker


def _draw(axes: "Axes", chart: dict[str, Any]) -> None:
    """A row for each value, in groups: bars from zero, or, on a logarithmic axis, which has no zero, dots."""
    in_seconds, logarithmic = chart["unit"] == "seconds", chart["logarithmic"]
    places: dict[str, list[tuple[float, float]]] = {}
    ticks, top = [], 0.0
    for values in chart["groups"].values():
        ticks.append(top + (len(values) - 1) / 2)
        for i, (name, value) in enumerate(values.items()):
            places.setdefault(name, []).append((top + i, value))
        top += len(values) + 1
    for name, points in places.items():
        shade, mark = mark_of(name, places) if len(places) > 1 else (color("accent"), "o")
        heights, values = [place for place, _ in points], [value for _, value in points]
        if logarithmic:
            axes.plot(values, heights, mark, label=name, color=shade)
        else:
            axes.barh(heights, values, label=name, color=shade)
        for place, value in points:
            text = quantity.seconds(value) if in_seconds else quantity.three_digits(value)
            axes.annotate(text, (value, place), (6, 0), textcoords="offset points", va="center", fontsize=7)
    axes.set_yticks(ticks, list(chart["groups"]), fontsize=8)
    axes.set_ylim(top - 1, -1)
    axes.margins(x=0.15)
    if logarithmic:
        axes.set_xscale("log")
        axes.grid(axis="x", linewidth=0.3)
    if in_seconds:
        from matplotlib.ticker import EngFormatter, NullFormatter

        axes.xaxis.set_major_formatter(EngFormatter(unit="s"))
        axes.xaxis.set_minor_formatter(NullFormatter() if _spans_a_power(axes) else EngFormatter(unit="s"))
    axes.set_xlabel(chart["unit"], fontsize=8)
    axes.tick_params(axis="x", labelsize=8)
    axes.set_title(chart["title"], fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    if len(places) > 1:
        axes.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1, 1), frameon=False)


def _spans_a_power(axes: "Axes") -> bool:
    """Whether an axis has a power of ten inside of it: with that and its like, ticks between need no text."""
    low, high = axes.get_xlim()
    return math.floor(math.log10(high)) > math.floor(math.log10(low))
