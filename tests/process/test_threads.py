"""How many threads there are at first: what the environment says, the cores, and the control group's quota."""

import math
from concurrent.futures import ThreadPoolExecutor

import pytest

from minidl import num_threads, set_num_threads
from minidl.process import threads


@pytest.fixture(autouse=True)
def fresh(monkeypatch, tmp_path):
    """As at the start of a process with four cores, outside of any control group."""
    monkeypatch.setattr(threads, "_threads", None)
    monkeypatch.setattr(threads, "_reason", "")
    for name in threads.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(threads.os, "sched_getaffinity", lambda _: {0, 1, 2, 5}, raising=False)
    monkeypatch.setattr(threads, "CGROUPS", str(tmp_path / "fs"))
    monkeypatch.setattr(threads, "PROCESS_CGROUPS", str(tmp_path / "cgroup"))


def put(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_the_cores_that_the_process_may_use():
    assert threads.choice() == (4, "the cores that the process may use")


@pytest.mark.parametrize(
    ("numba", "omp", "number", "reason"),
    [
        ("3", None, 3, "NUMBA_NUM_THREADS says so"),
        (None, "1", 1, "OMP_NUM_THREADS says so"),
        ("2", "7", 2, "NUMBA_NUM_THREADS says so"),
        ("", "7", 7, "OMP_NUM_THREADS says so"),
        (None, " 3,2 ", 3, "OMP_NUM_THREADS says so"),
        (None, "0", 4, "the cores that the process may use"),
        ("-1", "many", 4, "the cores that the process may use"),
        ("2.5", "²", 4, "the cores that the process may use"),
        (None, "9" * 5000, 4, "the cores that the process may use"),
    ],
)
def test_the_environment(monkeypatch, numba, omp, number, reason):
    for name, value in (("NUMBA_NUM_THREADS", numba), ("OMP_NUM_THREADS", omp)):
        if value is not None:
            monkeypatch.setenv(name, value)
    assert threads.choice() == (number, reason)
    assert num_threads() == number


def test_a_limit_is_a_threads_own():
    with threads.limited(3), ThreadPoolExecutor(1) as other:
        assert (num_threads(), other.submit(num_threads).result()) == (3, 4)
        with threads.limited(1):
            assert num_threads() == 1
        assert (num_threads(), threads.choice()[0]) == (3, 4)
    assert num_threads() == 4


def test_a_call_wins_over_the_environment(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    set_num_threads(2)
    assert threads.choice() == (2, "it was set")


@pytest.mark.parametrize(
    ("limit", "quota", "number"),
    [
        ("max 100000", math.inf, 4),
        ("200000 100000", 2.0, 2),
        ("150000 100000", 1.5, 2),
        ("5000 100000", 0.05, 1),
        ("330000 100000", 3.3, 4),
        ("800000 100000", 8.0, 4),
        ("", math.inf, 4),
        ("nonsense", math.inf, 4),
        ("100000 0", math.inf, 4),
    ],
)
def test_a_quota_of_version_2(tmp_path, limit, quota, number):
    put(tmp_path / "cgroup", "0::/\n")
    put(tmp_path / "fs/cpu.max", limit)
    assert threads.cpu_quota() == quota
    assert num_threads() == number


def test_the_smallest_quota_of_the_groups_around_counts(tmp_path):
    put(tmp_path / "cgroup", "0::/kube/pod:1/box\n")
    put(tmp_path / "fs/kube/pod:1/box/cpu.max", "300000 100000")
    put(tmp_path / "fs/kube/pod:1/cpu.max", "150000 100000")
    put(tmp_path / "fs/kube/cpu.max", "max 100000")
    assert threads.choice() == (2, "the control group may use 1.5 of 4 cores")


@pytest.mark.parametrize("folder", ["cpu", "cpu,cpuacct"])
@pytest.mark.parametrize(("quota", "wanted"), [("-1", math.inf), ("50000", 0.5), ("200000", 2.0)])
def test_a_quota_of_version_1(tmp_path, folder, quota, wanted):
    put(tmp_path / "cgroup", f"7:blkio:/\n4:{folder}:/docker/ab\n0::/\n")
    put(tmp_path / f"fs/{folder}/docker/ab/cpu.cfs_quota_us", quota)
    put(tmp_path / f"fs/{folder}/docker/ab/cpu.cfs_period_us", "100000")
    assert threads.cpu_quota() == wanted


def test_a_container_sees_its_own_group_as_the_root(tmp_path):
    put(tmp_path / "cgroup", "4:cpu:/docker/of/the/host\n")
    put(tmp_path / "fs/cpu/cpu.cfs_quota_us", "100000")
    put(tmp_path / "fs/cpu/cpu.cfs_period_us", "100000")
    assert num_threads() == 1
