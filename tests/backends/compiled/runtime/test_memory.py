import gc
import threading

import numpy as np
import pytest

import minidl as ml

pytestmark = pytest.mark.compiled


@pytest.fixture
def memory():
    from minidl.backends.compiled.runtime import memory

    return memory


def test_addresses_are_numpys(memory):
    for array in (np.zeros(5), np.zeros((3, 4), np.float32)[1:, ::2], np.arange(7)[::-1]):
        assert memory.address(array) == array.__array_interface__["data"][0] // array.itemsize
    assert memory.address(None) == 0


def test_scratch_begins_with_a_cache_line(memory):
    for dtype in map(np.dtype, (np.float32, np.float64)):
        area = memory.scratch(dtype, 12_345)
        assert area.size >= 12_345
        assert memory.address(area) * dtype.itemsize % 64 == 0


def test_memory_is_used_again_when_nobody_holds_it(memory):
    shape = (123, 457)  # a size that nothing else asks for
    first = memory.empty(shape, np.dtype(np.float32))
    first[...] = 1
    place, part = memory.address(first), first[3:4, ::2].T
    second = memory.empty(shape, np.dtype(np.float32))
    assert memory.address(second) != place
    del first
    assert memory.address(memory.empty(shape, np.dtype(np.float32))) != place  # a view still holds it
    np.testing.assert_array_equal(part, 1)
    del part
    gc.collect()
    again = memory.empty(shape, np.dtype(np.float32))
    assert memory.address(again) == place
    assert again.shape == shape
    assert again.dtype == np.float32
    assert again.flags.writeable


def test_threads_have_memory_of_their_own(memory):
    shape, places = (124, 457), []
    places.append(memory.address(memory.empty(shape, np.dtype(np.float64))))
    other = threading.Thread(target=lambda: places.append(memory.address(memory.empty(shape, np.dtype(np.float64)))))
    other.start()
    other.join()
    places.append(memory.address(memory.empty(shape, np.dtype(np.float64))))
    assert places[0] == places[2] != places[1]


@pytest.fixture
def limit(memory):
    """2 MiB, half of it for arrays; no thread has kept anything yet."""
    before = ml.memory_limit()
    ml.set_memory_limit(1)
    ml.set_memory_limit(2 << 20)
    yield 1 << 20
    ml.set_memory_limit(before)


BYTES = np.dtype(np.uint8)


def test_what_is_kept_and_not_used_is_given_back(memory, limit):
    used = memory.empty((1 << 19,), BYTES)
    for size in range(1 << 17, (1 << 17) + 20):
        memory.empty((size,), BYTES)
        assert memory.kept() <= limit
    place = memory.address(used)
    del used
    assert memory.address(memory.empty((1 << 19,), BYTES)) == place


def test_arrays_that_somebody_holds_are_not_kept_beyond_the_limit(memory, limit):
    held = [memory.empty((limit // 4,), BYTES) for _ in range(12)]
    assert memory.kept() <= limit
    assert len({memory.address(array) for array in held}) == len(held)
    del held
    assert memory.kept() <= limit


def test_all_threads_share_one_limit(memory, limit):
    many, most = 8, []
    at_once = threading.Barrier(many)

    def work():
        array = memory.empty((limit // 4,), BYTES)
        memory.scratch(np.dtype(np.float32), limit // 64)
        at_once.wait()
        most.append(memory.kept())
        del array
        memory.empty((limit // 5,), BYTES)
        at_once.wait()

    threads = [threading.Thread(target=work) for _ in range(many)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) <= limit + many * limit // 16


def test_a_thread_that_ends_gives_back_what_it_kept(memory, limit):
    before = memory.kept()

    def work():
        memory.empty((limit // 2,), BYTES)
        memory.scratch(np.dtype(np.float64), 1000)
        assert memory.kept() >= before + limit // 2 + 8000

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert memory.kept() == before


def test_memory_that_is_planned_lies_in_the_workspace_and_is_not_kept(memory, limit):
    from minidl.backends.compiled.runtime.arena import LINE, Workspace

    before, workspace = memory.kept(), Workspace()
    with memory.planned(workspace):
        array = memory.empty((limit // 4,), BYTES)
    (owner,) = workspace.owners
    assert (array.size, workspace.owner_of(array[3:])) == (limit // 4, owner)
    workspace.place([[owner]], outside=(), reuse=True)
    assert sum(arena.nbytes for arena in workspace.arenas) == limit // 4 + LINE
    assert workspace.starts[owner] % LINE == 0
    with pytest.raises(KeyError), memory.planned(workspace):
        {}["an error"]
    assert memory.kept() == before
    memory.empty((limit // 4,), BYTES)
    assert memory.kept() == before + limit // 4


def test_plans_may_be_nested_and_are_of_one_thread(memory):
    from minidl.backends.compiled.runtime.arena import Workspace

    outer, inner = Workspace(), Workspace()
    with memory.planned(outer):
        first = memory.empty((5,), BYTES)
        with memory.planned(inner):
            second = memory.empty((6,), BYTES)
        third = memory.empty((7,), BYTES)
        others = []
        thread = threading.Thread(target=lambda: others.append(memory.empty((8,), BYTES)))
        thread.start()
        thread.join()
    assert [owner.nbytes for owner in outer.owners.values()] == [5, 7]
    assert [owner.nbytes for owner in inner.owners.values()] == [6]
    assert [outer.owner_of(array) is not None for array in (first, second, third, *others)] == [
        True,
        False,
        True,
        False,
    ]


def test_nothing_copies_what_has_no_values_yet(memory):
    from minidl.backends.compiled.runtime.arena import Workspace

    with memory.planned(Workspace()):
        array = memory.empty((4, 5), BYTES)
        assert memory.contiguous(array) is array
        with pytest.raises(RuntimeError, match="has no values yet"):
            memory.contiguous(array.T)
        assert memory.contiguous(np.eye(3)[::2]).flags.c_contiguous


@pytest.mark.parametrize("axes", [(0, 1, 2, 3), (0, 3, 1, 2), (3, 2, 1, 0)])
def test_new_arrays_keep_the_order_of_the_axes(memory, axes):
    array = np.zeros((20, 30, 8, 9), np.float32).transpose(axes)
    new = memory.empty_like(array)
    assert new.shape == array.shape
    assert new.strides == array.strides
