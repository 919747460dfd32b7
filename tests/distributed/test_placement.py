"""The cores of a machine, shared out among its ranks."""

import os

import pytest

import minidl as ml
from minidl.distributed import placement
from minidl.process import threads
from tests.distributed.mpiexec import in_ranks, needs_mpi


class Local:
    """Stands for mpi4py's communicator of a machine's ranks: rank `index` of some that may use these cores."""

    def __init__(self, index, *everyone):
        self.index, self.everyone = index, list(everyone)

    def Get_rank(self):  # noqa: N802
        return self.index

    def allgather(self, own):
        assert own == self.everyone[self.index]
        return self.everyone


@pytest.fixture
def machine(monkeypatch):
    """Eight cores; what ranks are bound to is noted."""
    bound = []
    monkeypatch.setattr(placement, "bind", lambda cores: bound.append(tuple(cores)))
    monkeypatch.setattr(placement, "by_core", list)
    monkeypatch.setattr(threads, "cpu_quota", lambda: float("inf"))
    for name, value in (("_threads", 8), ("_reason", "cores"), ("_asked", False)):
        monkeypatch.setattr(threads, name, value)

    def settled(index, *everyone, wanted=None):
        monkeypatch.setattr(placement, "affinity", lambda: everyone[index])
        bound.clear()
        return placement.settle(Local(index, *everyone), wanted), list(bound)

    return settled


ALL = tuple(range(8))


def test_ranks_that_may_use_the_same_cores_share_them_out(machine):
    place, bound = machine(1, ALL, ALL, ALL)
    assert (place.cores, place.threads, place.ranks) == ((2, 3, 4), 2, 3)
    assert bound == [(2, 3, 4)]
    assert str(place) == "cores 2-4, 2 threads, with 3 on its machine"


def test_ranks_that_the_launcher_has_bound_stay(machine):
    place, bound = machine(1, (0, 1), (4, 5))
    assert (place.cores, place.threads, bound) == ((4, 5), 2, [])


def test_ranks_that_are_bound_in_groups_share_each_group(machine):
    place, bound = machine(3, (0, 1), (0, 1), (2, 3), (2, 3))
    assert (place.threads, bound) == (1, [(3,)])


def test_more_ranks_than_cores_have_a_thread_each_and_no_core(machine):
    place, bound = machine(2, *[(0, 1)] * 4)
    assert (place.cores, place.threads, bound) == ((0, 1), 1, [])


def test_threads_that_the_user_asks_for(machine):
    assert machine(0, ALL, ALL, wanted=2)[0].threads == 2
    place, bound = machine(0, ALL, ALL, wanted=8)  # more than cores: the system finds places for them
    assert (place.threads, bound) == (8, [])
    ml.set_num_threads(3)
    assert machine(0, ALL, ALL)[0].threads == 3


def test_one_rank_has_the_machine(machine):
    place, bound = machine(0, ALL)
    assert (place.threads, bound) == (8, [])


def test_a_quota_is_shared(machine, monkeypatch):
    monkeypatch.setattr(threads, "cpu_quota", lambda: 3.0)
    assert machine(0, ALL, ALL)[0].threads == 2


def test_spans_of_cores():
    assert [placement.spans(cores) for cores in [(3,), (0, 1, 2, 3, 8), (0, 2)]] == [
        "core 3",
        "cores 0-3,8",
        "cores 0,2",
    ]


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="needs Linux's affinity")
def test_hyperthreads_of_a_core_are_neighbours():
    own = placement.affinity()
    assert sorted(placement.by_core(own)) == list(own)
    assert placement.by_core([10**6, 10**6 - 1]) == [10**6 - 1, 10**6]


@needs_mpi
@pytest.mark.parametrize("ranks", [1, 2])
def test_info_tells_of_ranks(tmp_path, ranks):
    (tmp_path / "info.py").write_text("from minidl.__main__ import main\nmain(['info'])\n")
    done = in_ranks(ranks, tmp_path / "info.py")
    lines = [line for line in done.stdout.splitlines() if line.startswith("ranks ")]
    assert len(lines) == ranks, done.stderr
    assert all(f"rank {rank} of {ranks} (" in line for rank, line in enumerate(lines))
    assert f"with {ranks} on its machine" in lines[0]
