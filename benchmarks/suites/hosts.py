"""What the model of a distributed step is fitted to: steps on two hosts with slow networks, and computing alone."""

import contextlib
from typing import Any

from benchmarks import graph, machine, networks, ranks, step_model, two_hosts
from benchmarks.contest import Result
from benchmarks.crew import Crew
from benchmarks.report import Report, Table, duration
from benchmarks.timing import Sampler, Settings, Timing, interleave

MEASURED = ("lenet", "vgg", "resnet20")
BATCHES = (32, 128)
PREDICTED = {
    "resnet20": (1, 2, 4, 8, 16, 32, 64, 128, 256),
    "resnet18-224": (1, 2, 4, 8, 16, 32),
    "mobilenet-224": (1, 2, 4, 8, 16, 32),
}
"""The images for which computing is measured, by the networks of which more hosts are predicted."""
SHARED = "shared memory"
APART = "without exchanges"
_ONE = "benchmarks.contestants.with_minidl:unchecked"
_RANKS = "benchmarks.contestants.with_ranks"


def run(crew: Crew, settings: Settings) -> Report:
    """Two processes of one thread each that exchange nothing, that share memory, and that have a network between."""
    report = Report("hosts")
    reason = ranks.obstacle() or two_hosts.obstacle()
    if reason:
        report.notes.append(f"nothing is measured: {reason}")
        return report
    with contextlib.ExitStack() as stack:
        _steps(crew, settings, report, stack)
    _computing(crew, settings, report)
    return report


def _steps(crew: Crew, settings: Settings, report: Report, stack: contextlib.ExitStack) -> None:
    """Each network and batch on two ranks."""
    crew.add(APART, ranks.apart(APART, 2))
    crew.add(SHARED, ranks.by_mpi(SHARED, 2))
    links = dict(list(two_hosts.LINKS.items())[:1]) if settings.quick else two_hosts.LINKS
    for name, link in links.items():
        mpiexec = stack.enter_context(two_hosts.two_hosts(link))
        worker = ranks.by_mpi(name, 2, [*mpiexec, "-n", "2"])
        stack.callback(worker.close)  # before its hosts are gone
        crew.add(name, worker)
    who = [APART, SHARED, *links]
    table = Table("A step of two ranks with one thread each", ["network", "batch", *who])
    for network in settings.networks or (MEASURED[:1] if settings.quick else MEASURED):
        sizes = _sizes(network)
        for batch in settings.batches or (BATCHES[:1] if settings.quick else BATCHES):
            own = _given(network, batch)
            half = _given(network, batch // 2) | {"backend": "compiled", "threads": 1}
            samplers = {APART: _built(crew, APART, _ONE, half, settings)}
            samplers |= {name: _built(crew, name, f"{_RANKS}:training", own, settings) for name in who[1:]}
            timings = interleave(samplers, settings)
            exchanged = crew.worker(SHARED).call(f"{_RANKS}:exchanges", own)
            for name in who:
                crew.worker(name).forget()
            facts = {"kind": "step", "network": network, "batch": batch, "ranks": 2, "sizes": sizes._asdict()}
            facts |= {"exchanges": [[kind, sent] for kind, sent, _ in exchanged]}
            report.records.append(
                Result(f"{network}, batch {batch}", timings, dict.fromkeys(who, ""), {}, facts).record()
            )
            table.rows.append([network, str(batch), *(duration(timings[name].median) for name in who)])
            print("  ".join(table.rows[-1]), flush=True)
    report.tables.append(table)


def _computing(crew: Crew, settings: Settings, report: Report) -> None:
    """One process on all cores, for as many images as a host may have."""
    table = Table("A step of one process", ["network", "images", f"{machine.cores()} threads"])
    chosen = {"resnet20": (1, 2)} if settings.quick else PREDICTED
    for network, counts in chosen.items():
        sizes = _sizes(network)
        given = {"backend": "compiled", "threads": machine.cores()}
        timings: dict[str, Timing] = {}
        for count in counts:  # one by one, as each takes much memory
            sampler = _built(crew, "minidl", _ONE, _given(network, count) | given, settings)
            timings |= interleave({str(count): sampler}, settings)
            crew.worker("minidl").forget()
        facts = {"kind": "computing", "network": network, "sizes": sizes._asdict()}
        report.records.append(Result(network, timings, dict.fromkeys(timings, ""), {}, facts).record())
        table.rows += [[network, count, duration(timing.median)] for count, timing in timings.items()]
        print("\n".join("  ".join(row) for row in table.rows[-len(counts) :]), flush=True)
    report.tables.append(table)


def _given(network: str, batch: int) -> dict[str, Any]:
    images, labels = networks.samples(networks.build(network), batch)
    return {"network": network, "options": {}, "images": images, "labels": labels}


def _sizes(network: str) -> step_model.Sizes:
    return step_model.described(graph.describe(networks.without_softmax(networks.build(network))))


def _built(crew: Crew, contestant: str, function: str, given: dict[str, Any], settings: Settings) -> Sampler:
    """What samples a job of a contestant, which is made now."""
    crew.worker(contestant).build("step", function, given)
    return lambda loops: crew.worker(contestant).sample("step", loops, settings.pause)
