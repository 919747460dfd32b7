"""ReLU, softmax and cross-entropy: each fast backend equals the plain loops.

The bounds count roundings of eps / 2, first order, with every exponential and logarithm good to a few units in the last
place: subtracting the maximum leaves d (1 + eps / 2), which exp makes a relative error of |d| eps / 2.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

DTYPES = st.sampled_from([np.float32, np.float64])
ROWS = st.tuples(st.integers(0, 4), st.integers(1, 12))
SCALES = st.sampled_from([1, 30])
INF, NAN = np.inf, np.nan


def assert_near(got, want, bound, inputs):
    assert got.dtype == want.dtype
    assert got.shape == want.shape
    assert np.isfinite(got).all()
    tiny = np.finfo(want.dtype).tiny  # below it, numbers are spaced evenly, or flushed to zero
    assert (np.abs(got.astype(np.float64) - want) <= bound * np.finfo(want.dtype).eps + tiny).all(), f"{got}\n{want}"
    assert not any(np.may_share_memory(got, array) for array in inputs)


def below_maximum(x):
    x = x.astype(np.float64)
    return np.abs(x - x.max(axis=1, keepdims=True)) if x.size else x


def roundings(x):
    """How many eps a row's softmax may be off, relatively; and its logarithm, absolutely."""
    return 2 * below_maximum(x).max(axis=1, keepdims=True, initial=0) + 2 * x.shape[1] + 10


@given(data=st.data(), shape=st.lists(st.integers(0, 4), min_size=1, max_size=5).map(tuple), dtype=DTYPES)
def test_relu_forward_and_backward(fast, reference, arrays, data, shape, dtype):
    x, dy = data.draw(arrays(shape, dtype)), data.draw(arrays(shape, dtype))
    y = fast.elementwise("relu", x, ())
    assert y.dtype == dtype
    assert not np.may_share_memory(y, x)
    np.testing.assert_array_equal(y, reference.elementwise("relu", x, ()))
    outputs = data.draw(arrays(shape, dtype)).clip(0, None)  # with strides of its own, and zeros
    for output in (y, outputs):
        dx = fast.elementwise_backward("relu", dy, output, ())
        assert dx.dtype == dtype
        assert not any(np.may_share_memory(dx, array) for array in (dy, output))
        np.testing.assert_array_equal(dx, reference.elementwise_backward("relu", dy, output, ()))


@given(data=st.data(), shape=ROWS, scale=SCALES, dtype=DTYPES)
def test_softmax_forward_and_backward(fast, reference, arrays, laid_out, data, shape, scale, dtype):
    x, dy = data.draw(arrays(shape, dtype)), data.draw(arrays(shape, dtype))
    x = laid_out(x * dtype(scale), data.draw(st.sampled_from(["C", "transposed", "sliced", "reversed"])))
    y, want = fast.softmax(x), reference.softmax(x)
    assert_near(y, want, want * roundings(x), [x])
    want.flags.writeable = False
    weights = np.abs(dy) + (np.abs(dy) * want).sum(axis=1, keepdims=True, dtype=np.float64)
    bound = (2 * shape[1] + 4) * want * weights
    assert_near(fast.softmax_backward(dy, want), reference.softmax_backward(dy, want), bound, [dy, want])


@given(data=st.data(), shape=ROWS, scale=SCALES, dtype=DTYPES)
def test_log_softmax_forward_and_backward(fast, reference, arrays, laid_out, data, shape, scale, dtype):
    x, dy = data.draw(arrays(shape, dtype)), data.draw(arrays(shape, dtype))
    x = laid_out(x * dtype(scale), data.draw(st.sampled_from(["C", "transposed", "sliced", "reversed"])))
    y, want = fast.log_softmax(x), reference.log_softmax(x)
    assert_near(y, want, roundings(x), [x])
    want.flags.writeable = False
    total = np.abs(dy).sum(axis=1, keepdims=True, dtype=np.float64)
    bound = 2 * np.abs(dy) + (2 * shape[1] + 8) * np.exp(want) * total
    assert_near(fast.log_softmax_backward(dy, want), reference.log_softmax_backward(dy, want), bound, [dy, want])


