"""The charts of the benchmarks' page and the README, from docs/results: times beside minidl's."""

import hashlib
import json
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from minidl.plots.bars import mark_of
from minidl.plots.colors import color

WIDE, PHONE = 8, 3.7
"""Inches."""
RESULTS = Path(__file__).parents[1] / "results"


def records(suite: str) -> list[dict[str, Any]]:
    """What a suite found."""
    found: list[dict[str, Any]] = json.loads((RESULTS / f"{suite}.json").read_text("utf-8"))["records"]
    return found


def digest() -> str:
    """Of the results that charts show, so that it can be seen whether a committed chart is of these."""
    text = b"".join((RESULTS / f"{suite}.json").read_bytes() for suite in ("inference", "training"))
    return hashlib.sha256(text).hexdigest()[:16]


def draw(axes: Axes, rows: dict[str, dict[str, float]], title: str) -> None:
    """Dots at the times of each row, divided by minidl's: right of the line minidl is faster, left of it slower.

    A row may be empty, where other panels have it.
    """
    for name in dict.fromkeys(name for times in rows.values() for name in times if name != "minidl"):
        shade, mark = mark_of(name)
        places = [(times[name] / times["minidl"], i) for i, times in enumerate(rows.values()) if name in times]
        axes.plot(
            [x for x, _ in places], [y for _, y in places], mark, color=shade, label=name, markersize=6, alpha=0.9
        )
    axes.axvline(1, color=mark_of("minidl")[0], linewidth=2, label="minidl", zorder=0)
    axes.set_xscale("log")
    axes.set_xticks([0.25, 0.5, 1, 2, 5, 10, 20], ["0.25", "0.5", "1", "2", "5", "10", "20"])
    axes.minorticks_off()
    axes.set_xlim(0.18, 32)
    axes.grid(axis="x", linewidth=0.3)
    axes.set_yticks(range(len(rows)), list(rows))
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_title(title)


def by_network(suite: str, *batches: int) -> dict[str, dict[str, float]]:
    """{network: {framework: seconds}} of the networks that were measured with one of these batches."""
    return {
        record["network"]: {name: result["median"] for name, result in record["contestants"].items()}
        for record in records(suite)
        if record["batch"] in batches
    }


def legend(figure: Figure, axes: Any, *, across: int | None = None) -> None:
    """One legend for all of them, below, in one row or so many columns."""
    found: dict[str, Any] = {}
    for place in axes:
        handles, names = place.get_legend_handles_labels()
        found |= dict(zip(names, handles, strict=True))
    figure.legend(
        list(found.values()), list(found), loc="outside lower center", ncols=across or len(found), frameon=False
    )


