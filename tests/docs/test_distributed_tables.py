"""What the page of distributed training shows follows from what the suites wrote."""

import json

import pytest

from benchmarks import step_model
from docs import build_tables, distributed_tables

MILLION = {"parameters": 1_000_000, "scores": 10, "norms": []}


def contestants(**seconds):
    return {name.replace("_", " "): {"median": value} for name, value in seconds.items()}


def measured_by(link):
    """Records of two ranks on two hosts, whose network is this link."""
    sizes = [("lenet", {"parameters": 60_000, "scores": 10, "norms": []}), ("resnet", MILLION | {"norms": [16] * 20})]
    found = []
    for name, given in sizes:
        for batch in (32, 128):
            exchanged = step_model.exchanges(step_model.Sizes(**given), batch, 2)
            links = {"shared memory": step_model.Link(2e-6, 1e-10), "a network": link}
            medians = {who: batch * 1e-4 + step_model.waiting(each, exchanged, 2) for who, each in links.items()}
            medians["without exchanges"] = batch * 1e-4
            facts = {"kind": "step", "network": name, "batch": batch, "ranks": 2, "sizes": given}
            found.append(facts | {"contestants": {who: {"median": value} for who, value in medians.items()}})
    return found


def test_ranks_are_divided_by_one_process_and_by_ddp():
    medians = {"1 process, 1 thread": 0.2, "1 process, 2 threads": 0.1, "2 ranks": 0.125, "PyTorch DDP": 0.5}
    found = {who: {"median": value} for who, value in medians.items()}
    facts = {"network": "vgg", "batch": 128, "calls": 15, "bytes": 1_234_567}
    columns, [row] = distributed_tables.measured([facts | {"contestants": found}])
    assert columns == ["network", *medians, "ranks / process", "ranks / DDP", "exchanges", "sent"]
    assert row == ["`vgg`", "640", "1,280", "1,024", "256", "0.80 x", "4.00 x", "15", "1.23 MB"]
    del found["PyTorch DDP"]
    columns, [row] = distributed_tables.measured([facts | {"contestants": found}])
    assert row[4:] == ["0.80 x", "15", "1.23 MB"]


def test_a_network_is_found_again():
    records = measured_by(step_model.Link(1e-3, 8e-8))
    _, rows = distributed_tables.fitted(records)
    assert rows == [["shared memory", "2.00 µs", "80,000 Mbit/s"], ["a network", "1.00 ms", "100 Mbit/s"]]
    columns, rows, told = distributed_tables.errors(records)
    assert len(rows) == 2 * len(records)
    assert len(columns) == len(rows[0])
    assert [row[-2:] for row in rows if row[2] == "a network"] == [["+0%", "+0%"]] * 4
    assert told.startswith(
        "The median error is 0%, the largest 0%; for networks left out of the fit, they are 0% and 0%."
    )


def test_predictions_are_of_hosts_that_compute_as_measured():
    computing = {"kind": "computing", "network": "resnet20", "sizes": MILLION}
    computing["contestants"] = {str(images): {"median": images * 1e-3} for images in (1, 128, 256)}
    free = distributed_tables.predictions([*measured_by(step_model.Link(0, 0)), computing], weak=True)
    assert [found.network for found in free] == ["resnet20"]
    assert free[0].speedups == pytest.approx(distributed_tables.HOSTS)
    records = [*measured_by(step_model.Link(1e-3, 8e-8)), computing]
    [weak] = distributed_tables.predictions(records, weak=True)
    exchanged = 3e-3 + 8e-8 * (4e6 + 128 * 40)  # two hosts: three calls of a message, a whole vector, half the scores
    assert weak.speedups[1] == pytest.approx(2 * 0.128 / (0.128 + exchanged))
    columns, [row] = distributed_tables.scaling(records, weak=False)
    assert columns[:4] == ["network", "images in all", "link", "2 hosts"]
    assert row[:3] == ["`resnet20`", "256", "a network"]
    assert len(row) == len(columns)


def test_a_parameter_costs_its_bytes():
    columns, rows = distributed_tables.parameters(measured_by(step_model.Link(0, 8e-8)))
    assert columns == ["ranks", "sent by each", "shared memory", "a network"]
    assert rows[0] == ["2", "4.00 MB", "404 µs", "320 ms"]
    assert rows[-1][:2] == ["256", "7.97 MB"]


def test_the_model_exchanges_what_ranks_did():
    folder = build_tables.Path(build_tables.__file__).parent / "results"
    records = json.loads((folder / "hosts.json").read_text("utf-8"))["records"]
    for record in distributed_tables.steps(records):
        found = distributed_tables.case(record, "shared memory").exchanges
        sent = [[each.kind, step_model.sent(each, record["ranks"])] for each in found]
        assert sent == record["exchanges"], record["case"]
