"""Products of stacks of matrices: each fast backend equals the plain loops."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minidl as ml


@st.composite
def stacks(draw):
    """(shape of a, shape of b), whose axes before the last two broadcast."""
    stack = draw(st.lists(st.integers(1, 3), max_size=3))
    rows, depth, columns = (draw(st.integers(0, 20)) for _ in range(3))
    ones = [[draw(st.booleans()) for _ in stack] for _ in range(2)]
    a, b = ([1 if one else size for one, size in zip(own, stack, strict=True)] for own in ones)
    return (*a, rows, depth), (*b[draw(st.integers(0, len(b))) :], depth, columns)


@given(data=st.data(), shapes=stacks(), dtype=st.sampled_from([np.float32, np.float64]))
def test_matmul_forward_and_backward(fast, reference, arrays, assert_sums_equal, data, shapes, dtype):
    a, b = (data.draw(arrays(shape, dtype)) for shape in shapes)
    y, want = fast.matmul(a, b), reference.matmul(a, b)
    assert not any(np.may_share_memory(y, each) for each in (a, b))
    assert_sums_equal(y, want, terms=a.shape[-1], magnitude=reference.matmul(abs(a), abs(b)))
    dy = data.draw(arrays(y.shape, dtype))
    products = y.size // max(y.shape[-1] * y.shape[-2], 1)
    terms = products * max(y.shape[-2:])
    wanted, magnitudes = reference.matmul_backward(dy, a, b), reference.matmul_backward(abs(dy), abs(a), abs(b))
    for got, want, magnitude in zip(fast.matmul_backward(dy, a, b), wanted, magnitudes, strict=True):
        assert_sums_equal(got, want, terms=terms, magnitude=magnitude)


def test_numbers_worked_by_hand(backend, frozen):
    a, b = frozen([[[1, 2]], [[3, 4]]]), frozen([[5], [6]])
    np.testing.assert_array_equal(backend.matmul(a, b), [[[17]], [[39]]])
    da, db = backend.matmul_backward(frozen([[[1]], [[10]]]), a, b)
    np.testing.assert_array_equal(da, [[[5, 6]], [[50, 60]]])
    np.testing.assert_array_equal(db, [[31], [42]])


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_many_products_have_the_bits_of_each(fast, threads):
    rng, before = np.random.default_rng(0), ml.num_threads()
    a, b = rng.standard_normal((3, 4, 100, 70), dtype=np.float32), rng.standard_normal((4, 70, 33), dtype=np.float32)
    try:
        ml.set_num_threads(threads)
        y = fast.matmul(a, b)
        for i in range(3):
            for j in range(4):
                np.testing.assert_allclose(y[i, j], a[i, j] @ b[j], rtol=1e-4, atol=1e-4)
                if fast.__name__.endswith("compiled"):
                    np.testing.assert_array_equal(y[i, j], fast.matmul(a[i, j][None], b[j])[0])
    finally:
        ml.set_num_threads(before)
