"""Resident memory after the first steps and after many: nothing may pile up."""

from typing import Any

from benchmarks import crew as crews
from benchmarks import graph, networks
from benchmarks.contestants import TIMED_RATE
from benchmarks.crew import Crew
from benchmarks.report import Bars, Report, Table, memory_size
from benchmarks.timing import Settings
from benchmarks.worker import WorkerError

NETWORKS, BATCH = ("lenet", "resnet20", "mobilenet"), 32
_AFTER = "benchmarks.contestants.lifetime:after"


def run(crew: Crew, settings: Settings) -> Report:
    """Train each network in a process of its own, for each framework."""
    first, last = (10, 50) if settings.quick else (50, 1000)
    report = Report("memory", notes=crews.absences(["PyTorch"]))
    table = Table(
        f"Resident memory while training, batch {BATCH}",
        ["network", "framework", f"after {first} steps", f"after {last}", "growth"],
        labels=2,
    )
    bars = Bars("Resident memory while training", "MiB", {}, logarithmic=False)
    names = settings.networks or NETWORKS[: 1 if settings.quick else None]
    cases = [(network, *made) for network in names for made in makers(network, {}, BATCH).items()]
    for network, name, (maker, arguments) in cases:
        options = {"maker": maker, "arguments": arguments, "counts": [first, last]}
        try:
            before, after = crew.once(_AFTER, options)
        except WorkerError as error:
            if "OSError" not in str(error):
                raise
            report.notes.append("resident memory isn't measured: this system doesn't tell it in /proc/self/status")
            break
        table.rows.append([network, name, memory_size(before), memory_size(after), f"{after / before - 1:+.2%}"])
        report.records.append({"case": name, "network": network, f"after {first}": before, f"after {last}": after})
        sizes = {f"after {first} steps": before / 2**20, f"after {last} steps": after / 2**20}
        bars.groups[f"{network}, {name}"] = sizes
    if bars.groups:
        report.bars.append(bars)
    report.tables.append(table)
    return report


def makers(network: str, options: dict[str, Any], batch: int) -> dict[str, tuple[str, dict[str, Any]]]:
    """For each framework that is installed, the function that makes a training step, and its arguments."""
    model = networks.build(network, **options)
    images, labels = networks.samples(model, batch)
    data = {"images": images, "labels": labels, "rate": TIMED_RATE}
    found = {
        "minidl": (
            "benchmarks.contestants.with_minidl:make_step",
            data | {"network": network, "options": options},
        )
    }
    if not crews.missing("PyTorch"):
        layers = graph.describe(networks.without_softmax(model))
        found["PyTorch"] = (
            "benchmarks.contestants.with_pytorch:make_step",
            data | {"layers": layers, "channels_last": False},
        )
    return found
