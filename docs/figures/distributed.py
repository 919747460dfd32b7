"""What the model of a step predicts for many hosts."""

import json
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from docs import distributed_tables as tables
from minidl.plots.colors import color

RESULTS = Path(__file__).parents[1] / "results"
STYLES = ("-o", "--s")
"""One for each link."""


def draw(axes: Axes, records: list[dict[str, Any]], *, weak: bool) -> None:
    """A line for each network and link, and one where each host adds its whole speed."""
    found = tables.predictions(records, weak=weak)
    names, links = (list(dict.fromkeys(each)) for each in zip(*((p.network, p.link) for p in found), strict=True))
    for name, link, speedups in found:
        style, shade = STYLES[links.index(link) % len(STYLES)], f"C{names.index(name)}"
        axes.plot(tables.HOSTS, speedups, style, color=shade, label=f"{name}, {link}", markersize=3)
    axes.plot(tables.HOSTS, tables.HOSTS, ":", color=color("soft"), linewidth=1, label="as many times as hosts")
    axes.set_xscale("log", base=2)
    axes.set_yscale("log", base=2)
    axes.set_xticks(tables.HOSTS, list(map(str, tables.HOSTS)))
    axes.set_yticks([0.25, *tables.HOSTS], ["0.25", *map(str, tables.HOSTS)])
    axes.set_ylim(0.1, 300)
    axes.grid(linewidth=0.3)
    axes.set_xlabel("hosts")
    axes.set_title("the batch grows with the hosts" if weak else f"{tables.GLOBAL} images, shared by the hosts")


def hosts(*, narrow: bool = False) -> Figure:
    """Weak and strong scaling."""
    records = json.loads((RESULTS / "hosts.json").read_text("utf-8"))["records"]
    figure = Figure(figsize=(3.7, 6.6) if narrow else (8, 3.6), layout="constrained")
    axes = figure.subplots(2, 1) if narrow else figure.subplots(1, 2, sharey=True)
    for place, weak in zip(axes, (True, False), strict=True):
        draw(place, records, weak=weak)
    for place in axes if narrow else axes[:1]:
        place.set_ylabel("images a second, of one host's")
    names = axes[0].get_legend_handles_labels()
    figure.legend(*names, loc="outside lower center", ncols=1 if narrow else 3, frameon=False, fontsize=7)
    return figure


FIGURES = {"distributed-hosts": hosts}
NARROW = {"distributed-hosts": lambda: hosts(narrow=True)}
