"""Networks of a size that tests choose: how many there are at once, and who waits."""

import gc
import threading
import time
import types

import numpy as np
import pytest

import minidl as ml
from minidl.engine import room
from minidl.engine.shelf import NETWORK_BYTES, Prepared, Shelf

SIZE = 1 << 20
LAYER = ml.ReLU()


@pytest.fixture(autouse=True)
def limit(monkeypatch):
    """Room for two networks of `SIZE`."""
    gc.collect()
    before = ml.memory_limit()
    ml.set_memory_limit(1)  # what others have left behind goes
    others = sum(prepared.size() for prepared in room._all())
    ml.set_memory_limit(round((others + 2.5 * SIZE) / room.SHARE))
    monkeypatch.setattr(room, "PAUSE", 30)  # told, not found out
    yield
    ml.set_memory_limit(before)


def network(size=SIZE):
    return Prepared(types.SimpleNamespace(size=size - NETWORK_BYTES), [LAYER], [])


def made(shelf, *, waits=True, size=SIZE):
    return room.prepared(shelf, LAYER, lambda: network(size), waits=waits)


def busy(shelf):
    """A network in use."""
    prepared = made(shelf)
    prepared.is_busy = True
    return prepared


def put_back(shelf, prepared):
    prepared.is_busy = False
    room.done(shelf, prepared)


class Thread(threading.Thread):
    """A thread that asks for a network; it waits when the constructor returns."""

    def __init__(self, shelf, *, waits=True):
        super().__init__(daemon=True)
        self.shelf, self.got = shelf, None
        before = len(room.waiting)
        self.start()
        end = time.monotonic() + 60
        while len(room.waiting) == before and self.is_alive() and time.monotonic() < end:
            time.sleep(0.001)

    def run(self):
        self.got = made(self.shelf)

    def finish(self):
        self.join(60)
        assert not self.is_alive()
        return self.got


def test_a_shelf_gives_what_fits_and_is_not_leased():
    shelf, layer = Shelf(), ml.ReLU()
    leased, other, right = (
        Prepared(types.SimpleNamespace(size=1), [module], []) for module in (layer, ml.ELU(), layer)
    )
    leased.lease, other.lease = lambda: "somebody", lambda: None
    shelf.prepared += [right, other, leased]
    assert shelf.take(layer) is right
    assert shelf.prepared == [leased]
    assert shelf.take(layer) is None
    leased.lease = lambda: None
    assert shelf.take(None) is leased
    assert shelf.take(None) is None


def test_who_waits_is_given_the_network_that_another_has_used():
    shelf = Shelf()
    first, second = busy(shelf), busy(shelf)
    threads = [Thread(shelf), Thread(shelf)]
    assert len(room.waiting) == 2
    put_back(shelf, second)
    assert threads[0].finish() is second  # in the order of arrival
    put_back(shelf, first)
    assert threads[1].finish() is first
    assert not room.waiting


def test_a_network_makes_room_for_one_of_another_shelf():
    shelf, other = Shelf(), Shelf()
    first, second = busy(shelf), busy(shelf)
    other.size = SIZE
    thread = Thread(other)
    put_back(shelf, first)
    del first
    assert thread.finish() is not None
    assert not shelf.prepared
    assert second.is_busy


def test_one_that_is_lost_by_an_error_lets_another_be_made():
    shelf = Shelf()
    first, second = busy(shelf), busy(shelf)
    thread = Thread(shelf)
    first.is_busy = False
    del first
    room.done(shelf, None)
    assert thread.finish() is not second


def test_nobody_waits_for_networks_that_nobody_will_put_back(monkeypatch):
    monkeypatch.setattr(room, "PAUSE", 0.01)
    shelf = Shelf()
    held = [made(shelf) for _ in range(3)]  # by a traceback, for example
    assert len({id(prepared) for prepared in held}) == 3


def test_training_waits_for_nobody():
    shelf = Shelf()
    held = [busy(shelf), busy(shelf)]
    assert made(shelf, waits=False) not in held


def test_one_that_cannot_be_prepared():
    assert room.prepared(Shelf(), LAYER, lambda: None, waits=True) is None


def test_networks_that_nobody_uses_go_when_the_limit_is_lowered():
    shelf = Shelf()
    shelf.prepared += [made(shelf), made(shelf)]
    room.give_back()
    assert len(shelf.prepared) == 2
    ml.set_memory_limit(round(ml.memory_limit() - SIZE / room.SHARE))
    assert len(shelf.prepared) == 1


def test_a_thread_that_ends_leaves_little():
    shelf = Shelf()

    def work():
        room.thread.ending = room.Ending()  # as what takes networks sees to
        shelf.prepared += [made(shelf), made(shelf)]
        assert len(shelf.prepared) == 2

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert shelf.idle() <= ml.memory_limit() * room.SHARE * room.LEFT


@pytest.mark.compiled
def test_threads_that_predict_at_once_have_less_memory_than_they_might():
    with ml.use_backend("compiled"):
        model = ml.Sequential([ml.Conv2D(8, 3), ml.ReLU(), ml.Flatten(), ml.Dense(3)], input_shape=(1, 30, 30), seed=0)
        x = np.random.default_rng(0).standard_normal((32, 1, 30, 30)).astype(np.float32)  # 0.8 MB of activations
        expected, sizes, wrong = model(x), [], []

        def work():
            for _ in range(20):
                if not np.array_equal(model(x), expected):
                    wrong.append("other bits")
                sizes.append(sum(prepared.size() for prepared in room._all()))

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not wrong
    assert SIZE / 2 < max(sizes) <= ml.memory_limit() * room.SHARE
