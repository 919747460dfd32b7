import gc
import threading

import numpy as np
import pytest

pytestmark = pytest.mark.compiled


@pytest.fixture
def memory():
    from minidl.backends.compiled import memory

    return memory


def test_addresses_are_numpys(memory):
    for array in (np.zeros(5), np.zeros((3, 4), np.float32)[1:, ::2], np.arange(7)[::-1]):
        assert memory.at(array) == array.__array_interface__["data"][0] // array.itemsize
    assert memory.at(None) == 0


def test_memory_is_used_again_when_nobody_holds_it(memory):
    shape = (123, 457)  # a size that nothing else asks for
    first = memory.empty(shape, np.dtype(np.float32))
    first[...] = 1
    place, part = memory.at(first), first[3:4, ::2].T
    second = memory.empty(shape, np.dtype(np.float32))
    assert memory.at(second) != place
    del first
    assert memory.at(memory.empty(shape, np.dtype(np.float32))) != place  # a view still holds it
    np.testing.assert_array_equal(part, 1)
    del part
    gc.collect()
    again = memory.empty(shape, np.dtype(np.float32))
    assert memory.at(again) == place
    assert again.shape == shape
    assert again.dtype == np.float32
    assert again.flags.writeable


def test_threads_have_memory_of_their_own(memory):
    shape, places = (124, 457), []
    places.append(memory.at(memory.empty(shape, np.dtype(np.float64))))
    other = threading.Thread(target=lambda: places.append(memory.at(memory.empty(shape, np.dtype(np.float64)))))
    other.start()
    other.join()
    places.append(memory.at(memory.empty(shape, np.dtype(np.float64))))
    assert places[0] == places[2] != places[1]


def test_what_is_kept_and_not_used_is_given_back(memory, monkeypatch):
    monkeypatch.setattr(memory, "_memory", memory._Memory())
    monkeypatch.setattr(memory, "KEPT_UNUSED", 1 << 20)
    used = memory.empty((1 << 18,), np.dtype(np.float64))
    for size in range(1 << 17, (1 << 17) + 20):
        memory.empty((size,), np.dtype(np.float64))
    assert memory._memory.kept <= used.nbytes + (1 << 20) + (1 << 21)
    place = memory.at(used)
    del used
    assert memory.at(memory.empty((1 << 18,), np.dtype(np.float64))) == place


@pytest.mark.parametrize("axes", [(0, 1, 2, 3), (0, 3, 1, 2), (3, 2, 1, 0)])
def test_new_arrays_keep_the_order_of_the_axes(memory, axes):
    array = np.zeros((20, 30, 8, 9), np.float32).transpose(axes)
    new = memory.empty_like(array)
    assert new.shape == array.shape
    assert new.strides == array.strides
