"""Values combined along axes: each fast backend equals the plain loops."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

SHAPES = st.lists(st.integers(1, 6), min_size=1, max_size=4).map(tuple)
DTYPES = st.sampled_from([np.float32, np.float64])
NAMES = st.sampled_from(["sum", "mean", "max", "l2"])


@st.composite
def axes(draw, shape):
    return tuple(sorted(draw(st.sets(st.integers(1, len(shape)), min_size=1))))


@given(data=st.data(), n=st.integers(0, 3), shape=SHAPES, name=NAMES, dtype=DTYPES)
def test_reduce(fast, reference, arrays, assert_sums_equal, data, n, shape, name, dtype):
    x, along = data.draw(arrays((n, *shape), dtype)), data.draw(axes(shape))
    y, want = fast.reduce(name, x, axes=along), reference.reduce(name, x, axes=along)
    terms = int(np.prod([x.shape[axis] for axis in along])) + 4
    assert_sums_equal(
        y, want, terms=terms, magnitude=reference.reduce("sum" if name != "l2" else name, abs(x), axes=along)
    )
    if name == "max":
        np.testing.assert_array_equal(y, want)
    assert not np.may_share_memory(x, y)


@given(data=st.data(), n=st.integers(0, 3), shape=SHAPES, name=NAMES, dtype=DTYPES)
def test_reduce_backward(fast, reference, arrays, assert_sums_equal, data, n, shape, name, dtype):
    x, along = data.draw(arrays((n, *shape), dtype)), data.draw(axes(shape))
    y = reference.reduce(name, x, axes=along)
    dy = data.draw(arrays(y.shape, dtype))
    kept = (x, y) if name in ("max", "l2") else (None, None)
    dx = fast.reduce_backward(name, dy, *kept, shape=x.shape)
    want = reference.reduce_backward(name, dy, *kept, shape=x.shape)
    assert_sums_equal(dx, want, terms=4, magnitude=abs(want))
    if name in ("max", "sum"):
        np.testing.assert_array_equal(dx, want)


@given(data=st.data(), n=st.integers(0, 3), shape=SHAPES, dtype=DTYPES)
def test_argmax(fast, reference, arrays, data, n, shape, dtype):
    x, axis = data.draw(arrays((n, *shape), dtype)), data.draw(st.integers(1, len(shape)))
    y = fast.argmax(x, axis=axis)
    np.testing.assert_array_equal(y, reference.argmax(x, axis=axis), strict=True)
    np.testing.assert_array_equal(y, np.argmax(x, axis, keepdims=True))


@pytest.mark.parametrize("shape", [(2, 150, 9, 70), (3, 20_000), (2, 3, 300, 65), (70, 100), (1, 40, 50)])
@pytest.mark.parametrize("name", ["sum", "mean", "max", "l2"])
def test_many_values(fast, name, shape):
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    for along in [(1,), (len(shape) - 1,), tuple(range(1, len(shape))), tuple(range(2, len(shape)))]:
        if along:
            y, exact = fast.reduce(name, x, axes=along), fast.reduce(name, x.astype(np.float64), axes=along)
            np.testing.assert_allclose(y, exact, rtol=2e-6, atol=1e-3 if name == "sum" else 1e-6)


def test_numbers_worked_by_hand(backend, frozen):
    x = frozen([[[[3, 4], [0, 5]], [[5, 12], [0, 0]]]])
    np.testing.assert_array_equal(backend.reduce("l2", x, axes=(3,)), [[[[5], [5]], [[13], [0]]]])
    np.testing.assert_array_equal(backend.reduce("mean", x, axes=(2, 3)), [[[[3]], [[4.25]]]])
    np.testing.assert_array_equal(backend.reduce("sum", x, axes=(1,)), [[[[8, 16], [0, 5]]]])
    np.testing.assert_array_equal(backend.reduce("max", x, axes=(1, 2)), [[[[5, 12]]]])
    y = backend.reduce("l2", x, axes=(3,))
    dx = backend.reduce_backward("l2", frozen(np.ones(y.shape)), x, y, shape=x.shape)
    np.testing.assert_allclose(dx, [[[[0.6, 0.8], [0, 1]], [[5 / 13, 12 / 13], [0, 0]]]])
    np.testing.assert_array_equal(backend.argmax(x, axis=1), [[[[1, 1], [0, 0]]]])


def test_the_first_of_several_gets_the_gradient(backend, frozen):
    x = frozen([[[[1, 2], [2, 2]], [[2, 0], [2, 1]]]])
    for along, want in [
        ((1, 2, 3), [[[[0, 1], [0, 0]], [[0, 0], [0, 0]]]]),
        ((3,), [[[[0, 1], [1, 0]], [[1, 0], [1, 0]]]]),
        ((1,), [[[[0, 1], [1, 1]], [[1, 0], [0, 0]]]]),
        ((1, 3), [[[[0, 1], [1, 0]], [[0, 0], [0, 0]]]]),
    ]:
        y = backend.reduce("max", x, axes=along)
        dx = backend.reduce_backward("max", frozen(np.ones(y.shape)), x, y, shape=x.shape)
        np.testing.assert_array_equal(dx, want)


@pytest.mark.usefixtures("quietly")
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["sum", "mean", "max", "l2"])
@pytest.mark.parametrize("along", [(1,), (2, 3), (1, 3)])
def test_infinity_and_nan_reach_what_they_touch_and_nothing_else(fast, reference, value, name, along):
    x = np.arange(1.0, 2 * 3 * 4 * 5 + 1).reshape(2, 3, 4, 5)
    x[0, 1, 2, 3] = x[0, 1, 0, 1] = value
    y, want = fast.reduce(name, x, axes=along), reference.reduce(name, x, axes=along)
    np.testing.assert_allclose(y, want)
    dy = np.ones_like(y)
    dy[0, 0, 0, 0] = value
    dx, want = (each.reduce_backward(name, dy, x, y, shape=x.shape) for each in (fast, reference))
    np.testing.assert_allclose(dx, want)
    np.testing.assert_array_equal(fast.argmax(x, axis=along[0]), reference.argmax(x, axis=along[0]))
