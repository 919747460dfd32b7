import threading

import numpy as np
import pytest

import minidl as ml
from minidl import functional as F
from tests.stress import exits, interrupts

pytestmark = pytest.mark.compiled

PROGRAM = """
import threading
import numba
import numpy as np
import minidl as ml

ml.set_num_threads({threads})
rng = np.random.default_rng(0)
images = rng.standard_normal((64, 3, 32, 32), dtype=np.float32)
model = ml.models.vgg(seed=0)
expected = [model(images[i:]) for i in range(8)]
results = [None] * 8

def work(i):
    for _ in range(3):
        results[i] = model(images[i:])

threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert all(np.array_equal(a, b) for a, b in zip(results, expected))
try:
    print(numba.threading_layer())
except ValueError:  # none has been started
    print("own threads")
"""

FORK = """
import os
import numpy as np
import minidl as ml

ml.set_num_threads(2)
images = np.random.default_rng(0).standard_normal((64, 3, 32, 32), dtype=np.float32)
model = ml.models.vgg(seed=0)
expected = model(images)
child = os.fork()
if child == 0:
    os._exit(0 if ml.num_threads() == 1 and np.array_equal(model(images), expected) else 1)
assert os.waitpid(child, 0)[1] == 0
assert np.array_equal(model(images), expected)
print("both")
"""

SLEEP = """
import time
import numpy as np
import minidl as ml
from minidl.backends.compiled.runtime import thread_pool

ml.set_num_threads(3)
images = np.random.default_rng(0).standard_normal((64, 3, 32, 32), dtype=np.float32)
model = ml.models.vgg(seed=0)
expected = model(images)
deadline = time.monotonic() + 60
while not all(helper.asleep for helper in thread_pool._helpers) and time.monotonic() < deadline:
    time.sleep(0.01)
assert len(thread_pool._helpers) == 2
assert all(helper.asleep for helper in thread_pool._helpers)
while all(helper.asleep for helper in thread_pool._helpers) and time.monotonic() < deadline:
    assert np.array_equal(model(images), expected)
assert not all(helper.asleep for helper in thread_pool._helpers)
print("woken")
"""


@pytest.mark.parametrize("helpers", [1, 3])
def test_many_python_threads_at_once(run_python, helpers):
    """Numba's threading layers, of which one aborts when two threads call it, have no part in it."""
    assert run_python(PROGRAM.format(threads=helpers + 1)).stdout == "own threads\n"


@pytest.mark.skipif("not hasattr(__import__('os'), 'fork')", reason="needs fork")
def test_a_forked_child_works_alone(run_python):
    assert run_python(FORK).stdout == "both\n"


def test_helpers_sleep_wake_and_end_with_the_process(run_python):
    assert run_python(SLEEP).stdout == "woken\n"


def test_a_process_ends_while_its_daemon_threads_are_in_kernels(run_python):
    """Of those that freed what kernels wrote to, seven in ten crashed."""
    run_python(f"import sys; sys.argv[1:] = ['predict cnn', '1', '0']\n{exits.PROGRAM}\nbegin(2)")


@pytest.mark.skipif("not hasattr(__import__('signal'), 'setitimer')", reason="needs timers")
def test_what_follows_an_interrupt_is_right():
    with ml.use_backend("compiled"):
        interrupts.run(60, 20.0, first_uses=0)


def test_a_bell_may_be_rung_twice():
    from minidl.backends.compiled.runtime import thread_pool

    helper = thread_pool._Helper.__new__(thread_pool._Helper)
    helper.bell = threading.Lock()
    helper.bell.acquire()
    helper.wake()
    helper.wake()
    assert helper.bell.acquire(blocking=False)


@pytest.mark.parametrize("tasks", [0, 1, 2, 1000])
def test_every_task_is_done_once(tasks):
    import numpy as np

    from minidl.backends.compiled.activation import elementwise
    from minidl.backends.compiled.runtime import program

    before = ml.num_threads()
    x, y = np.full(tasks * 16, 3, np.float32), np.zeros(tasks * 16 + 1, np.float32)
    operands = elementwise.operands_of(x, x, y[: x.size])._replace(tasks=max(tasks, 1))
    record = elementwise._Elementwise(operands, 0.0, 0.0)
    job = program.Job(elementwise._KERNELS["forward", "relu"], record, tasks, program.SMALL)
    try:
        for threads in (1, 2, 5):
            ml.set_num_threads(threads)
            for _ in range(20):
                y[:] = 0
                program.run(y.dtype, job, job)
                assert (y[:-1] == 3).all()
                assert y[-1] == 0
    finally:
        ml.set_num_threads(before)


def test_the_number_of_threads():
    before = ml.num_threads()
    try:
        ml.set_num_threads(3)
        assert ml.num_threads() == 3
        for wrong in (0, -1, 1.5, "2", True):
            with pytest.raises(ValueError, match="threads: expected an int of at least 1"):
                ml.set_num_threads(wrong)
        assert ml.num_threads() == 3
    finally:
        ml.set_num_threads(before)


@pytest.fixture
def thread_pool(monkeypatch):
    """The module, as if nobody had helped yet."""
    from minidl.backends.compiled.runtime import thread_pool

    monkeypatch.setattr(thread_pool, "_helpers", [])
    monkeypatch.setattr(thread_pool, "_most", thread_pool.MOST_HELPERS)
    return thread_pool


@pytest.mark.parametrize("allowed", [0, 1])
def test_as_many_helpers_as_the_system_allows(thread_pool, monkeypatch, allowed):
    """With fewer threads than were asked for the bits are the same, and no further one is asked for."""
    x = np.random.default_rng(0).standard_normal((64, 8, 20, 20)).astype(np.float32)
    w = np.random.default_rng(1).standard_normal((8, 8, 3, 3)).astype(np.float32)
    asked = []

    class Helper:
        asleep = False

        def __init__(self, me):
            asked.append(me)
            if me > allowed:
                raise RuntimeError("can't start new thread")

    monkeypatch.setattr(thread_pool, "_Helper", Helper)
    before = ml.num_threads()
    with ml.use_backend("compiled"):
        try:
            ml.set_num_threads(1)
            expected, _ = F.conv2d(x, w)
            ml.set_num_threads(100_000)
            for _ in range(3):
                y, _ = F.conv2d(x, w)
                np.testing.assert_array_equal(y, expected)
        finally:
            ml.set_num_threads(before)
    assert asked == list(range(1, allowed + 2))


def test_more_helpers_than_could_be_of_use_are_not_started(thread_pool, monkeypatch):
    started = []

    class Helper:
        asleep = False

        def __init__(self, me):
            started.append(me)

    monkeypatch.setattr(thread_pool, "_Helper", Helper)
    assert thread_pool._gather(100_000) == thread_pool.MOST_HELPERS + 1
    assert len(started) == thread_pool.MOST_HELPERS
