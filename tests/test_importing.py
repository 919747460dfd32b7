import sys
import threading

import pytest

from minidl import importing

SLOW = """
import signal, threading
if threading.current_thread() is threading.main_thread():
    signal.raise_signal(signal.SIGINT)
done = True
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
