import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import assume, given, settings

import minidl as ml

BACKENDS = ("reference", "vectorized", "compiled")


@pytest.mark.parametrize("name", BACKENDS)
def test_numbers_worked_by_hand(name):
    x = np.float32([[[[1, 5, 2, 0], [3, 4, 8, 1], [7, 7, -1, -2], [7, 0, -3, -4]]]])
    with ml.use_backend(name):
        y, backward = ml.MaxPool2D(2).forward(x, train=True)
        dx = backward(np.float32([[[[1, 2], [3, 4]]]]))
    np.testing.assert_array_equal(y, [[[[5, 8], [7, -1]]]])
    # The first 7 of three, row by row, has the gradient.
    np.testing.assert_array_equal(dx, [[[[0, 1, 0, 0], [0, 0, 2, 0], [3, 0, 4, 0], [0, 0, 0, 0]]]])


@pytest.mark.parametrize("name", BACKENDS)
def test_overlapping_windows_add_up_and_padding_never_wins(name):
    x = -np.float32([[[[5, 6], [7, 1]]]])
    with ml.use_backend(name):
        y, backward = ml.MaxPool2D(2, stride=1, padding=1).forward(x, train=True)
        dx = backward(np.ones_like(y))
    np.testing.assert_array_equal(y, -np.float32([[[[5, 5, 6], [5, 1, 1], [7, 1, 1]]]]))
    np.testing.assert_array_equal(dx, [[[[3, 1], [1, 4]]]])


@pytest.mark.parametrize("name", BACKENDS)
def test_nan_wins(name):
    x = np.float32([[[[1, np.nan], [np.inf, 2]]]])
    with ml.use_backend(name):
        y, backward = ml.MaxPool2D(2).forward(x, train=True)
        dx = backward(np.ones_like(y))
    assert np.isnan(y).all()
    np.testing.assert_array_equal(dx, [[[[0, 1], [0, 0]]]])


def test_the_floor_leaves_the_rest_out():
    x = np.arange(25, dtype=np.float32).reshape(1, 1, 5, 5)
    np.testing.assert_array_equal(ml.MaxPool2D(2)(x), [[[[6, 8], [16, 18]]]])
    np.testing.assert_array_equal(ml.MaxPool2D(2, padding="same")(x), [[[[6, 8, 9], [16, 18, 19], [21, 23, 24]]]])
    np.testing.assert_array_equal(ml.MaxPool2D((1, 5), stride=(2, 1))(x), [[[[4], [14], [24]]]])


@given(
    n=st.integers(0, 2),
    size=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    pool=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    stride=st.one_of(st.none(), st.tuples(st.integers(1, 3), st.integers(1, 3))),
    padding=st.one_of(st.just("same"), st.integers(0, 2), st.tuples(st.integers(0, 2), st.integers(0, 2))),
)
@settings(max_examples=100, deadline=None)
def test_the_output_shape_is_what_comes_out(n, size, pool, stride, padding):
    try:
        layer = ml.MaxPool2D(pool, stride=stride, padding=padding)
        wanted = layer.output_shape((2, *size))
    except ValueError:
        assume(False)
    with ml.use_backend("vectorized"):
        assert layer(np.zeros((n, 2, *size), np.float32)).shape == (n, *wanted)
    if padding == "same":
        step = stride or pool
        assert wanted == (2, -(-size[0] // step[0]), -(-size[1] // step[1]))


def test_a_shape_that_does_not_fit():
    layer = ml.MaxPool2D(3)
    with pytest.raises(ml.ShapeError, match=r"MaxPool2D: expected images \(n, c, h, w\), got \(2, 9\)"):
        layer(np.zeros((2, 9), np.float32))
    with pytest.raises(ml.ShapeError, match="expected an image of at least 3 x 3, the window's span, got 2 x 9"):
        layer.output_shape((1, 2, 9))
    _, backward = layer.forward(np.zeros((1, 1, 3, 3), np.float32), train=True)
    with pytest.raises(ml.ShapeError, match=r"expected dy \(1, 1, 1, 1\), got \(1, 1, 3, 3\)"):
        backward(np.zeros((1, 1, 3, 3), np.float32))


def test_one_layer_at_two_sizes():
    layer = ml.MaxPool2D(2)
    assert layer(np.ones((1, 1, 4, 6), np.float32)).shape == (1, 1, 2, 3)
    assert layer(np.ones((1, 3, 2, 2), np.float32)).shape == (1, 3, 1, 1)
