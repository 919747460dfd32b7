import numpy as np
import pytest

from benchmarks.check import CheckError
from benchmarks.contest import Entry, hold
from benchmarks.crew import Crew
from benchmarks.timing import QUICK
from benchmarks.worker import Job, LocalWorker, ProcessWorker, WorkerError


def constant(value):
    return Job(lambda: None, {"y": np.array([value])})


def failing():
    raise RuntimeError("no such thing")


class FakeWorker(LocalWorker):
    """Builds the jobs above, whose samples take as long as their value says."""

    log: list = []  # noqa: RUF012

    def build(self, key, function, options):
        self.log.append(("build", key))
        self.seconds = getattr(self, "seconds", {}) | {key: options.pop("seconds")}
        self._jobs[key] = constant(**options)
        return self._jobs[key].outcome

    def sample(self, key, loops, pause):
        self.log.append(("sample", key))
        return self.seconds[key] * loops


def entry(name, variant="", value=1.0, seconds=1.0, timed=True):
    return Entry(name, "unused", {"value": value, "seconds": seconds}, variant, timed=timed)


@pytest.fixture
def crew():
    FakeWorker.log.clear()
    with Crew(FakeWorker) as crew:
        yield crew


def test_everything_is_checked_before_anything_is_timed(crew):
    hold(crew, "a case", [entry("oracle"), entry("peer")], QUICK, tolerance=1e-3)
    verbs = [verb for verb, _ in FakeWorker.log]
    assert verbs == sorted(verbs)  # "build" comes before "sample"


def test_a_wrong_result_stops_the_case_before_it_is_timed(crew):
    with pytest.raises(CheckError, match="a case: y of peer differs from that of oracle"):
        hold(crew, "a case", [entry("oracle"), entry("peer", value=2.0)], QUICK, tolerance=1e-3)
    assert "sample" not in {verb for verb, _ in FakeWorker.log}


def test_the_best_setting_of_each_contestant_counts(crew):
    entries = [
        entry("minidl", seconds=2.0),
        entry("peer", "one thread", seconds=5.0),
        entry("peer", "two threads", seconds=3.0),
    ]
    result = hold(crew, "a case", entries, QUICK, tolerance=1e-3, facts={"batch": 32})
    assert result.median("peer") == 3.0
    assert result.ratio("minidl", "peer") == 1.5
    assert result.median("absent") is None
    assert result.ratio("minidl", "absent") is None
    record = result.record()
    assert record["case"] == "a case"
    assert record["batch"] == 32
    assert record["contestants"]["peer"]["variant"] == "two threads"
    assert record["contestants"]["peer"]["median"] == 3.0
    assert set(record["settings tried"]) == {"minidl", "peer (one thread)", "peer (two threads)"}


def test_an_oracle_that_is_no_contestant_is_not_timed(crew):
    result = hold(crew, "a case", [entry("oracle", timed=False), entry("minidl")], QUICK, tolerance=1e-3)
    assert set(result.best) == {"minidl"}
    assert ("sample", "oracle") not in FakeWorker.log


def test_a_worker_in_a_process_builds_samples_and_reports_errors():
    worker = ProcessWorker("PyTorch")
    try:
        assert worker.call("math:gcd", {}) == 0
        outcome = worker.build("product", "benchmarks.contestants.with_numpy:sgemm", {})
        assert outcome == {}
        assert worker.sample("product", 1, 0.0) > 0
        with pytest.raises(WorkerError, match="no_such_function"):
            worker.call("math:no_such_function", {})
        assert worker.call("math:gcd", {}) == 0
        with pytest.raises(WorkerError, match="PyTorch: its process ended with exit code 3"):
            worker.call("os:_exit", {"status": 3})
    finally:
        worker.close()
