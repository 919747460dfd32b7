"""What the training and inference suites share: each network at each batch, minidl in its place among its peers."""

from collections.abc import Callable
from typing import Any

from benchmarks import crew as crews
from benchmarks import machine, networks
from benchmarks.contest import Entry, hold
from benchmarks.crew import Crew
from benchmarks.report import Bars, Report, Table, duration, times
from benchmarks.timing import Settings

BATCHES = (1, 32, 128)
MINIDL, ORACLE = "minidl", "minidl vectorized"
TOLERANCE = {"losses": 2e-3, "gradient": 2e-2, "scores": 1e-3}
Peer = Callable[[dict[str, Any]], list[Entry]]
"""peer(what the framework is given) -> its entries, one for each setting."""


def entries(contestant: str, function: str, given: dict[str, Any], settings: dict[str, dict[str, Any]]) -> list[Entry]:
    """One entry for each setting of a peer: {its name: options}."""
    return [Entry(contestant, function, given | options, variant) for variant, options in settings.items()]


def threads_and_layouts() -> dict[str, dict[str, Any]]:
    """PyTorch's settings: one thread and all, channels first and last."""
    return {
        f"{threads} thread{'s' * (threads > 1)}{', channels last' * channels_last}": {
            "threads": threads,
            "channels_last": channels_last,
        }
        for threads in machine.thread_counts()
        for channels_last in (False, True)
    }


def run(
    crew: Crew, settings: Settings, *, suite: str, title: str, function: str, peers: dict[str, Peer], labelled: bool
) -> Report:
    """A table of medians: a row for each network and batch, a column for each contestant."""
    report = Report(suite, notes=crews.absences(list(peers)))
    present = [name for name in peers if not crews.missing(name)]
    table = Table(title, ["network", "batch", MINIDL, *peers, "best peer", "best peer/minidl"])
    names = [name for name in networks.NAMES if not settings.quick or name == "lenet"]
    for network in names:
        model = networks.build(network)
        described = networks.describe(networks.without_softmax(model) if labelled else model)
        bars = Bars(f"{suite}: {network}", "seconds", {})
        for batch in (32,) if settings.quick else BATCHES:
            assert model.input_shape is not None
            images, labels = networks.samples(model.input_shape, batch)
            data: dict[str, Any] = {"images": images, "labels": labels} if labelled else {"images": images}
            own = {"network": network, "options": {}} | data
            participants = [
                Entry(ORACLE, f"{_OWN}:{function}", own | {"backend": "vectorized"}, timed=False),
                *_own(function, own),
            ]
            for name in present:
                participants += peers[name]({"layers": described} | data)
            result = hold(
                crew,
                f"{suite} {network}, batch {batch}",
                participants,
                settings,
                tolerance=TOLERANCE,
                facts={"network": network, "batch": batch},
            )
            best = min(present, key=lambda name: result.best[name].median, default=None)
            table.rows.append(
                [network, str(batch), *(duration(result.median(name)) for name in (MINIDL, *peers))]
                + ([best, times(result.ratio(MINIDL, best))] if best else ["-", "-"])
            )
            report.records.append(result.record())
            bars.groups[f"batch {batch}"] = {name: timing.median for name, timing in result.best.items()}
        report.bars.append(bars)
    report.tables.append(table)
    return report


_OWN = "benchmarks.contestants.with_minidl"


def _own(function: str, given: dict[str, Any]) -> list[Entry]:
    """Minidl as it comes: its default backend and threads."""
    import minidl

    return [Entry(MINIDL, f"{_OWN}:{function}", given | {"backend": minidl.backend_name()})]
