"""What the training and inference suites share: each network at each batch, minidl in its place among its peers."""

from collections.abc import Callable
from typing import Any

import minidl
from benchmarks import crew as crews
from benchmarks import graph, machine, networks, roofline
from benchmarks.contest import Entry, Result, hold
from benchmarks.crew import Crew
from benchmarks.report import Bars, Report, Table, duration, share, times
from benchmarks.timing import Settings

MINIDL, ORACLE = "minidl", "minidl vectorized"
TOLERANCE = {"losses": 2e-3, "gradient": networks.Network("").gradient_tolerance, "scores": 1e-3}
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


COMPILED = {"all threads, channels last": {"threads": machine.cores(), "channels_last": True, "is_compiled": True}}
"""The setting of torch.compile: each takes up to a minute to compile for each network and batch."""


def run(
    crew: Crew,
    settings: Settings,
    *,
    suite: str,
    title: str,
    function: str,
    peers: dict[str, Peer],
    labelled: bool,
    left_out: dict[str, tuple[str, ...]] | None = None,
) -> Report:
    """A table of medians: a row for each network and batch, a column for each contestant.

    `left_out` has, for a peer, the networks that it takes no part in.
    """
    left_out = left_out or {}
    peers = {name: peer for name, peer in peers.items() if settings.takes(name)}
    report = Report(suite, notes=crews.absences(list(peers)))
    present = [name for name in peers if not crews.missing(name)]
    columns = ["network", "batch", MINIDL, *peers, "best peer", "best peer/minidl", "GFLOP/s", "of FMA peak"]
    table = Table(title, columns)
    chosen = _chosen(settings, labelled=labelled)
    for peer in present:
        if names := [name for name in left_out.get(peer, ()) if name in chosen]:
            report.notes.append(f"{peer} is left out of {', '.join(names)}, for which it compiles for minutes")
    bounds = roofline.rates(crew, settings)
    for name, batches in chosen.items():
        model = networks.build(name)
        described = graph.describe(networks.without_softmax(model) if labelled else model)
        bars = Bars(f"{suite}: {name}", "seconds", {})
        for batch in batches:
            images, labels = networks.samples(model, batch)
            data: dict[str, Any] = {"images": images, "labels": labels} if labelled else {"images": images}
            own = {"network": name, "options": {}} | data
            participants = [
                Entry(ORACLE, f"{_OWN}:{function}", own | {"backend": "vectorized"}, timed=False),
                *_own(function, own),
            ]
            taking_part = [peer for peer in present if name not in left_out.get(peer, ())]
            for peer in taking_part:
                participants += peers[peer]({"layers": described} | data)
            result = hold(
                crew,
                f"{suite} {name}, batch {batch}",
                participants,
                settings,
                tolerance=TOLERANCE | {"gradient": networks.NETWORKS[name].gradient_tolerance},
                facts={"network": name, "batch": batch},
            )
            flops = batch * graph.flops(described, training=labelled)
            result.facts.update(roofline.facts(flops, result.best[MINIDL].median, bounds))
            table.rows.append(_row(result, list(peers), taking_part))
            print("  ".join(table.rows[-1]), flush=True)
            report.records.append(result.record())
            bars.groups[f"batch {batch}"] = {name: timing.median for name, timing in result.best.items()}
        report.bars.append(bars)
    report.tables.append(table)
    report.notes.append(roofline.note(bounds))
    return report


def _chosen(settings: Settings, *, labelled: bool) -> dict[str, tuple[int, ...]]:
    """The batches of each network that the settings ask for."""
    found = {}
    for name, network in networks.NETWORKS.items():
        if name in settings.networks or (not settings.networks and (not settings.quick or name == "lenet")):
            batches = network.training if labelled else network.inference
            quick = (32,) if settings.quick and not settings.networks else batches
            found[name] = settings.batches or quick
    return found


def _row(result: Result, peers: list[str], taking_part: list[str]) -> list[str]:
    """The cells of a case."""
    best = min(taking_part, key=lambda name: result.best[name].median, default=None)
    return [
        *(result.facts["network"], str(result.facts["batch"])),
        *(duration(result.median(name)) for name in (MINIDL, *peers)),
        *((best, times(result.ratio(MINIDL, best))) if best else ("-", "-")),
        *(f"{result.facts['GFLOP/s']:.1f}", share(result.facts.get("share of FMA peak"))),
    ]


_OWN = "benchmarks.contestants.with_minidl"


def _own(function: str, given: dict[str, Any]) -> list[Entry]:
    """Minidl as it comes: its default backend and threads; for inference, also by a Predictor."""
    given = given | {"backend": minidl.backend_name()}
    own = [Entry(MINIDL, f"{_OWN}:{function}", given)]
    if function == "inference":
        own = [Entry(MINIDL, f"{_OWN}:{function}", given, "model(x)")]
        own.append(Entry(MINIDL, f"{_OWN}:{function}", given | {"predicts": True}, "Predictor"))
    return own
