"""A step of ranks that share a batch beside one process of as many threads, and PyTorch's DistributedDataParallel."""

from dataclasses import replace
from typing import Any

from benchmarks import crew as crews
from benchmarks import graph, machine, networks, ranks
from benchmarks.contest import Entry, hold
from benchmarks.crew import Crew
from benchmarks.report import Bars, Report, Table, file_size, times
from benchmarks.suites.network_suite import ORACLE, TOLERANCE, entries
from benchmarks.timing import Settings
from minidl.process.share import PARTS

NETWORKS = ("lenet", "vgg", "resnet20")
BATCHES = (128,)
DDP = "PyTorch DDP"
PAUSE = 1.3
"""Seconds before each sample: for one, threads that helped take naps, and wake on cores that ranks are bound to."""
_ONE = "benchmarks.contestants.with_minidl:training"
_RANKS = "benchmarks.contestants.with_ranks"
_DDP = "benchmarks.contestants.with_ddp:training"


def run(crew: Crew, settings: Settings) -> Report:
    """Images a second, the gradients compared before; and what a rank sends in a step."""
    report = Report("distributed")
    if not settings.quick:
        settings = replace(
            settings, pause=max(settings.pause, PAUSE), sample_seconds=max(settings.sample_seconds, 0.25)
        )
    if reason := ranks.obstacle():
        report.notes.append(f"nothing is measured: {reason}")
        return report
    count, cores = number_of_ranks(), machine.cores()
    names = _names(count, cores)
    one, whole, shared = names
    crew.add(shared, ranks.by_mpi(shared, count))
    peer = f"{DDP}, {count} processes"
    has_peer = settings.takes("PyTorch") and not crews.missing("PyTorch")
    if has_peer:
        crew.add(peer, ranks.apart(peer, count))
    elif settings.takes("PyTorch"):
        report.notes += crews.absences(["PyTorch"])
    shown = [*names, *[peer] * has_peer]
    table = Table(
        "Images a second", ["network", "batch", *shown, f"{shared}, of {whole}", f"{shared}, of DDP", "calls", "sent"]
    )
    for name in settings.networks or (NETWORKS[:1] if settings.quick else NETWORKS):
        described = graph.describe(networks.without_softmax(networks.build(name)))
        bars = Bars(f"distributed: {name}", "seconds", {})
        for batch in settings.batches or ((32,) if settings.quick else BATCHES):
            images, labels = networks.samples(networks.build(name), batch)
            data: dict[str, Any] = {"images": images, "labels": labels}
            own = data | {"network": name, "options": {}}
            participants = [
                Entry(ORACLE, _ONE, own | {"backend": "vectorized"}, timed=False),
                Entry(one, _ONE, own | {"backend": "compiled", "threads": 1}),
                Entry(whole, _ONE, own | {"backend": "compiled", "threads": cores}),
                Entry(shared, f"{_RANKS}:training", own),
            ]
            if has_peer:
                layouts = {"channels first": False, "channels last": True}
                chosen = {variant: {"threads": 1, "channels_last": last} for variant, last in layouts.items()}
                participants += entries(peer, _DDP, data | {"layers": described}, chosen)
            result = hold(
                crew,
                f"distributed {name}, batch {batch}",
                participants,
                settings,
                tolerance=TOLERANCE | {"gradient": networks.NETWORKS[name].gradient_tolerance},
                facts={"network": name, "batch": batch, "ranks": count},
            )
            exchanged = crew.worker(shared).call(f"{_RANKS}:exchanges", own)
            result.facts.update(calls=len(exchanged), bytes=sum(sent for _, sent, _ in exchanged))
            table.rows.append(
                [
                    *(name, str(batch), *(f"{batch / result.best[who].median:,.0f}" for who in shown)),
                    *(times(result.ratio(shared, whole)), times(result.ratio(shared, peer))),
                    *(str(result.facts["calls"]), file_size(result.facts["bytes"])),
                ]
            )
            print("  ".join(table.rows[-1]), flush=True)
            report.records.append(result.record())
            bars.groups[f"batch {batch}"] = {who: timing.median for who, timing in result.best.items()}
        report.bars.append(bars)
    report.tables.append(table)
    report.notes.append("calls and bytes are those that one rank makes and sends in a step")
    return report


def number_of_ranks() -> int:
    """As many as there are cores, if these are a power of two, and no more than give the same bits."""
    return min(1 << (machine.cores().bit_length() - 1), PARTS)


def _names(count: int, cores: int) -> tuple[str, str, str]:
    """What the contestants of minidl are called."""
    return "1 process, 1 thread", f"1 process, {cores} threads", f"{count} ranks, 1 thread each"
