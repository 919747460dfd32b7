"""Warming up: what it says of its steps, and of the kernels that are compiled for them."""

import io
import re
import sys

import numpy as np
import pytest

import minidl as ml
from minidl import backends
from minidl.display import progress


@pytest.fixture
def drawn(monkeypatch):
    """What has been drawn so far: everything, on our own line."""
    monkeypatch.setattr(progress, "can_draw", lambda stream: True)
    monkeypatch.setattr(progress, "DELAY_SECONDS", 0.0)
    monkeypatch.setattr(progress, "REDRAW_SECONDS", 0.0)
    monkeypatch.setattr(progress, "_tqdm", lambda stream: None)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    return lambda: sys.stderr.getvalue().split("\r\x1b[K")[1:]


def test_the_steps(drawn, capsys):
    with ml.use_backend("vectorized"):
        ml.warm_up(ml.models.tutorial(seed=0), (1, 28, 28), batch_size=3)
        steps = [re.sub(r"\[.*\]", "|", line) for line in drawn()]
        assert steps == [
            "warm up  | 0/4  one sample",
            "warm up  | 1/4  3 samples",
            "warm up  | 2/4  training with Adam",
            "warm up  | 3/4  training with SGD",
            "",
        ]
        ml.warm_up(ml.Sequential([ml.Flatten()], input_shape=(4,)), (4,), verbose=1)
    assert [line[-15:] for line in drawn()[5:7]] == ["0/2  one sample", "1/2  64 samples"]
    assert re.fullmatch(r"warm up  [\d.]+ (m|µ)?s  0 kernels compiled\n", capsys.readouterr().out)


def test_it_is_silent_by_default_where_nobody_watches(capfd):
    with ml.use_backend("vectorized"):
        ml.warm_up(ml.Sequential([ml.Dense(2)], input_shape=(4,)), (4,))
    assert capfd.readouterr() == ("", "")
    with pytest.raises(ValueError, match="verbose"):
        ml.warm_up(ml.Sequential([ml.Dense(2)], input_shape=(4,)), (4,), verbose="loud")


@pytest.mark.compiled
def test_kernels_are_named_as_they_are_compiled(tmp_path, run_python):
    program = (
        "import numpy as np, minidl as ml\n"
        "from minidl import backends, functional as F\n"
        "for name in 'first', 'again':\n"
        "    told = []\n"
        "    with backends.compiling(told.append):\n"
        "        F.relu(np.ones((3, 5), np.float32))\n"
        "    print(name, sorted(set(told)))\n"
        "F.softmax(np.ones((3, 5), np.float32))\n"  # outside
        "print(len(told))\n"
    )
    for before in (False, True):  # then with a cache that has them
        first, again, outside = run_python(program, NUMBA_CACHE_DIR=str(tmp_path)).stdout.splitlines()
        assert ("relu" in first) == (not before)
        assert again == "again []"
        assert outside == "0"


def test_nothing_is_compiled_elsewhere():
    told = []
    with ml.use_backend("vectorized"), backends.compiling(told.append):
        ml.functional.relu(np.ones((2, 3)))
    assert told == []
