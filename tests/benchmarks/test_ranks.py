"""Several processes as one contestant: told the same, and none of them left behind when one fails."""

import os
import time

import pytest

from benchmarks import ranks
from benchmarks.worker import Job, WorkerError

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="ranks answer at a Unix socket")
HERE = "tests.benchmarks.test_ranks"


def own_rank(offset=0):
    return int(os.environ["RANK"]) + offset


def job(seconds):
    calls = []
    return Job(lambda: calls.append(seconds), {"ranks": os.environ["WORLD_SIZE"]})


def failing_in_one():
    if os.environ["RANK"] == "1":
        raise ValueError("rank 1 can't")

    time.sleep(60)


def ending():
    os._exit(3)


@pytest.fixture
def pair():
    workers = ranks.apart("two", 2)
    yield workers
    workers.close()
    assert all(process.poll() is not None for process in workers._processes)


def test_each_is_told_the_same(pair):
    assert sorted(pair._ask("call", f"{HERE}:own_rank", {"offset": 5})) == [5, 6]
    assert pair.call(f"{HERE}:own_rank", {}) in (0, 1)
    assert pair.build("key", f"{HERE}:job", {"seconds": 1}) == {"ranks": "2"}
    assert pair.sample("key", 3, 0.0) >= 0
    pair.forget()
    with pytest.raises(WorkerError, match="KeyError"):
        pair.sample("key", 3, 0.0)


def test_the_slowest_counts(pair, monkeypatch):
    monkeypatch.setattr(pair, "_ask", lambda *_: [0.25, 0.5])
    assert pair.sample("key", 1, 0.0) == 0.5


def test_an_error_in_one_ends_the_others(pair):
    with pytest.raises(WorkerError, match="rank 1 can't"):
        pair.call(f"{HERE}:failing_in_one", {})


def test_a_process_that_ends_is_an_error(pair):
    with pytest.raises(WorkerError, match="two: one of its processes ended"):
        pair.call(f"{HERE}:ending", {})


def test_a_command_that_starts_nothing(monkeypatch):
    monkeypatch.setattr(ranks, "_SECONDS", 0.2)
    with pytest.raises(WorkerError, match="none: its 1 processes didn't start"):
        ranks.Ranks("none", 1, [["true"]])


def test_what_is_missing_is_said(monkeypatch):
    monkeypatch.setattr(ranks.importlib.util, "find_spec", lambda name: None)
    assert ranks.obstacle() == "not installed: mpi4py (pip install mpi4py mpich)"
    monkeypatch.setattr(ranks.importlib.util, "find_spec", lambda name: name)
    monkeypatch.setattr(ranks.shutil, "which", lambda *_, **__: None)
    assert ranks.obstacle() == "there is no mpiexec (pip install mpich)"


@pytest.mark.skipif(ranks.obstacle() is not None, reason=str(ranks.obstacle()))
def test_ranks_by_mpi():
    workers = ranks.by_mpi("two", 2)
    try:
        found = workers._ask("call", f"{HERE}:place", {})
    finally:
        workers.close()
    assert sorted(found) == [(0, 2), (1, 2)]


def place():
    from mpi4py import MPI

    return MPI.COMM_WORLD.rank, MPI.COMM_WORLD.size
