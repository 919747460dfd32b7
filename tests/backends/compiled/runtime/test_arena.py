"""Where owners of memory lie in an arena, and how long each is in use."""

import itertools
import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

if os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"):
    pytest.skip("the compiled backend needs Numba's compiler", allow_module_level=True)
pytest.importorskip("numba")

from minidl.backends.compiled.runtime.arena import LINE, Span, Workspace, places, spans

pytestmark = pytest.mark.compiled

FLOAT = np.dtype(np.float32)


def test_spans():
    assert spans([[1, 2], [], [2, 3, 2], [1]]) == {1: Span(0, 3), 2: Span(0, 2), 3: Span(2, 2)}
    assert spans([]) == {}
    assert spans([iter([7])]) == {7: Span(0, 0)}


def test_places_worked_by_hand():
    sizes = {1: 3 * LINE, 2: 2 * LINE - 1, 3: LINE, 4: 1}
    alive = {1: Span(0, 1), 2: Span(1, 2), 3: Span(2, 3), 4: Span(3, 3)}
    assert places(sizes, alive) == ({1: 0, 2: 3 * LINE, 3: 0, 4: LINE}, 5 * LINE)
    assert places({}, {}) == ({}, 0)
    assert places({1: 0}, {1: Span(0, 5)}) == ({1: 0}, 0)


def test_a_chain_needs_the_two_largest_neighbours():
    sizes = {i: LINE * (i + 1) for i in range(10)}
    found, size = places(sizes, {i: Span(i, i + 1) for i in range(10)})
    assert size == LINE * (10 + 9)
    assert len(set(found.values())) < 10


def test_what_fits_between_others_lies_there():
    sizes = {1: 4 * LINE, 2: 3 * LINE, 3: 2 * LINE, 4: 2 * LINE}
    alive = {1: Span(0, 0), 2: Span(0, 9), 3: Span(1, 1), 4: Span(1, 1)}
    found, size = places(sizes, alive)
    assert (found[1], found[2]) == (0, 4 * LINE)
    assert sorted([found[3], found[4]]) == [0, 2 * LINE]
    assert size == 7 * LINE


owners = st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 12), st.integers(0, 12)), max_size=25)


@given(owners)
def test_owners_that_are_alive_at_the_same_time_never_overlap(drawn):
    sizes = {i: size for i, (size, _, _) in enumerate(drawn)}
    alive = {i: Span(min(a, b), max(a, b)) for i, (_, a, b) in enumerate(drawn)}
    found, size = places(sizes, alive)
    assert found.keys() == sizes.keys()
    for i in found:
        assert found[i] % LINE == 0
        assert 0 <= found[i] <= found[i] + sizes[i] <= size
        for j in found:
            if i < j and alive[i].first <= alive[j].last and alive[j].first <= alive[i].last:
                assert found[i] + sizes[i] <= found[j] or found[j] + sizes[j] <= found[i]
    at = [sum(sizes[i] for i in sizes if alive[i].first <= job <= alive[i].last) for job in range(13)]
    assert max(at) <= size <= sum(-(-each // LINE) * LINE for each in sizes.values())


@given(st.lists(st.lists(st.integers(0, 8), max_size=4), max_size=12))
def test_spans_are_from_the_first_to_the_last_use(jobs):
    found = spans(jobs)
    assert found.keys() == {key for keys in jobs for key in keys}
    for key, (first, last) in found.items():
        uses = [number for number, keys in enumerate(jobs) if key in keys]
        assert (first, last) == (uses[0], uses[-1])


def reserved(workspace, *sizes):
    arrays = [workspace.empty((size,), FLOAT) for size in sizes]
    return arrays, [workspace.owner_of(array) for array in arrays]


def test_a_workspace_knows_what_its_arrays_are_parts_of():
    workspace = Workspace()
    array = workspace.empty((2, 3, 4), FLOAT)
    assert (array.shape, array.dtype, array.flags.c_contiguous) == ((2, 3, 4), FLOAT, True)
    (key,) = workspace.owners
    for view in (array, array[1:, ::2], array.transpose(2, 0, 1), array.reshape(-1)[3:]):
        assert workspace.owner_of(view) == key
    assert workspace.owner_of(np.zeros(3)) is None
    assert workspace.owner_of(np.zeros((3, 4)).T) is None
    assert workspace.owners[key].nbytes == 2 * 3 * 4 * 4


def test_memory_is_used_again_once_no_later_job_reads_it():
    workspace = Workspace()
    _, (a, b, c) = reserved(workspace, 1024, 1024, 1024)
    workspace.place([{a, b}, {b, c}], outside=(), reuse=True)
    assert workspace.starts[a] == workspace.starts[c]
    assert abs(workspace.starts[a] - workspace.starts[b]) == 4096
    assert [arena.nbytes for arena in workspace.arenas] == [2 * 4096 + LINE]
    assert all(start % LINE == 0 for start in workspace.starts.values())


def test_without_reuse_each_has_its_own_place():
    workspace = Workspace()
    _, keys = reserved(workspace, 1000, 1000, 1000)
    workspace.place([{keys[0]}, {keys[1]}, {keys[2]}], outside=(), reuse=False)
    starts = sorted(workspace.starts[key] for key in keys)
    assert all(b - a >= 4000 for a, b in itertools.pairwise(starts))


def test_what_comes_from_outside_has_no_place():
    workspace = Workspace()
    _, (a, b) = reserved(workspace, 10, 10)
    stranger = id(object())
    workspace.place([{a, b, stranger}], outside={a}, reuse=True)
    assert workspace.starts.keys() == {b}


def test_a_second_program_leaves_the_first_ones_places():
    """Backward reads what forward has kept, and has an arena of its own."""
    workspace = Workspace()
    _, (a, b) = reserved(workspace, 1024, 1024)
    workspace.place([{a}, {b}], outside=(), reuse=False)
    before = dict(workspace.starts)
    _, (c, d) = reserved(workspace, 1024, 1024)
    workspace.place([{a, c}, {b, d}], outside=(), reuse=True)
    assert {key: workspace.starts[key] for key in (a, b)} == before
    assert workspace.starts[c] == workspace.starts[d]
    first, second = workspace.arenas
    begin = second.ctypes.data
    assert begin <= workspace.starts[c] < begin + second.nbytes - 4096 + 1
    assert (first.nbytes, second.nbytes) == (2 * 4096 + LINE, 4096 + LINE)


def test_nothing_to_place_takes_no_memory():
    workspace = Workspace()
    _, (a,) = reserved(workspace, 0)
    workspace.place([{a}, set()], outside=(), reuse=True)
    workspace.place([], outside=(), reuse=True)
    assert workspace.arenas == []
