"""Normalization of samples: each fast backend is as near to exact numbers as rounding lets it be."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

DTYPES = st.sampled_from([np.float32, np.float64])


@st.composite
def samples(draw):
    """(shape of x, groups, shape of gamma)."""
    groups, size = draw(st.tuples(st.integers(1, 4), st.integers(1, 20)) | st.sampled_from([(32, 1), (8, 8), (96, 1)]))
    length = draw(st.integers(1, 9))
    channels = groups * size
    by_place = groups == 1 and draw(st.booleans())
    return (draw(st.integers(0, 3)), channels, length), groups, (channels, length) if by_place else (channels,)


@given(data=st.data(), drawn=samples(), dtype=DTYPES)
def test_group_norm_forward_and_backward(fast, reference, arrays, data, drawn, dtype):
    """With an eps that keeps deviations from zero, numbers are of the size of one, or of sums of the samples."""
    shape, groups, scales = drawn
    x, dy = data.draw(arrays(shape, dtype)), data.draw(arrays(shape, dtype))
    gamma, beta = data.draw(arrays(scales, dtype)), data.draw(arrays(scales, dtype))
    how = {"groups": groups, "eps": 0.1}
    y, mean, variance = fast.group_norm(x, gamma, beta, **how)
    want, wanted_mean, wanted_variance = reference.group_norm(x, gamma, beta, **how)
    roundings = 400 * np.finfo(dtype).eps
    for got, wanted in [(y, want), (mean, wanted_mean), (variance, wanted_variance)]:
        assert (got.dtype, got.shape) == (wanted.dtype, wanted.shape)
        np.testing.assert_allclose(got, wanted, rtol=roundings, atol=roundings)
    gradients = fast.group_norm_backward(dy, x, gamma, mean, variance, **how)
    wanted_gradients = reference.group_norm_backward(dy, x, gamma, wanted_mean, wanted_variance, **how)
    for got, wanted in zip(gradients, wanted_gradients, strict=True):
        assert (got.dtype, got.shape) == (wanted.dtype, wanted.shape)
        np.testing.assert_allclose(got, wanted, rtol=10 * roundings, atol=10 * roundings)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("shape", "groups"), [((3, 700, 1), 1), ((2, 32, 300), 4), ((2, 3, 5000), 3), ((2, 1, 90), 1)])
def test_a_mean_far_from_zero_leaves_the_variance_its_digits(fast, shape, groups, dtype):
    offset = 1e4
    x = (np.random.default_rng(2).standard_normal(shape) + offset).astype(dtype)
    y, mean, variance = fast.group_norm(x, np.ones(shape[1], dtype), np.zeros(shape[1], dtype), groups=groups, eps=0)
    exact = x.astype(np.longdouble).reshape(shape[0], groups, -1)
    center, spread, eps = exact.mean(axis=2), exact.var(axis=2), np.finfo(dtype).eps
    assert (abs(mean - center) <= 8 * eps * offset).all()
    assert (abs(variance - spread) <= 2 * eps * offset * spread).all()
    normal = (exact - center[:, :, None]) / np.sqrt(spread)[:, :, None]
    assert (abs(y.reshape(normal.shape) - normal) <= 20 * eps * offset).all()


@pytest.mark.usefixtures("quietly")
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_shows_in_its_group_alone(backend, frozen, value):
    x = np.random.default_rng(0).standard_normal((2, 6, 4))
    x[1, 2, 3] = value
    how = {"groups": 3, "eps": 1e-5}
    y, mean, variance = backend.group_norm(frozen(x), np.ones(6), np.zeros(6), **how)
    where = np.zeros((2, 6, 4), bool)
    where[1, 2:4] = True
    np.testing.assert_array_equal(np.isnan(y), where)
    np.testing.assert_array_equal(mean[1, 1], value)
    dx, dgamma, _ = backend.group_norm_backward(np.ones_like(x), frozen(x), np.ones(6), mean, variance, **how)
    np.testing.assert_array_equal(np.isnan(dx), where)
    np.testing.assert_array_equal(np.isnan(dgamma), [False, False, True, True, False, False])


def test_the_layout_in_memory_changes_nothing(backend, laid_out, orders):
    x, dy = np.random.default_rng(0).standard_normal((2, 3, 20, 7)).astype(np.float32)
    gamma = np.linspace(1, 2, 20, dtype=np.float32)
    how = {"groups": 4, "eps": 1e-5}
    found = []
    for order in orders:
        y, mean, variance = backend.group_norm(laid_out(x, order), gamma, gamma, **how)
        gradients = backend.group_norm_backward(laid_out(dy, order), laid_out(x, order), gamma, mean, variance, **how)
        found.append([y, mean, variance, *gradients])
    for others in found[1:]:
        for got, want in zip(others, found[0], strict=True):
            np.testing.assert_array_equal(got, want)
