"""The thread that makes items ahead: the same items, errors where they belong, and an end in every case."""

import gc
import threading

import numpy as np
import pytest

import minidl as ml
from minidl.data.prefetch import prefetched


def threads():
    return [thread for thread in threading.enumerate() if thread.name == "minidl prefetch"]


@pytest.fixture(autouse=True)
def no_thread_is_left():
    assert not threads()
    yield
    assert not threads()


@pytest.mark.parametrize("depth", [1, 2, 100])
def test_the_same_items_in_the_same_order(depth):
    items = [object() for _ in range(50)]
    assert list(prefetched(iter(items), depth)) == items
    assert list(prefetched(iter([]), depth)) == []


def test_it_is_ahead_by_the_depth_and_no_more():
    made, reached, last = [], threading.Event(), threading.Event()

    def items():
        for i in range(10):
            made.append(i)
            if i == 3:
                reached.set()
            if i == 4:
                last.set()
            yield i

    found = prefetched(items(), 3)
    assert made == []
    assert next(found) == 0
    assert reached.wait(10)  # item 0 is here, and 1, 2 and 3 are made ahead
    assert not last.wait(0.05)
    assert made == [0, 1, 2, 3]
    assert next(found) == 1
    assert last.wait(10)
    found.close()


def test_an_error_comes_after_the_items_before_it():
    def items():
        yield 1
        yield 2
        raise KeyError("the third")

    found = prefetched(items(), 5)
    assert [next(found), next(found)] == [1, 2]
    with pytest.raises(KeyError, match="the third") as caught:
        next(found)
    assert caught.traceback[-1].name == "items"
    assert list(found) == []


def test_an_exit_in_the_thread_reaches_the_caller():
    def items():
        raise SystemExit(3)
        yield

    with pytest.raises(SystemExit):
        next(prefetched(items(), 1))


@pytest.mark.parametrize("depth", [1, 4])
def test_leaving_the_loop_ends_the_thread_and_the_items(depth):
    closed = []

    def items():
        try:
            yield from range(1000)
        finally:
            closed.append(True)

    source = items()
    for item in prefetched(source, depth):
        if item == 5:
            break
    del source
    gc.collect()
    assert not threads()
    assert closed == [True]


def test_an_iteration_that_never_began_has_no_thread():
    found = prefetched(iter(range(5)), 2)
    assert not threads()
    del found


def test_an_error_in_the_loop_ends_the_thread():
    def loop():
        for item in prefetched(iter(range(1000)), 2):
            if item == 3:
                raise ValueError("in the loop")

    with pytest.raises(ValueError, match="in the loop"):
        loop()
    gc.collect()


def test_a_program_may_end_in_the_middle(run_python):
    program = (
        "import numpy as np, minidl as ml\n"
        "x = np.zeros((100, 2), np.float32)\n"
        "parts = ml.batches(x, x, batch_size=1, prefetch=2)\n"
        "print(len(next(parts)[0]))"
    )
    assert run_python(program).stdout.strip() == "1"


@pytest.mark.parametrize("prefetch", [1, 3])
def test_training_with_it_gives_the_same_bits(prefetch):
    rng = np.random.default_rng(0)
    x, y = rng.random((60, 1, 8, 8), dtype=np.float32), rng.integers(0, 3, 60)
    states = []
    for ahead in (0, prefetch):
        model = ml.Sequential(
            [ml.Conv2D(4, 3), ml.ReLU(), ml.MaxPool2D(2), ml.Flatten(), ml.Dense(3)], input_shape=(1, 8, 8), seed=0
        )
        history = model.fit(
            x, y, loss=ml.CrossEntropy(), optimizer=ml.Adam(model.parameters()), epochs=3, batch_size=16, seed=1,
            augment=[ml.augment.RandomHorizontalFlip(), ml.augment.RandomRotation(20)], prefetch=ahead, verbose=0,
        )  # fmt: skip
        states.append([*model.state_dict().values(), np.array(history["loss"])])
    for one, other in zip(*states, strict=True):
        np.testing.assert_array_equal(one, other)
