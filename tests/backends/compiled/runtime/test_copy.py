"""Copies into another order of axes, against NumPy's."""

import importlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytestmark = pytest.mark.compiled


@pytest.fixture(scope="module")
def copied():
    """copied(source, target, **options): do the job of `prepare_copy`."""
    program, copy = (
        importlib.import_module(f"minidl.backends.compiled.runtime.{name}") for name in ("program", "copy")
    )

    def copied(source, target, **options):
        program.run(target.dtype, copy.prepare_copy(source, target, **options))

    return copied


@st.composite
def strided(draw):
    """An array of up to five axes in any order, perhaps with gaps, backwards or with an axis that stands still."""
    shape = draw(st.lists(st.integers(0, 7) | st.integers(1, 40), min_size=1, max_size=2))
    shape += draw(st.lists(st.integers(1, 4), max_size=3))
    array = np.arange(np.prod(shape), dtype=draw(st.sampled_from([np.float32, np.float64]))).reshape(shape)
    array = array.transpose(draw(st.permutations(range(array.ndim))))
    array = array[tuple(slice(None, None, draw(st.sampled_from([1, 1, 1, 2, -1]))) for _ in shape)]
    return np.broadcast_to(array[:1], array.shape) if draw(st.integers(0, 5)) == 0 else array


@given(source=strided(), onto=st.booleans())
def test_prepare_copy(copied, source, onto):
    target = np.full(source.shape, 7, source.dtype)
    copied(source, target, onto=onto)
    np.testing.assert_array_equal(target, source + 7 if onto else source)


@pytest.mark.parametrize("shape", [(400, 120), (120, 400), (3, 16, 49), (2, 9, 17, 5)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_transposed_matrices_by_squares_and_what_is_left(copied, shape, dtype):
    source = np.random.default_rng(0).standard_normal(shape).astype(dtype).swapaxes(-1, -2)
    target = np.zeros(source.shape, dtype)
    copied(source, target)
    np.testing.assert_array_equal(target, source)
