"""minidl where Python runs in a browser, as far as it can be told here: no Numba, no fcntl, and no threads."""

import sys
import tomllib
from pathlib import Path

import pytest

from minidl.data.prefetch import prefetched
from minidl.process import threads

packaging = pytest.importorskip("packaging.requirements")

ROOT = Path(__file__).resolve().parents[2]

IN_A_BROWSER = """
import sys, threading, numpy as np, numpy.random

sys.platform = "emscripten"
sys.modules.update(dict.fromkeys(("numba", "llvmlite", "fcntl", "termios", "multiprocessing"), None))

def start(self):
    raise RuntimeError("can't start new thread")

threading.Thread.start = start
"""

TRAIN = """
import io, minidl as ml

train, test = ml.datasets.fashion_mnist_10k()
model = ml.models.lenet(seed=0)
history = model.fit(
    train.images[:64], train.labels[:64], loss=ml.CrossEntropy(), optimizer=ml.Adam(model.parameters()), epochs=2,
    validation_data=(test.images[:32], test.labels[:32]), seed=0, verbose=0)
file = io.BytesIO()
model.save(file)
file.seek(0)
same = np.array_equal(ml.load(file).predict(test.images[:8]), model.predict(test.images[:8]))
model.save("{path}")
same &= np.array_equal(ml.load("{path}").predict(test.images[:8]), model.predict(test.images[:8]))
print(ml.backend_name(), ml.num_threads(), history["loss"][1] < history["loss"][0], same)
"""


def test_it_trains_predicts_and_saves_on_numpy_in_one_thread_without_a_warning(run_python, tmp_path):
    program = IN_A_BROWSER + TRAIN.replace("{path}", str(tmp_path / "lenet.npz"))
    told = run_python(program, options=["-W", "error"]).stdout
    assert told.split() == ["vectorized", "1", "True", "True"]


def test_the_choice_says_why(run_python):
    program = IN_A_BROWSER + (
        "from minidl import backends\nfrom minidl.process import threads\n"
        "print(*backends.choice(), sep=': ')\nprint(*threads.choice(), sep=': ')\n"
    )
    assert run_python(program, options=["-W", "error"], NUMBA_NUM_THREADS="4").stdout.splitlines() == [
        "vectorized: there is no Numba for browsers",
        "1: Python has no threads in a browser",
    ]


def test_what_would_be_prefetched_is_made_when_it_is_asked_for(monkeypatch):
    monkeypatch.setattr(sys, "platform", "emscripten")
    assert not threads.can_start()
    made = []
    items = prefetched((made.append(i) or i for i in range(3)), depth=2)
    assert next(items) == 0
    assert made == [0]
    assert list(items) == [1, 2]


@pytest.mark.parametrize(("platform", "expected"), [("emscripten", ["numpy"]), ("linux", ["numpy", "numba"])])
def test_numba_is_required_elsewhere(platform, expected):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = map(packaging.Requirement, project["dependencies"])
    assert [it.name for it in wanted if it.marker is None or it.marker.evaluate({"sys_platform": platform})] == expected