def side_by_side(
    panels: dict[str, dict[str, dict[str, float]]], names: list[str], label: str, *, high: float
) -> Figure:
    """A panel for each title, with the same networks in each."""
    figure = Figure(figsize=(WIDE, high), layout="constrained")
    axes = figure.subplots(1, len(panels), sharey=True)
    for place, (title, rows) in zip(axes, panels.items(), strict=True):
        draw(place, {name: rows.get(name, {}) for name in names}, title)
        place.tick_params(axis="x", labelsize=9 if len(panels) < 4 else 7)
    axes[len(panels) // 2].set_xlabel(label)
    legend(figure, axes)
    return figure


def below_each_other(panels: dict[str, dict[str, dict[str, float]]], label: str) -> Figure:
    """The same for a phone: each panel with its own networks."""
    counts = [len(rows) for rows in panels.values()]
    figure = Figure(figsize=(PHONE, 0.2 * sum(counts) + 0.6 * len(panels) + 0.8), layout="constrained")
    axes = figure.subplots(len(panels), 1, height_ratios=[count + 0.5 for count in counts])
    for place, (title, rows) in zip(axes, panels.items(), strict=True):
        draw(place, rows, title)
    axes[-1].set_xlabel(label)
    legend(figure, axes, across=2)
    return figure


def speed(*, narrow: bool = False) -> Figure:
    """A step of training and a batch of predictions, in three panels."""
    panels = {
        "training step, batch 32": by_network("training", 32),
        "inference, batch 32": by_network("inference", 32),
        "inference, one image": by_network("inference", 1),
    }
    names, label = list(panels["training step, batch 32"]), "time, where minidl's is 1 (logarithmic)"
    panels = {title: {name: rows[name] for name in names if name in rows} for title, rows in panels.items()}
    figure = below_each_other(panels, label) if narrow else side_by_side(panels, names, label, high=2.4)
    figure.set_gid(f"results-{digest()}")
    return figure


def all_batches(suite: str, *, narrow: bool = False) -> Figure:
    """A panel for each batch; the large networks have 8 or 16."""
    panels = {"one image": (1,), "batch 8 or 16": (8, 16), "batch 32": (32,), "batch 128": (128,)}
    found = {title: rows for title, batches in panels.items() if (rows := by_network(suite, *batches))}
    names = list(dict.fromkeys(record["network"] for record in records(suite)))
    label = f"{suite}: time, where minidl's is 1 (logarithmic)"
    if narrow:
        return below_each_other(found, label)
    return side_by_side(found, names, label, high=0.2 * len(names) + 1.4)


def operators(*, narrow: bool = False) -> Figure:
    """Each operator on large shapes: PyTorch's time by that of `compiled`."""
    rows = {}
    for record in records("operators"):
        found = {name: result["median"] for name, result in record["contestants"].items()}
        if "minidl reference" not in found and "PyTorch" in found:
            name = f"{record['operator']} {record['direction']}, {record['shapes']}"
            rows[name] = {"minidl": found["minidl compiled"], "PyTorch": found["PyTorch"]}
    size = (PHONE, 0.32 * len(rows) + 1) if narrow else (WIDE, 0.19 * len(rows) + 1)
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots()
    draw(axes, rows, "operators on large shapes")
    axes.set_xlim(0.25, 8)
    axes.tick_params(axis="y", labelsize=7)
    if narrow:  # names above their rows, since there is no room beside them
        axes.set_yticks([])
        [line] = [line for line in axes.lines if line.get_label() == "minidl"]
        line.remove()  # it would go through the names
        places = range(len(rows))
        axes.vlines(
            [1] * len(rows), [i - 0.15 for i in places], [i + 0.3 for i in places],
            color=mark_of("minidl")[0], linewidth=2, label="minidl", zorder=0)  # fmt: skip
        for i, name in enumerate(rows):
            axes.text(0, i - 0.35, name, fontsize=7, va="center", transform=axes.get_yaxis_transform())
        axes.spines["left"].set_visible(False)
    axes.set_xlabel("time, where that of compiled is 1 (logarithmic)")
    legend(figure, [axes])
    return figure


def accuracy(width: float = WIDE) -> Figure:
    """Test accuracy by the seconds of training, for each framework and seed."""
    figure = Figure(figsize=(width, 2.8), layout="constrained")
    axes = figure.subplots()
    named: set[str] = set()
    for record in records("time_to_accuracy"):
        name = record["contestant"]
        seconds, accuracies = zip(*record["curve"], strict=True)
        shade, mark = mark_of(name)
        label = None if name in named else name
        axes.plot(seconds, [100 * share for share in accuracies], f"-{mark}", color=shade, label=label, markersize=3)
        named.add(name)
        target = 100 * record["target"]
    axes.axhline(target, color=color("soft"), linewidth=1, linestyle=":")
    axes.set_xlabel("seconds of training")
    axes.set_ylabel("test accuracy, %")
    axes.legend(loc="lower right", frameon=False)
    return figure


FIGURES = {
    "speed": speed,
    "training-speed": lambda: all_batches("training"),
    "inference-speed": lambda: all_batches("inference"),
    "operators-speed": operators,
    "time-to-accuracy": accuracy,
}
NARROW = {
    "speed": lambda: speed(narrow=True),
    "training-speed": lambda: all_batches("training", narrow=True),
    "inference-speed": lambda: all_batches("inference", narrow=True),
    "operators-speed": lambda: operators(narrow=True),
    "time-to-accuracy": lambda: accuracy(PHONE),
}