@given(data=st.data(), shape=ROWS, scale=SCALES, dtype=DTYPES, hard=st.booleans())
def test_cross_entropy(fast, reference, arrays, laid_out, data, shape, scale, dtype, hard):
    logits = data.draw(arrays(shape, dtype)) * dtype(scale)
    targets = reference.softmax(data.draw(arrays(shape, dtype)))
    if hard:  # labels: a class of its own to each row
        targets = np.eye(shape[1], dtype=dtype)[targets.argmax(axis=1)]
    orders = st.sampled_from(["C", "transposed", "sliced", "reversed"])
    logits, targets = laid_out(logits, data.draw(orders)), laid_out(targets, data.draw(orders))
    losses, dlogits = fast.cross_entropy(logits, targets)
    wanted_losses, wanted_dlogits = reference.cross_entropy(logits, targets)
    log_bound = roundings(logits) + shape[1] * np.abs(reference.log_softmax(logits))
    assert_near(losses, wanted_losses, (targets * log_bound).sum(axis=1), [logits, targets])
    bound = reference.softmax(logits) * (roundings(logits) + 4) + targets + np.abs(wanted_dlogits)
    assert_near(dlogits, wanted_dlogits, bound, [logits, targets])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_relu_keeps_nan_and_infinity(backend, frozen, dtype):
    x = frozen([-INF, -1, -0.0, 0, 1e-30, 2, INF, NAN], dtype)
    np.testing.assert_array_equal(backend.elementwise("relu", x, ()), np.array([0, 0, 0, 0, 1e-30, 2, INF, NAN], dtype))


@pytest.mark.parametrize("grad", [INF, -INF, NAN, 3])
def test_relu_stops_every_gradient_where_it_is_flat(backend, frozen, grad):
    y = backend.elementwise("relu", frozen([-1, 0, 2, NAN, INF]), ())
    dx = backend.elementwise_backward("relu", frozen(np.full(5, grad)), y, ())
    np.testing.assert_array_equal(dx, [0, 0, grad, grad, grad])


def test_relu_of_many_elements(fast, reference):
    """Enough for a vector loop and its remainder, and odd."""
    x = np.random.default_rng(0).standard_normal((3, 5, 7, 11)).astype(np.float32)
    for array in (x, x.transpose(0, 3, 1, 2), x[:, ::2, ::-1]):
        np.testing.assert_array_equal(fast.elementwise("relu", array, ()), reference.elementwise("relu", array, ()))
        np.testing.assert_array_equal(
            fast.elementwise_backward("relu", array, fast.elementwise("relu", array, ()), ()),
            reference.elementwise_backward("relu", array, reference.elementwise("relu", array, ()), ()),
        )


def test_softmax_by_hand(backend, frozen):
    x = frozen(np.log([[1, 2, 5], [1, 1, 2]]))
    y = backend.softmax(x)
    np.testing.assert_allclose(y, [[1 / 8, 2 / 8, 5 / 8], [1 / 4, 1 / 4, 2 / 4]], rtol=1e-14)
    np.testing.assert_allclose(backend.log_softmax(x), np.log(y), rtol=1e-14)
    # y (dy - sum of dy y): the mean of dy is 8 / 8 in the first row and 2 / 4 in the second
    y, dy = frozen([[1 / 8, 2 / 8, 5 / 8], [1 / 4, 1 / 4, 2 / 4]]), frozen([[8, 0, 0], [0, 2, 0]])
    want = [[7 / 8, -2 / 8, -5 / 8], [-1 / 8, 3 / 8, -2 / 8]]
    np.testing.assert_allclose(backend.softmax_backward(dy, y), want, rtol=1e-14)
    # dy - y sum of dy
    want = [[8 - 1, -2, -5], [-2 / 4, 2 - 2 / 4, -4 / 4]]
    np.testing.assert_allclose(backend.log_softmax_backward(dy, frozen(np.log(y))), want, rtol=1e-14)


def test_cross_entropy_by_hand(backend, frozen):
    losses, dlogits = backend.cross_entropy(frozen(np.log([[1, 2, 5], [1, 1, 2]])), frozen([[0, 1, 0], [0.5, 0, 0.5]]))
    np.testing.assert_allclose(losses, [np.log(4), (np.log(4) + np.log(2)) / 2], rtol=1e-14)
    np.testing.assert_allclose(dlogits, [[1 / 8, -6 / 8, 5 / 8], [-1 / 4, 1 / 4, 0]], rtol=1e-14, atol=1e-16)


def test_one_class(backend, frozen):
    x, one = frozen([[3], [-1e4]]), frozen([[1], [1]])
    np.testing.assert_array_equal(backend.softmax(x), one)
    np.testing.assert_array_equal(backend.log_softmax(x), [[0], [0]])
    np.testing.assert_array_equal(backend.softmax_backward(x, one), [[0], [0]])
    np.testing.assert_array_equal(backend.log_softmax_backward(x, frozen([[0], [0]])), [[0], [0]])
    losses, dlogits = backend.cross_entropy(x, one)
    np.testing.assert_array_equal(losses, [0, 0])
    np.testing.assert_array_equal(dlogits, [[0], [0]])


