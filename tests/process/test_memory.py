import pytest

import minidl as ml
from minidl.process import memory


@pytest.fixture(autouse=True)
def same_limit_afterwards():
    before = ml.memory_limit()
    yield
    ml.set_memory_limit(before)


def test_the_limit_is_what_was_set():
    ml.set_memory_limit(12345)
    assert ml.memory_limit() == 12345
    for wrong in (0, -1, 1.5, "2", True):
        with pytest.raises(ValueError, match="limit: expected an int of at least 1"):
            ml.set_memory_limit(wrong)
    assert ml.memory_limit() == 12345


def test_at_first_it_is_what_the_environment_says(monkeypatch):
    monkeypatch.setattr(memory, "_limit", None)
    monkeypatch.setenv("MINIDL_MEMORY_LIMIT", " 536870912 ")
    assert ml.memory_limit() == 512 << 20


@pytest.mark.parametrize("wrong", ["1 GB", "-1", "0", "1e9"])
def test_an_environment_that_says_nothing_sensible(monkeypatch, wrong):
    monkeypatch.setattr(memory, "_limit", None)
    monkeypatch.setenv("MINIDL_MEMORY_LIMIT", wrong)
    with pytest.raises(ValueError, match="MINIDL_MEMORY_LIMIT: expected an int of at least 1, got"):
        ml.memory_limit()


@pytest.mark.parametrize(("threads", "gigabytes"), [(1, 1), (4, 1), (12, 3)])
def test_without_it_there_is_room_for_every_thread(monkeypatch, threads, gigabytes):
    monkeypatch.setattr(memory, "_limit", None)
    monkeypatch.setattr(memory.threads, "choice", lambda: (threads, "asked"))
    monkeypatch.delenv("MINIDL_MEMORY_LIMIT", raising=False)
    assert ml.memory_limit() == gigabytes << 30
