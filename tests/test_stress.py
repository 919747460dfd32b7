"""The stress tests work: each part runs a few times here, and `make stress` runs them at length."""

import importlib
import inspect
import os
import random
from pathlib import Path

import pytest

from minidl.errors import FormatError
from tests.stress import fuzz, inputs

FOLDER = Path(__file__).parent / "stress"
HELPERS = {"__main__", "command", "foreign", "inputs"}
PARTS = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem not in HELPERS)
OF_ITS_OWN = "threads"
"""The part that looks at the memory of its process, which shouldn't be that of other tests."""

COUNTS = {"fuzz": 400, "kills": 4, "interrupts": 20, "races": 50, "forks": 2}
LESS = {"interrupts": {"first_uses": 0}}  # each of them a process that compiles


@pytest.mark.compiled
@pytest.mark.skipif(not hasattr(os, "fork"), reason="the parts fork")
@pytest.mark.untraced  # or threads that take turns as often as can be do so in the middle of noting each line
@pytest.mark.parametrize("part", [part for part in PARTS if part != OF_ITS_OWN])
def test_each_part_runs(part):
    module = importlib.import_module(f"tests.stress.{part}")
    assert list(inspect.signature(module.run).parameters)[:2] == ["count", "seconds"]
    done = module.run(COUNTS.get(part, 1), 5.0, **LESS.get(part, {}))
    assert not isinstance(done, int) or 1 <= done <= COUNTS.get(part, 10**6)


@pytest.mark.compiled
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux tells how much memory is resident")
def test_the_part_of_its_own_process_runs(run_python):
    done = run_python(f"from tests.stress import {OF_ITS_OWN} as part; print(part.run(1, 5.0))", MINIDL_BACKEND=None)
    assert done.stdout.startswith("32 predictions in 32 threads")


def test_the_runner_knows_each_part():
    runner = importlib.import_module("tests.stress.__main__")
    assert {part.name for part in runner.PARTS} >= set(PARTS)
    assert [part.count for part in runner.PARTS if part.name in ("fuzz", "kills")] == [1_000_000, 1000]
    parts = [part.seconds for part in runner.PARTS]
    assert (sum(parts) + max(parts)) / 2 <= 60 * runner.MINUTES + max(parts) / 2  # two at a time


def test_the_runner_tells_what_failed(tmp_path, capsys, monkeypatch):
    runner = importlib.import_module("tests.stress.__main__")
    parts = (runner.Part("gone", 3, 1), runner.Part("command", 1000, 0))
    monkeypatch.setattr(runner, "PARTS", parts)
    assert runner.main([]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["part", "asked", "done", "failures", "took"]
    assert lines[1].split()[:3] == ["gone", "3", "1:"]
    assert lines[2].split()[:3] == ["command", "1,000", "0"]
    with pytest.raises(SystemExit):
        runner.main(["none"])


def test_a_number_makes_the_same_input_again():
    content = inputs.array_file(fuzz.X)
    assert inputs.changed(content, random.Random(3)) == inputs.changed(content, random.Random(3))
    assert inputs.changed(content, random.Random(3)) != inputs.changed(content, random.Random(4))
    told = inputs.retold(b'{"a": [1, 2.5, null]}', random.Random(0))
    assert told == inputs.retold(b'{"a": [1, 2.5, null]}', random.Random(0)) != b'{"a": [1, 2.5, null]}'


class Made:
    """Readers that fail as they shouldn't, and as they should."""

    content = b"abc"

    def __init__(self, error):
        def read(rng):
            raise error

        self.readers = [read]


def test_another_error_than_those_documented_is_reported_with_the_input():
    fuzz.trial(0, Made(FormatError("a.npz: damaged")))
    with pytest.raises(AssertionError, match=r"input 7 of read, b'abc':\n(?s:.*)KeyError: 'wait'"):
        fuzz.trial(7, Made(KeyError("wait")))
    with pytest.raises(AssertionError, match="input 7 of read: an error of 20000 characters"):
        fuzz.trial(7, Made(FormatError("x" * 20_000)))


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="the system doesn't tell its addresses")
def test_memory_is_bounded():
    with pytest.raises(MemoryError), fuzz.little_memory():
        bytearray(2 * fuzz.ROOM)
