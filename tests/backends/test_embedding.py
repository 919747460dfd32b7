"""Embedding: each fast backend equals the plain loops."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st


@given(
    data=st.data(),
    shape=st.one_of(st.tuples(st.integers(0, 9)), st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(1, 2))),
    rows=st.integers(1, 5),
    features=st.integers(1, 4),
    dtype=st.sampled_from([np.float32, np.float64]),
)
def test_embedding(fast, reference, arrays, assert_sums_equal, data, shape, rows, features, dtype):
    w, dy = data.draw(arrays((rows, features), dtype)), data.draw(arrays((*shape, features), dtype))
    indices = np.random.default_rng(data.draw(st.integers(0, 99))).integers(0, rows, shape)
    y = fast.embedding(indices, w)
    np.testing.assert_array_equal(y, reference.embedding(indices, w), strict=True)
    assert not np.may_share_memory(y, w)
    dw = fast.embedding_backward(dy, indices, rows=rows)
    want, magnitude = (reference.embedding_backward(grads, indices, rows=rows) for grads in (dy, abs(dy)))
    assert_sums_equal(dw, want, terms=indices.size, magnitude=magnitude)


def test_numbers_worked_by_hand(backend, frozen):
    indices = np.array([[2, 0], [2, 2]])
    y = backend.embedding(indices, frozen([[1, 2], [3, 4], [5, 6]]))
    np.testing.assert_array_equal(y, [[[5, 6], [1, 2]], [[5, 6], [5, 6]]])
    dw = backend.embedding_backward(frozen(np.arange(8.0).reshape(2, 2, 2)), indices, rows=3)
    np.testing.assert_array_equal(dw, [[2, 3], [0, 0], [0 + 4 + 6, 1 + 5 + 7]])


def test_rows_of_a_sample_are_added_from_the_first_place_to_the_last(fast):
    """In another order, 1 would not be lost beside 2^24, or lost twice."""
    dy = np.float32([[[1], [2**24], [1], [-(2**24)]]])
    np.testing.assert_array_equal(fast.embedding_backward(dy, np.zeros((1, 4), int), rows=1), [[0]])
    np.testing.assert_array_equal(fast.embedding_backward(dy[:, [1, 3, 0, 2]], np.zeros((1, 4), int), rows=1), [[2]])


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_infinity_and_nan_reach_their_row_and_no_other(backend, value):
    w, dy = np.ones((3, 2)), np.ones((4, 2))
    w[1, 0] = dy[2, 1] = value
    np.testing.assert_array_equal(backend.embedding(np.array([0, 1]), w), [[1, 1], [value, 1]])
    dw = backend.embedding_backward(dy, np.array([0, 1, 1, 2]), rows=3)
    np.testing.assert_array_equal(dw, [[1, 1], [2, value], [1, 1]])