def test_no_rows(backend):
    none = np.zeros((0, 3), np.float32)
    for result in (backend.softmax(none), backend.log_softmax(none), *backend.cross_entropy(none, none)[1:]):
        assert result.shape == (0, 3)
        assert result.dtype == np.float32
    assert backend.cross_entropy(none, none)[0].shape == (0,)
    assert backend.softmax_backward(none, none).shape == (0, 3)
    assert backend.log_softmax_backward(none, none).shape == (0, 3)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_huge_logits_do_not_overflow(backend, frozen, dtype):
    x = frozen([[1e4, -1e4, 1e4], [-1e4, -1e4, -2e4]], dtype)
    np.testing.assert_array_equal(backend.softmax(x), [[0.5, 0, 0.5], [0.5, 0.5, 0]])
    half = np.log(dtype(2))
    want = [[-half, -2e4 - half, -half], [-half, -half, -1e4 - half]]
    np.testing.assert_allclose(backend.log_softmax(x), want, rtol=4 * np.finfo(dtype).eps)
    losses, dlogits = backend.cross_entropy(x, frozen([[0, 1, 0], [0, 0, 1]], dtype))
    np.testing.assert_allclose(losses, [2e4 + half, 1e4 + half], rtol=4 * np.finfo(dtype).eps)
    np.testing.assert_allclose(dlogits, [[0.5, -1, 0.5], [0.5, 0.5, -1]], rtol=4 * np.finfo(dtype).eps)


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_logit_of_minus_infinity_is_a_probability_of_zero(backend, frozen, place, dtype):
    """Masked classes: wherever in the row the mask is, the others share the probability."""
    others = [k for k in range(3) if k != place]
    x, target = np.zeros((1, 3), dtype), np.zeros((1, 3), dtype)
    x[0, place], target[0, others[0]] = -INF, 1
    half, log_half, gradient = np.full((1, 3), 0.5), np.full((1, 3), -np.log(2)), np.zeros((1, 3))
    half[0, place], log_half[0, place] = 0, -INF
    gradient[0, others] = -0.5, 0.5
    eps = np.finfo(dtype).eps
    np.testing.assert_array_equal(backend.softmax(x), half)
    np.testing.assert_allclose(backend.log_softmax(x), log_half, rtol=4 * eps)
    losses, dlogits = backend.cross_entropy(frozen(x, dtype), frozen(target, dtype))
    np.testing.assert_allclose(losses, [np.log(2)], rtol=4 * eps)
    np.testing.assert_allclose(dlogits, gradient, rtol=4 * eps)


def test_a_target_at_a_logit_of_minus_infinity_costs_infinitely(backend, frozen):
    losses, dlogits = backend.cross_entropy(frozen([[-INF, 0], [0, -INF]]), frozen([[1, 0], [0.5, 0.5]]))
    np.testing.assert_array_equal(losses, [INF, INF])
    np.testing.assert_array_equal(dlogits, [[-1, 1], [0.5, -0.5]])


@pytest.mark.usefixtures("quietly")
@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("row", [[NAN, 1, 2], [INF, 1, 2], [INF, INF, 0], [NAN, -INF, INF], [-INF, -INF, -INF]])
def test_nan_and_plus_infinity_fill_their_row_and_no_other(backend, frozen, row, place):
    x, target = frozen([[0, 0, 0], np.roll(row, place), [0, 0, 0]]), frozen([[1, 0, 0]] * 3)
    losses, dlogits = backend.cross_entropy(x, target)
    for bad in (backend.softmax(x)[1], losses[1], dlogits[1]):
        assert np.isnan(bad).all()
    assert not np.isfinite(backend.log_softmax(x)[1]).any()
    for good in (backend.softmax(x)[::2], losses[::2], dlogits[::2], backend.log_softmax(x)[::2]):
        assert np.isfinite(good).all()


@pytest.mark.usefixtures("quietly")
@pytest.mark.parametrize("grad", [NAN, INF])
def test_gradients_that_are_not_finite_show(backend, frozen, grad):
    y, dy = frozen([[0.5, 0.5], [0.25, 0.75]]), frozen([[grad, 1], [1, 1]])
    for dx in (backend.softmax_backward(dy, y), backend.log_softmax_backward(dy, frozen(np.log(y)))):
        assert not np.isfinite(dx[0]).any()
        assert np.isfinite(dx[1]).all()
