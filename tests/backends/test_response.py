"""Local response normalization: each fast backend equals the plain loops, and numbers worked by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minidl as ml


@given(
    data=st.data(),
    shape=st.tuples(st.integers(0, 2), st.integers(1, 40), st.integers(1, 3), st.integers(1, 3)),
    size=st.integers(1, 9) | st.just(10**9),
    beta=st.sampled_from([0.75, 0.5, 1, 0]),
    dtype=st.sampled_from([np.float32, np.float64]),
)
def test_forward_and_backward(fast, reference, arrays, assert_new_images, data, shape, size, beta, dtype):
    x, dy = data.draw(arrays(shape, dtype)), data.draw(arrays(shape, dtype))
    how = {"size": size, "alpha": 0.3, "beta": beta, "k": 0.5}
    y, want = fast.local_response_norm(x, **how), reference.local_response_norm(x, **how)
    assert_new_images(y, x)
    # A sum of squares has no cancellation: a relative error of some roundings.
    roundings = (2 * min(size, shape[1]) + 40) * np.finfo(dtype).eps
    np.testing.assert_allclose(y, want, rtol=roundings)
    dx, wanted = fast.local_response_norm_backward(dy, x, **how), reference.local_response_norm_backward(dy, x, **how)
    assert_new_images(dx, dy, x)
    assert (y.dtype, dx.dtype) == (dtype, dtype)
    # The first term is below |dy| / k**beta, and the others' sum below 2 beta times that for each channel.
    magnitude = np.abs(dy).max(axis=1, keepdims=True, initial=0) * 0.5**-beta * (2 + 2 * shape[1])
    assert (np.abs(dx - wanted) <= 4 * roundings * magnitude).all()


def test_numbers_worked_by_hand(backend, frozen):
    x = frozen([3, 0, 4, 0, 0]).reshape(1, 5, 1, 1)
    y = backend.local_response_norm(x, size=3, alpha=3.0, beta=0.5, k=16.0)
    np.testing.assert_allclose(y.ravel(), [3 / 5, 0, 4 / np.sqrt(32), 0, 0])
    y = backend.local_response_norm(x, size=4, alpha=4.0, beta=1.0, k=1.0)  # one channel before, two behind
    np.testing.assert_allclose(y.ravel(), [3 / 26, 0, 4 / 17, 0, 0])
    dx = backend.local_response_norm_backward(frozen(np.ones(x.shape)), x, size=1, alpha=1.0, beta=1.0, k=1.0)
    np.testing.assert_allclose(dx.ravel(), [(1 - 9) / 100, 1, (1 - 16) / 17**2, 1, 1])


@pytest.mark.usefixtures("quietly")
def test_what_is_not_finite_shows_in_its_window_alone(backend, frozen):
    x = frozen([1, 1, np.nan, 1, 1, 1]).reshape(1, 6, 1, 1)
    y = backend.local_response_norm(x, size=3, alpha=1.0, beta=0.75, k=1.0)
    np.testing.assert_array_equal(np.isnan(y.ravel()), [False, True, True, True, False, False])


def test_channels_of_a_block_are_read_and_written_there():
    """Beside another branch, in a network that is prepared, as by itself."""
    x = np.random.default_rng(0).standard_normal((2, 5, 3, 3), dtype=np.float32)
    layer = ml.LocalResponseNorm(3, alpha=0.5)
    joined = ml.Sequential([ml.Concatenate([[ml.Tanh(), layer], [ml.ReLU()]]), layer])
    parts = np.concatenate([layer(ml.Tanh()(x)), ml.ReLU()(x)], axis=1)
    np.testing.assert_array_equal(joined(x), layer(parts))
