"""The tables of the benchmarks' page and of distributed.md: each build makes them from docs/results/*.json.

`python -m benchmarks` wrote these.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.report import duration, file_size, memory_size, share, times
from docs import distributed_tables

SUITES = ("training", "inference", "operators", "time_to_accuracy", "cold", "memory", "distributed", "hosts")
ACROSS = ("behind", "roofline")
"""The tables that are of training and inference together."""
PREDICTED = ("hosts_weak", "hosts_strong", "hosts_parameters")
"""Those that follow from what two hosts measured."""
BUSY = 0.5
"""A load of the machine, for each of its cores, from which on a page warns of it."""


class ResultsError(RuntimeError):
    """Results that aren't there, or aren't results."""


def read(folder: Path, suite: str) -> dict[str, Any]:
    """What one suite wrote; raises ResultsError."""
    path = folder / f"{suite}.json"
    try:
        results: dict[str, Any] = json.loads(path.read_text("utf-8"))
        if results["suite"] != suite:
            raise ValueError(f"results of {results['suite']}")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ResultsError(f"{path}: {error!r}: write it with python -m benchmarks {suite} --out {folder}") from error
    return results


def build(results: Path, folder: Path) -> None:
    """Write <folder>/<suite>.md for each suite, and behind.md and roofline.md of training and inference."""
    folder.mkdir(parents=True, exist_ok=True)
    both = {suite: read(results, suite)["records"] for suite in ("training", "inference")}
    for name in ACROSS:
        (folder / f"{name}.md").write_text("\n".join([*_TABLES[name](both), ""]), encoding="utf-8")
    for name in PREDICTED:
        records = read(results, "hosts")["records"]
        (folder / f"{name}.md").write_text("\n".join([*_TABLES[name](records), ""]), encoding="utf-8")
    for suite in SUITES:
        found = read(results, suite)
        text = "\n".join([*_TABLES[suite](found["records"]), *measured_on(found), ""])
        (folder / f"{suite}.md").write_text(text, encoding="utf-8")


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, labels: int = 1) -> list[str]:
    """Lines of a Markdown table whose columns after the first `labels` are aligned right."""
    rule = ["---"] * labels + ["--:"] * (len(columns) - labels)
    return [f"| {' | '.join(cells)} |" for cells in (columns, rule, *rows)] + [""]


def measured_on(results: dict[str, Any]) -> list[str]:
    """The machine and the versions, as a paragraph."""
    machine = results["machine"]
    minidl, versions = machine["minidl"], machine["versions"]
    text = (
        f"Measured on {machine['date'][:10]} with {machine['processor']}, {machine['cores']} cores "
        f"({', '.join(machine['SIMD'])}), {machine['system'].split('-')[0]}; minidl {minidl['version']} at revision "
        f"{minidl['revision']}, {minidl['threads']} threads; "
        + ", ".join(f"{name} {version}" for name, version in versions.items())
        + f"; NumPy on {machine['BLAS of NumPy']}; {results['settings']['rounds']} rounds."
    )
    if machine["load"] is not None and machine["load"] > BUSY * machine["cores"]:
        text += f" The machine was busy with other work at the start (load {machine['load']:.1f})."
    return [":::{container} measured", text, ":::", ""]


def _medians(record: dict[str, Any]) -> dict[str, float]:
    return {name: result["median"] for name, result in record["contestants"].items()}


def networks(records: list[dict[str, Any]]) -> list[str]:
    """A row for each network and batch, minidl beside its peers, and the best of these by minidl."""
    peers = list(dict.fromkeys(name for record in records for name in record["contestants"] if name != "minidl"))
    rows = []
    for record in records:
        medians, best = _medians(record), _best(record)
        cells = [duration(medians.get(name)) for name in ("minidl", *peers)]
        rows.append([f"`{record['network']}`", str(record["batch"]), *cells, best, times(_ratio(record))])
    return table(["network", "batch", "minidl", *peers, "best peer", "best peer / minidl"], rows)


def behind(found: dict[str, list[dict[str, Any]]]) -> list[str]:
    """The cases of {suite: records} in which a peer is faster than minidl, the worst first."""
    cases = [(suite, record) for suite, records in found.items() for record in records if _ratio(record) < 1]
    if not cases:
        return ["In every case below minidl is ahead of all others.", ""]
    rows = []
    for suite, record in sorted(cases, key=lambda case: _ratio(case[1])):
        medians, best = _medians(record), _best(record)
        cells = [suite, f"`{record['network']}`", str(record["batch"]), duration(medians["minidl"])]
        rows.append([*cells, best, duration(medians[best]), times(_ratio(record))])
    count = sum(map(len, found.values()))
    lines = [f"In {len(cases)} of {count} cases another framework is faster; the worst first:", ""]
    columns = ["", "network", "batch", "minidl", "best peer", "its time", "best peer / minidl"]
    return lines + table(columns, rows, labels=2)


def roofline(found: dict[str, list[dict[str, Any]]]) -> list[str]:
    """For each case of {suite: records} minidl's rate, and its share of the bounds; nothing where it isn't known."""
    rows = [
        [
            *(suite, f"`{record['network']}`", str(record["batch"])),
            *(f"{record['flops'] / record['batch'] / 1e6:.1f}", f"{record['GFLOP/s']:.0f}"),
            *(share(record.get("share of FMA peak")), share(record.get("share of sgemm"))),
        ]
        for suite, records in found.items()
        for record in records
        if "GFLOP/s" in record
    ]
    columns = ["", "network", "batch", "million operations per image", "GFLOP/s", "of FMA peak", "of sgemm"]
    return table(columns, rows, labels=2) if rows else []


def _best(record: dict[str, Any]) -> str:
    """The fastest peer."""
    medians = _medians(record)
    return min((name for name in medians if name != "minidl"), key=lambda name: medians[name])


def _ratio(record: dict[str, Any]) -> float:
    """The best peer's time by minidl's."""
    medians = _medians(record)
    return medians[_best(record)] / medians["minidl"]


def operators(records: list[dict[str, Any]]) -> list[str]:
    """Small shapes with the loops, large ones with the rate."""
    small = [record for record in records if "minidl reference" in record["contestants"]]
    large = [record for record in records if "minidl reference" not in record["contestants"]]
    backends = ["minidl reference", "minidl vectorized", "minidl compiled", "PyTorch"]
    lines = ["Small shapes, for which the loops take no longer than a second:", ""]
    lines += table(["operator", "shapes", *backends, "loops / compiled", "PyTorch / compiled"], _rows(small, backends))
    lines += ["Large shapes; the rate is that of `compiled`, and `sgemm` NumPy's matrix product of as much work:", ""]
    rows = [
        [*row, f"{record['GFLOP/s']:.0f}" if "GFLOP/s" in record else "-", share(record.get("share of sgemm"))]
        for record, row in zip(large, _rows(large, backends[1:]), strict=True)
    ]
    return lines + table(
        ["operator", "shapes", *backends[1:], "PyTorch / compiled", "GFLOP/s", "of sgemm"], rows, labels=2
    )


def _rows(records: list[dict[str, Any]], backends: list[str]) -> list[list[str]]:
    rows = []
    for record in records:
        medians = _medians(record)
        others = [name for name in (backends[0], "PyTorch") if name != "minidl vectorized"]
        ratios = [times(medians[name] / medians["minidl compiled"]) if name in medians else "-" for name in others]
        name = f"`{record['operator']}` {record['direction']}"
        rows.append([name, record["shapes"], *(duration(medians.get(backend)) for backend in backends), *ratios])
    return rows


def time_to_accuracy(records: list[dict[str, Any]]) -> list[str]:
    """A row for each seed and framework."""
    rows = [
        [
            record["case"],
            record["contestant"],
            duration(record["seconds"]),
            f"{record['steps']:,}",
            f"{record['accuracy']:.2%}",
        ]
        for record in records
    ]
    return table(["", "framework", "time", "steps", "accuracy"], rows, labels=2)


def cold(records: list[dict[str, Any]]) -> list[str]:
    """Import, first step and size on disk."""
    found = {record["case"]: record for record in records}
    lines = table(["import", "time"], [[name, duration(t)] for name, t in found["import"]["medians"].items()])
    lines += table(
        ["first training step of `lenet`, from the start of the process", "time"],
        [[name, duration(seconds)] for name, seconds in found["first step"]["medians"].items()],
    )
    sizes = found["installed size"]["bytes"].items()
    return lines + table(["installed, with requirements", "size"], [[name, file_size(count)] for name, count in sizes])


def memory(records: list[dict[str, Any]]) -> list[str]:
    """Resident memory at two times of a training."""
    moments = [name for name in records[0] if name not in ("case", "network")]
    rows = []
    for record in records:
        before, after = (record[moment] for moment in moments)
        sizes = (memory_size(before), memory_size(after), f"{after / before - 1:+.1%}")
        rows.append([f"`{record.get('network', 'lenet')}`", record["case"], *sizes])
    return table(["network", "framework", *(f"{moment} steps" for moment in moments), "growth"], rows, labels=2)


def distributed(records: list[dict[str, Any]]) -> list[str]:
    """One process, ranks and PyTorch's processes."""
    return table(*distributed_tables.measured(records))


def hosts(records: list[dict[str, Any]]) -> list[str]:
    """What was fitted to two hosts, and how well."""
    columns, rows, told = distributed_tables.errors(records)
    return [*table(*distributed_tables.fitted(records)), told, "", *table(columns, rows, labels=3)]


_TABLES: dict[str, Callable[[Any], list[str]]] = {
    "behind": behind,
    "roofline": roofline,
    "training": networks,
    "inference": networks,
    "operators": operators,
    "time_to_accuracy": time_to_accuracy,
    "cold": cold,
    "memory": memory,
    "distributed": distributed,
    "hosts": hosts,
    "hosts_weak": lambda records: table(*distributed_tables.scaling(records, weak=True), labels=3),
    "hosts_strong": lambda records: table(*distributed_tables.scaling(records, weak=False), labels=3),
    "hosts_parameters": lambda records: table(*distributed_tables.parameters(records)),
}
