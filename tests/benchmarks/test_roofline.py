from dataclasses import replace

import pytest

from benchmarks import roofline
from benchmarks.crew import Crew
from benchmarks.timing import QUICK
from benchmarks.worker import LocalWorker


def test_a_share_is_of_each_bound():
    found = roofline.facts(3_000_000_000, 0.5, {"sgemm": 8e9, "FMA peak": 12e9})
    assert found == {"flops": 3_000_000_000, "GFLOP/s": 6, "share of sgemm": 0.75, "share of FMA peak": 0.5}
    assert roofline.note({"sgemm": 8e9, "FMA peak": 16e9}).startswith("sgemm 8 GFLOP/s; FMA peak 16 GFLOP/s (50% of th")
    assert roofline.note({"sgemm": 8e9}).startswith("sgemm 8 GFLOP/s. Operations")


@pytest.mark.parametrize("is_there", [True, False])
def test_the_bounds_are_measured(monkeypatch, is_there):
    if is_there:
        pytest.importorskip("llvmlite")
    monkeypatch.setattr(roofline.importlib.util, "find_spec", lambda name: name if is_there else None)
    with Crew(LocalWorker) as crew:
        found = roofline.rates(crew, replace(QUICK, rounds=1, sample_seconds=0.0, pause=0.0))
    assert set(found) == ({"sgemm", "FMA peak"} if is_there else {"sgemm"})
    assert all(rate > 0 for rate in found.values())


def test_the_chains_are_counted():
    pytest.importorskip("llvmlite")
    from benchmarks.contestants import fma_peak

    lanes, count = fma_peak._sizes()
    for threads in (1, 3):
        job = fma_peak.chains(threads=threads)
        assert job.outcome["flops"] == 2 * lanes * count * fma_peak.STEPS * threads
        job.run()
