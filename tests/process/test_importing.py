import os
import sys
import threading

import pytest

from minidl.process import importing

SLOW = """
import signal, threading
if threading.current_thread() is threading.main_thread():
    signal.raise_signal(signal.SIGINT)
done = True
"""

FORKED = """
import os, signal, sys, threading, time
import numpy as np
import minidl as ml

importing = threading.Event()

class Slow:
    def find_spec(name, path, target=None):
        if name == NAME and not importing.is_set():
            importing.set()
            time.sleep(0.3)

sys.modules.pop(NAME, None)  # what measures coverage has imported some of them
sys.meta_path.insert(0, Slow)

def train():
    model = ml.Sequential([ml.Dense(2)], input_shape=(3,), seed=None)
    x, y = np.ones((4, 3), np.float32), np.arange(4) % 2
    model.fit(x, y, loss=ml.CrossEntropy(), optimizer=ml.SGD(model.parameters(), lr=0.1), epochs=1, verbose=0,
              prefetch=1)

thread = threading.Thread(target=train)
thread.start()
assert importing.wait(60)
child = os.fork()
if child == 0:
    signal.alarm(20)  # ended by it, should it hang
    train()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
thread.join()
print("both")
"""


@pytest.fixture
def slow(tmp_path, monkeypatch):
    """The name of a module during whose import Ctrl-C comes."""
    (tmp_path / "slow_to_import.py").write_text(SLOW, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    yield "slow_to_import"
    sys.modules.pop("slow_to_import", None)
    importing._loaded.pop("slow_to_import", None)


def test_an_interrupt_waits_for_the_end_of_an_import(slow):
    with pytest.raises(KeyboardInterrupt):
        importing.imported(slow)
    assert sys.modules[slow].done
    assert importing.imported(slow) is sys.modules[slow]


def test_threads_get_the_same_module(slow):
    modules = []
    threads = [threading.Thread(target=lambda: modules.append(importing.imported(slow))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert modules == [sys.modules[slow]] * 4


def test_what_is_needed_is_imported_before(slow, tmp_path):
    (tmp_path / "needs_slow.py").write_text("import sys; there = 'json' in sys.modules", encoding="utf-8")
    try:
        assert importing.imported("needs_slow", after="json").there
    finally:
        del sys.modules["needs_slow"], importing._loaded["needs_slow"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs forks")
@pytest.mark.parametrize("name", ["minidl.augment", "copy", "queue"])
def test_a_child_trains_though_a_thread_was_importing_what_training_needs(name, run_python):
    program = FORKED.replace("NAME", repr(name))
    assert run_python(program, MINIDL_BACKEND="vectorized", PYTHONWARNINGS="ignore").stdout == "both\n"
