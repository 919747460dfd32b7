"""Time and memory of a training step against image side, channels, batch, depth and threads."""

from collections.abc import Sequence
from typing import Any

import numpy as np

import minidl
from benchmarks import crew as crews
from benchmarks import graph, machine, networks
from benchmarks.contest import Entry, hold
from benchmarks.crew import Crew
from benchmarks.report import Bars, Report, Table, duration, memory_size, times
from benchmarks.suites.memory import makers
from benchmarks.suites.network_suite import MINIDL, ORACLE, TOLERANCE, entries, threads_and_layouts
from benchmarks.timing import Settings

BASE = {"batch": 32, "side": 28, "channels": 16, "depth": 2}
SWEEPS = {
    "side": (28, 56, 112, 224, 448),
    "channels": (4, 8, 16, 32, 64),
    "batch": (1, 4, 16, 64, 256),
    "depth": (2, 4, 8, 16),
}
OTHERWISE = {"side": {"batch": 4}}
"""What is unlike BASE in a sweep."""
QUICK_SWEEPS = {"side": (14, 28), "channels": (4, 8)}
_MINIDL = "benchmarks.contestants.with_minidl:training"
_PYTORCH = "benchmarks.contestants.with_pytorch:training"
_PEAK = "benchmarks.contestants.lifetime:peak_of"


def run(crew: Crew, settings: Settings) -> Report:
    """Change one size at a time; memory is what the steps take in a new process, beyond code and thread pools."""
    report = Report("scaling", notes=crews.absences(["PyTorch"]))
    for quantity, values in (QUICK_SWEEPS if settings.quick else SWEEPS).items():
        base = BASE | OTHERWISE.get(quantity, {})
        _sweep(crew, settings, report, quantity, [(value, base | {quantity: value}, None) for value in values])
    threads = range(1, machine.cores() + 1)
    _sweep(crew, settings, report, "threads", [(count, BASE, count) for count in threads])
    return report


def _sweep(
    crew: Crew, settings: Settings, report: Report, quantity: str, cases: list[tuple[int, dict[str, int], int | None]]
) -> None:
    """A table, a chart and a note on how cost grows, for cases of (value, sizes, threads)."""
    others = ", ".join(f"{name} {value}" for name, value in cases[0][1].items() if name != quantity)
    title = f"A training step against {quantity}"
    columns = [quantity, MINIDL, "PyTorch", "PyTorch/minidl", "memory minidl", "memory PyTorch"]
    table, bars = Table(f"{title} ({others})", columns, labels=0), Bars(title, "seconds", {})
    results = []
    for value, sizes, threads in cases:
        result = _hold(crew, f"{quantity} {value}", sizes, settings, threads)
        result.facts.update(sizes | ({} if threads is None else {"threads": threads}))
        memory = {} if threads is not None else _memory(crew, sizes)
        if memory:
            result.facts["memory in bytes"] = memory
        table.rows.append(
            [
                *(str(value), *(duration(result.median(name)) for name in (MINIDL, "PyTorch"))),
                *(times(result.ratio(MINIDL, "PyTorch")), *(memory_size(memory.get(n)) for n in ("minidl", "PyTorch"))),
            ]
        )
        results.append(result)
        report.records.append(result.record())
        bars.groups[f"{quantity} {value}"] = {name: timing.median for name, timing in result.best.items()}
    report.tables.append(table)
    report.bars.append(bars)
    if len(cases) > 1:
        values = [value for value, _, _ in cases]
        slopes = {name: slope(values, [result.best[name].median for result in results]) for name in results[0].best}
        told = ", ".join(f"{name} {value:.2f}" for name, value in slopes.items())
        report.notes.append(f"slope of time against {quantity}, both in logarithms: {told}")


def slope(sizes: Sequence[float], seconds: Sequence[float]) -> float:
    """The power of its size that time goes with: the slope of the line through the points in logarithms."""
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])


def _memory(crew: Crew, sizes: dict[str, int]) -> dict[str, int]:
    """The bytes that a few steps take, by framework."""
    found = makers("scaled", _options(sizes), sizes["batch"])
    return {
        name: crew.once(_PEAK, {"maker": maker, "arguments": arguments}) for name, (maker, arguments) in found.items()
    }


def _options(sizes: dict[str, int]) -> dict[str, int]:
    return {name: size for name, size in sizes.items() if name != "batch"}


def _hold(crew: Crew, case: str, sizes: dict[str, int], settings: Settings, threads: int | None = None) -> Any:
    options = _options(sizes)
    model = networks.build("scaled", **options)
    images, labels = networks.samples(model, sizes["batch"])
    data = {"images": images, "labels": labels}
    own = data | {"network": "scaled", "options": options}
    participants = [
        Entry(ORACLE, _MINIDL, own | {"backend": "vectorized"}, timed=False),
        Entry(MINIDL, _MINIDL, own | {"backend": minidl.backend_name(), "threads": threads}),
    ]
    if not crews.missing("PyTorch"):
        chosen = {
            name: setting
            for name, setting in threads_and_layouts().items()
            if setting["threads"] == (machine.cores() if threads is None else threads)
        } or {f"{threads} threads": {"threads": threads, "channels_last": False}}
        participants += entries("PyTorch", _PYTORCH, data | {"layers": graph.describe(model)}, chosen)
    return hold(crew, case, participants, settings, tolerance=TOLERANCE)
