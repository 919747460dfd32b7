import threading

import pytest

from minidl.process import locks

LAZY = """
import os, signal, threading, time
import numpy as np
import minidl as ml

building, done = threading.Event(), threading.Event()

def slow(shape, rng):
    building.set()
    done.wait(0.3)
    return np.ones(shape)

model = ml.Sequential([ml.Dense(2, weight_init=slow)])
thread = threading.Thread(target=model, args=(np.ones((1, 3), np.float32),))
thread.start()
assert building.wait(60)
child = os.fork()
if child == 0:
    signal.alarm(60)  # ended by it, should it hang
    y = ml.Sequential([ml.Dense(2)], seed=0)(np.ones((1, 3), np.float32))
    os._exit(0 if y.shape == (1, 2) and model.input_shape == (3,) else 1)
assert os.waitpid(child, 0)[1] == 0
thread.join()
print("both")
"""


@pytest.fixture
def registered(monkeypatch):
    """A registry with one lock."""
    monkeypatch.setattr(locks, "_locks", {})
    monkeypatch.setattr(locks, "_taken", {})
    return locks.lock("building")


def held_by_another(lock, event):
    """A thread that holds the lock until the event; it has it already."""
    has_it = threading.Event()

    def work():
        with lock:
            has_it.set()
            event.wait(60)

    thread = threading.Thread(target=work)
    thread.start()
    assert has_it.wait(60)
    return thread


def test_a_fork_waits_for_whoever_holds_a_lock(registered):
    release, forked = threading.Event(), []
    holder = held_by_another(registered, release)

    def fork():
        locks._take_all()
        forked.append(release.is_set())
        locks._release_all()

    thread = threading.Thread(target=fork)
    thread.start()
    thread.join(0.05)
    assert not forked
    release.set()
    thread.join()
    holder.join()
    assert forked == [True]
    assert registered.acquire(blocking=False)
    registered.release()


def test_a_fork_that_waits_no_longer_finds_the_lock_free_in_the_child(registered, monkeypatch):
    monkeypatch.setattr(locks, "PATIENCE", 0)
    mine = locks.heed("counting", threading.RLock())
    release = threading.Event()
    holder = held_by_another(registered, release)
    locks._take_all()
    assert locks._taken == {threading.get_ident(): ["counting"]}
    release.set()
    holder.join()
    locks._start_alone()
    for lock in (registered, mine):
        assert lock.acquire(blocking=False)
        lock.release()
    assert not locks._taken


def test_threads_give_way_to_forks_unless_they_hold_what_these_wait_for(registered, monkeypatch):
    monkeypatch.setattr(locks, "_waiting", [1])
    done = []
    thread = threading.Thread(target=lambda: done.append(locks.give_way()))
    thread.start()
    with registered:
        locks.give_way()
    thread.join(0.02)
    assert not done
    locks._waiting.clear()
    thread.join()
    assert done == [None]


def test_a_thread_may_fork_while_it_holds_a_lock(registered):
    with registered:
        locks._take_all()
        locks._release_all()
        assert registered._is_owned()
    assert not registered._is_owned()


@pytest.mark.compiled
def test_every_lock_is_taken_before_a_fork():
    from minidl.backends.compiled.codegen import jit
    from minidl.engine import room
    from minidl.layers import dropout
    from minidl.model import _building

    assert sorted(locks._locks) == sorted(locks.ORDER)
    for name, lock in (
        ("building", _building),
        ("preparing", room._preparing),
        ("counting", dropout._counting),
        ("compiling", jit._compiling),
        ("numba", jit.global_compiler_lock._lock),
    ):
        assert locks._locks[name] is lock


@pytest.mark.skipif("not hasattr(__import__('os'), 'fork')", reason="needs fork")
def test_a_child_builds_lazy_models_though_a_thread_was_building_one(run_python):
    assert run_python(LAZY, MINIDL_BACKEND="vectorized", PYTHONWARNINGS="ignore").stdout == "both\n"
