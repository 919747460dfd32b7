"""Dense layers: each fast backend equals the plain loops, to the rounding of its sums."""

import importlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st


def check(fast, reference, assert_sums_equal, x, w, b, dy):
    n, outputs, features = x.shape[0], *w.shape
    magnitude = reference.dense(abs(x), abs(w), None if b is None else abs(b))
    assert_sums_equal(fast.dense(x, w, b), reference.dense(x, w, b), terms=features + 1, magnitude=magnitude)
    results = fast.dense_backward(dy, x, w, need_dx=True)
    wanted = reference.dense_backward(dy, x, w, need_dx=True)
    magnitudes = reference.dense_backward(abs(dy), abs(x), abs(w), need_dx=True)
    for got, want, magnitude, terms in zip(results, wanted, magnitudes, (outputs, n, n), strict=True):
        assert_sums_equal(got, want, terms=terms, magnitude=magnitude)
        assert not any(np.may_share_memory(got, array) for array in (x, w, dy))
    nothing, dw, db = fast.dense_backward(dy, x, w, need_dx=False)
    assert nothing is None
    np.testing.assert_array_equal(dw, results[1])
    np.testing.assert_array_equal(db, results[2])


@given(
    data=st.data(),
    sizes=st.tuples(st.integers(0, 5), st.integers(1, 9), st.integers(1, 9)),
    dtype=st.sampled_from([np.float32, np.float64]),
    bias=st.booleans(),
)
def test_dense_forward_and_backward(fast, reference, arrays, assert_sums_equal, data, sizes, dtype, bias):
    n, features, outputs = sizes
    x, w = data.draw(arrays((n, features), dtype)), data.draw(arrays((outputs, features), dtype))
    b = data.draw(arrays((outputs,), dtype)) if bias else None
    check(fast, reference, assert_sums_equal, x, w, b, data.draw(arrays((n, outputs), dtype)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("n", "features", "outputs"), [(1, 70, 1), (1, 33, 49), (7, 5, 17), (22, 16, 33), (35, 1, 10)])
def test_every_remainder_of_a_tile(fast, reference, assert_sums_equal, n, features, outputs, dtype):
    rng = np.random.default_rng(n)
    shapes = [(n, features), (outputs, features), (outputs,), (n, outputs)]
    check(fast, reference, assert_sums_equal, *(rng.standard_normal(shape).astype(dtype) for shape in shapes))


@pytest.mark.compiled
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("outputs", [150, 256])
def test_rows_together_have_the_bits_of_rows_alone(outputs, dtype):
    """For many rows, weights are packed into blocks first; for one they are read in place."""
    compiled = importlib.import_module("minidl.backends.compiled")
    rng = np.random.default_rng(outputs)
    x, w = rng.standard_normal((400, 700)).astype(dtype), rng.standard_normal((700, outputs)).astype(dtype).T
    y = compiled.dense(x, w, None)
    np.testing.assert_allclose(y, x.astype(np.float64) @ w.T, atol=1e-3 if dtype == np.float32 else 1e-11)
    for i in (0, 57, 399):
        assert y[i].tobytes() == compiled.dense(x[i : i + 1], w, None).tobytes()


def test_by_hand(backend, frozen):
    x, w, b, dy = frozen([[1, 2, 3]]), frozen([[1, 0, -1], [2, 1, 0]]), frozen([10, 20]), frozen([[5, 7]])
    np.testing.assert_array_equal(backend.dense(x, w, b), [[1 - 3 + 10, 2 + 2 + 20]])
    dx, dw, db = backend.dense_backward(dy, x, w, need_dx=True)
    np.testing.assert_array_equal(dx, [[5 + 14, 7, -5]])
    np.testing.assert_array_equal(dw, [[5, 10, 15], [7, 14, 21]])
    np.testing.assert_array_equal(db, [5, 7])


def test_no_rows(backend, frozen):
    x, w, b = frozen(np.zeros((0, 3))), frozen(np.ones((2, 3))), frozen(np.ones(2))
    assert backend.dense(x, w, b).shape == (0, 2)
    dx, dw, db = backend.dense_backward(frozen(np.zeros((0, 2))), x, w, need_dx=True)
    assert dx.shape == (0, 3)
    np.testing.assert_array_equal(dw, np.zeros((2, 3)))
    np.testing.assert_array_equal(db, np.zeros(2))


@pytest.mark.parametrize(("n", "features", "units"), [(3, 0, 2), (3, 4, 0), (3, 0, 0), (0, 0, 2), (70, 0, 40)])
def test_no_inputs_and_no_outputs(backend, frozen, n, features, units):
    x, w, dy = (frozen(np.ones(shape)) for shape in [(n, features), (units, features), (n, units)])
    np.testing.assert_array_equal(backend.dense(x, w, None), np.zeros((n, units)))
    np.testing.assert_array_equal(backend.dense(x, w, frozen(np.arange(units))), np.tile(np.arange(units), (n, 1)))
    dx, dw, db = backend.dense_backward(dy, x, w, need_dx=True)
    np.testing.assert_array_equal(dx, np.zeros((n, features)))
    np.testing.assert_array_equal(dw, np.zeros((units, features)))
    np.testing.assert_array_equal(db, np.full(units, n))


def test_without_dw_dx_has_the_same_bits(backend, frozen):
    rng = np.random.default_rng(0)
    x, w, dy = (frozen(rng.standard_normal(shape)) for shape in [(4, 5), (3, 5), (4, 3)])
    dx, dw, db = backend.dense_backward(dy, x, w, need_dx=True, need_dw=False)
    assert (dw, db) == (None, None)
    np.testing.assert_array_equal(dx, backend.dense_backward(dy, x, w, need_dx=True)[0])


@pytest.mark.usefixtures("quietly")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_infinity_and_nan_reach_what_they_touch_and_nothing_else(fast, reference, frozen, value, dtype):
    rng = np.random.default_rng(0)
    good = [rng.integers(1, 5, shape).astype(dtype) for shape in [(4, 5), (3, 5), (3,), (4, 3)]]
    for bad, index in [(0, (2, 4)), (1, (1, 0)), (2, (2,)), (3, (0, 1))]:
        arrays = [array.copy() for array in good]
        arrays[bad][index] = value
        x, w, b, dy = (frozen(array, dtype) for array in arrays)
        np.testing.assert_array_equal(fast.dense(x, w, b), reference.dense(x, w, b))
        results, wanted = (kind.dense_backward(dy, x, w, need_dx=True) for kind in (fast, reference))
        for got, want in zip(results, wanted, strict=True):
            np.testing.assert_array_equal(got, want)


def test_gradients_with_strides_of_zero(backend, frozen):
    """What np.broadcast_to gives, as the gradient of a sum does."""
    dy = np.broadcast_to(np.float64(2), (2, 2))
    dx, dw, db = backend.dense_backward(dy, frozen([[1, 2], [3, 4]]), frozen([[1, 2], [5, 7]]), need_dx=True)
    np.testing.assert_array_equal(dx, [[12, 18], [12, 18]])
    np.testing.assert_array_equal(dw, [[8, 12], [8, 12]])
    np.testing.assert_array_equal(db, [4, 4])
