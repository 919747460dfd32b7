"""Time and memory of a training step against batch, image side, channels and threads."""

from typing import Any

import minidl
from benchmarks import crew as crews
from benchmarks import graph, machine, networks
from benchmarks.contest import Entry, hold
from benchmarks.crew import Crew
from benchmarks.report import Bars, Report, Table, duration, megabytes, times
from benchmarks.suites.memory import makers
from benchmarks.suites.network_suite import MINIDL, ORACLE, TOLERANCE, entries, threads_and_layouts
from benchmarks.timing import Settings

BASE = {"batch": 32, "side": 28, "channels": 16}
SWEEPS = {"batch": (1, 4, 16, 64, 256), "side": (14, 28, 56, 112), "channels": (4, 16, 64)}
QUICK_SWEEPS = {"batch": (4, 16), "side": (14,), "channels": (4,)}
_MINIDL = "benchmarks.contestants.with_minidl:training"
_PYTORCH = "benchmarks.contestants.with_pytorch:training"
_PEAK = "benchmarks.contestants.lifetime:peak_of"


def run(crew: Crew, settings: Settings) -> Report:
    """Change one size at a time; memory is what the steps take in a new process, beyond code and thread pools."""
    report = Report("scaling", notes=crews.absences(["PyTorch"]))
    for quantity, values in (QUICK_SWEEPS if settings.quick else SWEEPS).items():
        table = Table(
            f"A training step against {quantity} (else {_told(quantity)})",
            [quantity, MINIDL, "PyTorch", "PyTorch/minidl", "memory minidl", "memory PyTorch"],
            labels=0,
        )
        bars = Bars(f"A training step against {quantity}", "seconds", {})
        for value in values:
            sizes = BASE | {quantity: value}
            result = _hold(crew, f"{quantity} {value}", sizes, settings)
            options = {"channels": sizes["channels"], "side": sizes["side"]}
            memory = {
                name: crew.once(_PEAK, {"maker": maker, "arguments": arguments})
                for name, (maker, arguments) in makers("scaled", options, sizes["batch"]).items()
            }
            result.facts.update(sizes | {"memory in bytes": memory})
            table.rows.append(
                [
                    str(value),
                    *(duration(result.median(name)) for name in (MINIDL, "PyTorch")),
                    times(result.ratio(MINIDL, "PyTorch")),
                    *(megabytes(memory.get(name)) for name in ("minidl", "PyTorch")),
                ]
            )
            report.records.append(result.record())
            bars.groups[f"{quantity} {value}"] = {name: timing.median for name, timing in result.best.items()}
        report.tables.append(table)
        report.bars.append(bars)
    _sweep_threads(crew, settings, report)
    return report


def _sweep_threads(crew: Crew, settings: Settings, report: Report) -> None:
    table = Table(f"A training step against threads ({_told()})", ["threads", MINIDL, "PyTorch", "PyTorch/minidl"])
    for threads in range(1, machine.cores() + 1):
        result = _hold(crew, f"threads {threads}", BASE, settings, threads)
        result.facts.update(BASE | {"threads": threads})
        medians = [duration(result.median(name)) for name in (MINIDL, "PyTorch")]
        table.rows.append([str(threads), *medians, times(result.ratio(MINIDL, "PyTorch"))])
        report.records.append(result.record())
    report.tables.append(table)


def _told(without: str = "") -> str:
    return ", ".join(f"{name} {value}" for name, value in BASE.items() if name != without)


def _hold(crew: Crew, case: str, sizes: dict[str, int], settings: Settings, threads: int | None = None) -> Any:
    options = {"channels": sizes["channels"], "side": sizes["side"]}
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
