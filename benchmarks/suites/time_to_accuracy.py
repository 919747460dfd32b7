"""Seconds of training until `cnn` knows 91 % of the test images of Fashion-MNIST, beside PyTorch."""

import statistics
from typing import Any

import minidl
from benchmarks import crew as crews
from benchmarks import graph
from benchmarks.check import CheckError
from benchmarks.contestants import accuracy
from benchmarks.crew import Crew
from benchmarks.report import Bars, Report, Table, duration, times
from benchmarks.timing import Settings

TARGET, QUICK_TARGET = 0.91, 0.80
SEEDS = 3
CLOSE = 0.03
"""How far apart the frameworks' accuracies may be at the first evaluation, where they have seen the same batches."""
_MODULE = "benchmarks.contestants.accuracy"


def run(crew: Crew, settings: Settings) -> Report:
    """One recipe, and for each seed the same parameters and the same batches; the frameworks take turns."""
    report = Report("time_to_accuracy", notes=crews.absences(["PyTorch"]))
    try:
        accuracy.data(quick=settings.quick)
    except FileNotFoundError as error:
        report.notes.append(f"time_to_accuracy is left out: {error}")
        return report
    target = QUICK_TARGET if settings.quick else TARGET
    names = ["minidl"] + ["PyTorch"] * (not crews.missing("PyTorch"))
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    table = Table(
        f"Training until {target:.0%} of the test images: Adam {accuracy.LEARNING_RATE:g}, batches of {accuracy.BATCH}",
        ["seed", *(f"{name}{what}" for name in names for what in ("", " steps", " accuracy"))],
    )
    for seed in range(1 if settings.quick else SEEDS):
        for name in names if seed % 2 == 0 else names[::-1]:
            found[name].append(_train(crew, name, seed, target, settings.quick))
        _check(seed, {name: results[-1] for name, results in found.items()})
        row = [str(seed)]
        for name in names:
            result = found[name][-1]
            row += [duration(result["seconds"]), str(result["steps"]), f"{result['accuracy']:.2%}"]
            report.records.append({"case": f"seed {seed}", "contestant": name, "target": target, **result})
        table.rows.append(row)
    report.tables.append(table)
    medians = {
        name: statistics.median(result["seconds"] for result in results)
        for name, results in found.items()
        if all(result["seconds"] is not None for result in results)
    }
    if medians:
        table.rows.append(["median"] + [cell for name in names for cell in (duration(medians.get(name)), "", "")])
        report.bars.append(Bars(table.title, "seconds", {"cnn": medians}, logarithmic=False))
    if len(medians) == 2:
        report.notes.append(f"PyTorch takes {times(medians['PyTorch'] / medians['minidl'])} the seconds of minidl")
    return report


def _train(crew: Crew, name: str, seed: int, target: float, quick: bool) -> dict[str, Any]:
    options: dict[str, Any] = {"seed": seed, "target": target, "quick": quick}
    if name == "PyTorch":
        options["layers"] = graph.describe(minidl.models.cnn(seed=seed))
    result: dict[str, Any] = crew.once(f"{_MODULE}:with_{name.lower()}", options)
    return result


def _check(seed: int, results: dict[str, dict[str, Any]]) -> None:
    first = {name: result["curve"][0][1] for name, result in results.items()}
    if max(first.values()) - min(first.values()) > CLOSE:
        raise CheckError(f"time_to_accuracy, seed {seed}: accuracies after the same batches are far apart: {first}")
