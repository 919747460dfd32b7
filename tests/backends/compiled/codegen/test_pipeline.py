"""What only kernels call is a part of each of them, and compiled for none by itself."""

import pytest

pytest.importorskip("numba")
from minidl import backends
from minidl.backends.compiled.codegen import kernel_cache
from minidl.backends.compiled.codegen.jit import entry, inlined, njit

pytestmark = pytest.mark.compiled


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder for kernels, which isn't there yet."""
    found = tmp_path / f"{kernel_cache.PREFIX}now"
    monkeypatch.setattr(kernel_cache, "folders", lambda: [found])
    return found


def halved(x):
    if x < 0:
        raise ValueError("below zero")
    return x / 2


def test_kernels_share_what_they_call_and_keep_no_file_of_it(folder):
    half = njit(halved)
    quarter = inlined(lambda x: half(half(x)))
    first, second = entry(lambda x: quarter(x) + half(x)), entry(lambda x: quarter(x) - 1)
    with backends.compiling(lambda _: None):
        assert first(8.0) == 6
        assert second(8.0) == 1
    assert len(half.overloads) == 1
    assert len(list(folder.iterdir())) == 2


def test_one_read_from_the_cache_has_its_parts(folder):
    results = []
    for _ in range(2):
        half = njit(halved)

        def three_quarters(x):
            return half(x) + half(half(x))  # noqa: B023 - compiled within the loop

        function = entry(three_quarters)
        results.append((function(4.0), sum(function.stats.cache_hits.values()), len(half.overloads)))
    assert results == [(3.0, 0, 1), (3.0, 1, 0)]
    assert len(list(folder.iterdir())) == 1


def test_an_error_in_a_part_reaches_the_caller(folder):
    for hits in (0, 1):  # compiled, and read from the cache
        half = njit(halved)

        def above(x):
            return half(x) + 1  # noqa: B023 - compiled within the loop

        function = entry(above)
        assert (function(1.0), sum(function.stats.cache_hits.values())) == (1.5, hits)
        with pytest.raises(ValueError, match="below zero"):
            function(-1.0)


def test_division_by_zero_is_infinite_in_a_part_too(folder):
    inverse = njit(lambda x: 1 / x)
    assert entry(lambda x: inverse(x))(0.0) == float("inf")
