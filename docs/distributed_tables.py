"""The tables of docs/distributed.md, and what its figure shows: measured by two suites, and predicted by step_model."""

import statistics
from collections.abc import Sequence
from typing import Any, NamedTuple

from benchmarks import step_model
from benchmarks.report import duration, file_size, times

HOSTS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
GLOBAL = 256
"""Images of the whole batch, where hosts share one that stays as large as it is."""
EACH = {"resnet20": 128, "resnet18-224": 32, "mobilenet-224": 32}
"""Images of each host, where the batch grows with their number."""
APART, SHARED = "without exchanges", "shared memory"
Records = Sequence[dict[str, Any]]
Rows = list[list[str]]


class Prediction(NamedTuple):
    """How many times as fast as one host HOSTS are, for a network and a link."""

    network: str
    link: str
    speedups: list[float]


def measured(records: Records) -> tuple[list[str], Rows]:
    """Images a second of one process, of ranks and of PyTorch's processes: columns and rows."""
    names = list(dict.fromkeys(name for record in records for name in record["contestants"]))
    _, whole, shared, *peers = names
    columns = ["network", *names, "ranks / process", *["ranks / DDP" for _ in peers], "exchanges", "sent"]
    rows = []
    for record in records:
        medians = {name: found["median"] for name, found in record["contestants"].items()}
        rates = [f"{record['batch'] / medians[name]:,.0f}" if name in medians else "-" for name in names]
        ratios = [times(medians[name] / medians[shared]) if name in medians else "-" for name in (whole, *peers)]
        sent = file_size(record["bytes"])
        rows.append([f"`{record['network']}`", *rates, *ratios, str(record["calls"]), sent])
    return columns, rows


def case(record: dict[str, Any], link: str) -> step_model.Case:
    """A step that was measured with a link."""
    medians = {name: found["median"] for name, found in record["contestants"].items()}
    found = step_model.exchanges(step_model.Sizes(**record["sizes"]), record["batch"], record["ranks"])
    return step_model.Case(medians[link], medians[APART], record["ranks"], found)


def steps(records: Records) -> list[dict[str, Any]]:
    """Those of measured steps."""
    return [record for record in records if record["kind"] == "step"]


def links(records: Records, *, without: str = "") -> dict[str, step_model.Link]:
    """What each link's messages and bytes take, fitted to all networks, or to all but one."""
    chosen = [record for record in steps(records) if record["network"] != without]
    names = [name for name in chosen[0]["contestants"] if name != APART]
    return {name: step_model.fit([case(record, name) for record in chosen]) for name in names}


def fitted(records: Records) -> tuple[list[str], Rows]:
    """A message's time and a link's rate."""
    rows = []
    for name, link in links(records).items():
        rate = f"{8 / link.byte / 1e6:,.0f} Mbit/s" if link.byte else "-"
        rows.append([name, duration(link.message), rate])
    return ["link", "one message (m)", "rate"], rows


def errors(records: Records) -> tuple[list[str], Rows, str]:
    """Each step as it was measured and as it's predicted, and a sentence on how far these are apart."""
    rows, found, blind = [], [], []
    fits = links(records)
    for record in steps(records):
        others = links(records, without=record["network"])
        for name, link in fits.items():
            given = case(record, name)
            own, other = (step_model.predicted(each, given) / given.seconds - 1 for each in (link, others[name]))
            found.append(abs(own))
            blind.append(abs(other))
            rows.append(
                [
                    *(f"`{record['network']}`", str(record["batch"]), name, duration(given.computing)),
                    *(duration(given.seconds), duration(given.seconds * (1 + own)), _percent(own), _percent(other)),
                ]
            )
    told = (
        f"The median error is {statistics.median(found):.0%}, the largest {max(found):.0%}; for networks left out of "
        f"the fit, they are {statistics.median(blind):.0%} and {max(blind):.0%}."
    )
    columns = [
        "network",
        "batch",
        "link",
        "computing",
        "measured",
        "predicted",
        "error",
        "error if left out of the fit",
    ]
    return columns, rows, told


def _percent(share: float) -> str:
    return f"{round(100 * share):+d}%"


def predictions(records: Records, *, weak: bool) -> list[Prediction]:
    """Of each network whose computing was measured, on each link that is a network."""
    found = []
    for record in records:
        if record["kind"] != "computing":
            continue
        name, sizes = record["network"], step_model.Sizes(**record["sizes"])
        computed = {int(count): timing["median"] for count, timing in record["contestants"].items()}
        images = EACH[name] if weak else GLOBAL
        for link, fit in links(records).items():
            if link != SHARED:
                given = step_model.speedups(fit, sizes, computed, HOSTS, images, weak=weak)
                found.append(Prediction(name, link, given))
    return found


def scaling(records: Records, *, weak: bool) -> tuple[list[str], Rows]:
    """A row for each network and link, a column for each number of hosts."""
    rows = []
    for name, link, speedups in predictions(records, weak=weak):
        shown = [f"{value:.2f}" if value < 9.95 else f"{value:.0f}" for value in speedups[1:]]
        rows.append([f"`{name}`", str(EACH[name] if weak else GLOBAL), link, *shown])
    images = "images per host" if weak else "images in all"
    return ["network", images, "link", *(f"{hosts} hosts" for hosts in HOSTS[1:])], rows


def parameters(records: Records) -> tuple[list[str], Rows]:
    """What a million parameters cost in each step."""
    million, rows = 1_000_000, []
    for ranks in HOSTS[1:]:
        found = step_model.of_gradients(million, ranks, exact=ranks <= 8)
        sent = sum(step_model.sent(each, ranks) for each in found)
        costs = [step_model.waiting(link, found, ranks) for link in links(records).values()]
        rows.append([str(ranks), file_size(sent), *map(duration, costs)])
    return ["ranks", "sent by each", *links(records)], rows
