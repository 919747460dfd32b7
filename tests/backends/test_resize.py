"""Padding and upsampling: each fast backend equals the plain loops."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

SIZES = st.tuples(st.integers(0, 3), st.integers(1, 3), st.integers(1, 6), st.integers(1, 6))
SIDES = st.tuples(*[st.tuples(st.integers(0, 3), st.integers(0, 3))] * 2)
FACTORS = st.tuples(st.integers(1, 5), st.integers(1, 5))
DTYPES = st.sampled_from([np.float32, np.float64])
KINDS = st.sampled_from(["nearest", "bilinear"])


@given(data=st.data(), shape=SIZES, padding=SIDES, dtype=DTYPES)
def test_zero_pad2d(fast, reference, arrays, assert_new_images, data, shape, padding, dtype):
    x = data.draw(arrays(shape, dtype))
    y = fast.zero_pad2d(x, padding=padding)
    np.testing.assert_array_equal(y, reference.zero_pad2d(x, padding=padding), strict=True)
    assert_new_images(y, x)
    dx = fast.zero_pad2d_backward(y, padding=padding)
    np.testing.assert_array_equal(dx, x, strict=True)
    assert_new_images(dx, y)


@given(data=st.data(), shape=SIZES, padding=SIDES, dtype=DTYPES)
def test_zero_pad2d_backward(fast, reference, arrays, assert_new_images, data, shape, padding, dtype):
    padded = (*shape[:2], shape[2] + sum(padding[0]), shape[3] + sum(padding[1]))
    dy = data.draw(arrays(padded, dtype))
    dx = fast.zero_pad2d_backward(dy, padding=padding)
    np.testing.assert_array_equal(dx, reference.zero_pad2d_backward(dy, padding=padding), strict=True)
    assert_new_images(dx, dy)


@given(data=st.data(), shape=SIZES, factors=FACTORS, interpolation=KINDS, dtype=DTYPES)
def test_upsample2d(
    fast, reference, arrays, assert_sums_equal, assert_new_images, data, shape, factors, interpolation, dtype
):
    x = data.draw(arrays(shape, dtype))
    how = {"factors": factors, "interpolation": interpolation}
    y, want = fast.upsample2d(x, **how), reference.upsample2d(x, **how)
    assert_new_images(y, x)
    # Each share is rounded, and so is each product and sum along both axes.
    assert_sums_equal(y, want, terms=8, magnitude=reference.upsample2d(abs(x), **how))
    if interpolation == "nearest":
        np.testing.assert_array_equal(y, want)


@given(data=st.data(), shape=SIZES, factors=FACTORS, interpolation=KINDS, dtype=DTYPES)
def test_upsample2d_backward(
    fast, reference, arrays, assert_sums_equal, assert_new_images, data, shape, factors, interpolation, dtype
):
    dy = data.draw(arrays((*shape[:2], shape[2] * factors[0], shape[3] * factors[1]), dtype))
    how = {"factors": factors, "interpolation": interpolation}
    dx, want = fast.upsample2d_backward(dy, **how), reference.upsample2d_backward(dy, **how)
    assert_new_images(dx, dy)
    terms = 4 * factors[0] * factors[1] + 8
    assert_sums_equal(dx, want, terms=terms, magnitude=reference.upsample2d_backward(abs(dy), **how))


@given(shape=SIZES, factors=FACTORS, interpolation=KINDS, seed=st.integers(0, 100))
def test_backward_is_the_adjoint(reference, shape, factors, interpolation, seed):
    rng, how = np.random.default_rng(seed), {"factors": factors, "interpolation": interpolation}
    x = rng.standard_normal(shape)
    y = reference.upsample2d(x, **how)
    dy = rng.standard_normal(y.shape)
    got, want = np.vdot(x, reference.upsample2d_backward(dy, **how)), np.vdot(y, dy)
    assert abs(got - want) <= 4 * y.size * np.finfo(float).eps * (np.vdot(abs(y), abs(dy)) + 1)


def test_numbers_worked_by_hand(backend, frozen):
    x = frozen([[[[0, 4]]]])
    y = backend.upsample2d(x, factors=(1, 2), interpolation="nearest")
    np.testing.assert_array_equal(y, [[[[0, 0, 4, 4]]]])
    y = backend.upsample2d(x, factors=(1, 2), interpolation="bilinear")
    np.testing.assert_array_equal(y, [[[[0, 1, 3, 4]]]])
    y = backend.upsample2d(x, factors=(2, 4), interpolation="bilinear")
    np.testing.assert_array_equal(y, [[[[0, 0, 0.5, 1.5, 2.5, 3.5, 4, 4]] * 2]])
    dx = backend.upsample2d_backward(frozen([[[[1, 2, 3, 4]]]]), factors=(1, 2), interpolation="bilinear")
    np.testing.assert_array_equal(dx, [[[[1 + 1.5 + 0.75, 0.5 + 2.25 + 4]]]])
    dx = backend.upsample2d_backward(frozen([[[[1, 2, 3, 4]]]]), factors=(1, 2), interpolation="nearest")
    np.testing.assert_array_equal(dx, [[[[3, 7]]]])
    y = backend.zero_pad2d(frozen([[[[5]]]]), padding=((1, 0), (2, 1)))
    np.testing.assert_array_equal(y, [[[[0, 0, 0, 0], [0, 0, 5, 0]]]])


def test_an_even_image_stays_even(backend):
    x = np.full((1, 2, 3, 3), 0.7, np.float32)
    y = backend.upsample2d(x, factors=(4, 2), interpolation="bilinear")
    np.testing.assert_allclose(y, np.full((1, 2, 12, 6), 0.7), rtol=1e-6)


@pytest.mark.usefixtures("quietly")
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("factors", [(1, 1), (2, 2), (3, 1), (3, 4)])
@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
def test_infinity_and_nan_reach_what_they_touch_and_nothing_else(fast, reference, value, factors, interpolation):
    how = {"factors": factors, "interpolation": interpolation}
    x = np.ones((1, 2, 5, 5))
    x[0, 1, 2, 2] = value
    want = reference.upsample2d(x, **how)
    assert 0 < (~np.isfinite(want)).sum() <= (2 * factors[0]) * (2 * factors[1])
    np.testing.assert_allclose(fast.upsample2d(x, **how), want)
    dy = np.ones_like(want)
    dy[0, 1, 2, 2] = value
    want = reference.upsample2d_backward(dy, **how)
    assert 0 < (~np.isfinite(want)).sum() <= 4
    np.testing.assert_allclose(fast.upsample2d_backward(dy, **how), want)
    padded = fast.zero_pad2d(x, padding=((1, 1), (1, 1)))
    np.testing.assert_array_equal(padded, reference.zero_pad2d(x, padding=((1, 1), (1, 1))))
