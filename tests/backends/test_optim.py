"""Optimizer steps: each fast backend equals the plain loops, to the rounding of every element's few operations."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

SIZES = st.integers(0, 40)
DTYPES = st.sampled_from([np.float32, np.float64])
DECAYS = st.sampled_from([0, 0.01])
SGD = {"lr": 0.1, "momentum": 0, "nesterov": False, "weight_decay": 0}
ADAM = {"betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0, "step_size": 0.01, "second_scale": 1}


def assert_near(got, want, bound):
    """Within `bound` times eps."""
    assert got.dtype == want.dtype
    excess = np.abs(got.astype(np.float64) - want) - bound * np.finfo(want.dtype).eps
    assert (excess <= 0).all(), f"{got}\n{want}"


@given(
    data=st.data(),
    size=SIZES,
    dtype=DTYPES,
    momentum=st.sampled_from([None, 0, 0.9]),
    nesterov=st.booleans(),
    weight_decay=DECAYS,
)
def test_sgd_step(fast, reference, arrays, data, size, dtype, momentum, nesterov, weight_decay):
    value, grad = data.draw(arrays((size,), dtype)), data.draw(arrays((size,), dtype))
    velocity = None if momentum is None else data.draw(arrays((size,), dtype))
    how = {"lr": 0.05, "momentum": momentum or 0, "nesterov": nesterov, "weight_decay": weight_decay}
    states = [[value.copy(), None if velocity is None else velocity.copy()] for _ in range(2)]
    for kind, (changed, moved) in zip((fast, reference), states, strict=True):
        assert kind.sgd_step(changed, grad, moved, **how) is None
    (got, got_velocity), (want, want_velocity) = states
    slope = abs(grad.astype(np.float64)) + weight_decay * abs(value)
    if velocity is not None:
        slope = slope + how["momentum"] * abs(velocity)
        assert_near(got_velocity, want_velocity, 6 * slope)
        slope = (1 + how["momentum"]) * slope
    assert_near(got, want, 2 * abs(value) + 10 * 0.05 * 2 * slope)


@given(
    data=st.data(),
    size=SIZES,
    dtype=DTYPES,
    betas=st.sampled_from([(0.9, 0.999), (0, 0), (0.5, 0.9)]),
    weight_decay=DECAYS,
    steps=st.integers(1, 1000),
)
def test_adam_step(fast, reference, arrays, data, size, dtype, betas, weight_decay, steps):
    value, grad, first = (data.draw(arrays((size,), dtype)) for _ in range(3))
    second = data.draw(arrays((size,), dtype)) ** 2
    how = {
        "betas": betas,
        "eps": 1e-8,
        "weight_decay": weight_decay,
        "step_size": 0.01 / (1 - betas[0] ** steps),
        "second_scale": 1 / np.sqrt(1 - betas[1] ** steps),
    }
    states = [[value.copy(), first.copy(), second.copy()] for _ in range(2)]
    for kind, (changed, mean, square) in zip((fast, reference), states, strict=True):
        assert kind.adam_step(changed, grad, mean, square, **how) is None
    (got, got_first, got_second), (want, want_first, want_second) = states

    slope = abs(grad.astype(np.float64)) + weight_decay * abs(value)
    first_bound = 6 * (betas[0] * abs(first) + (1 - betas[0]) * slope)
    assert_near(got_first, want_first, first_bound)
    assert_near(got_second, want_second, 8 * (betas[1] * second + (1 - betas[1]) * slope**2))
    # A quotient is off by what its parts are off: the root by that of a slope that may have cancelled, and its own.
    eps = np.finfo(dtype).eps
    root = how["second_scale"] * np.sqrt(want_second.astype(np.float64))
    root_bound = 8 * root + how["second_scale"] * np.sqrt(1 - betas[1]) * 4 * slope
    smallest = np.maximum(root - eps * root_bound, 0) + 1e-8
    step_bound = first_bound / smallest + abs(want_first) * root_bound / smallest**2 + 8 * abs(want_first) / smallest
    assert_near(got, want, 2 * abs(want) + 2 * abs(value) + how["step_size"] * step_bound)


def test_sgd_by_hand(backend, frozen):
    grad = frozen([4, -2])
    value = np.array([1.0, 2.0])
    backend.sgd_step(value, grad, None, **SGD)
    np.testing.assert_allclose(value, [1 - 0.4, 2 + 0.2], rtol=1e-15)

    value = np.array([1.0, 2.0])  # the slope is 4 + 0.5 * 1 and -2 + 0.5 * 2
    backend.sgd_step(value, grad, None, **SGD | {"weight_decay": 0.5})
    np.testing.assert_allclose(value, [1 - 0.45, 2 + 0.1], rtol=1e-15)

    value, velocity = np.array([1.0, 2.0]), np.array([10.0, 0.0])  # the velocity becomes 0.5 * 10 + 4 and -2
    backend.sgd_step(value, grad, velocity, **SGD | {"momentum": 0.5})
    np.testing.assert_allclose(velocity, [9, -2], rtol=1e-15)
    np.testing.assert_allclose(value, [1 - 0.9, 2 + 0.2], rtol=1e-15)

    value, velocity = np.array([1.0, 2.0]), np.array([10.0, 0.0])  # the slope is 4 + 0.5 * 9 and -2 + 0.5 * -2
    backend.sgd_step(value, grad, velocity, **SGD | {"momentum": 0.5, "nesterov": True})
    np.testing.assert_allclose(velocity, [9, -2], rtol=1e-15)
    np.testing.assert_allclose(value, [1 - 0.85, 2 + 0.3], rtol=1e-15)


def test_adam_by_hand(backend, frozen):
    value, first, second = np.array([1.0]), np.array([2.0]), np.array([16.0])
    how = ADAM | {"betas": (0.5, 0.75), "eps": 1, "step_size": 0.1, "second_scale": 2}
    backend.adam_step(value, frozen([8]), first, second, **how)
    np.testing.assert_allclose(first, [0.5 * 2 + 0.5 * 8], rtol=1e-15)
    np.testing.assert_allclose(second, [0.75 * 16 + 0.25 * 64], rtol=1e-15)
    np.testing.assert_allclose(value, [1 - 0.1 * 5 / (np.sqrt(28) * 2 + 1)], rtol=1e-15)


def test_adam_with_weight_decay_adds_to_the_slope(backend, frozen):
    pure, decayed = ([np.array([3.0]), np.array([1.0]), np.array([1.0])] for _ in range(2))
    backend.adam_step(pure[0], frozen([2 + 0.5 * 3]), *pure[1:], **ADAM)
    backend.adam_step(decayed[0], frozen([2]), *decayed[1:], **ADAM | {"weight_decay": 0.5})
    np.testing.assert_allclose(decayed, pure, rtol=1e-14)


def test_the_first_adam_step_is_the_learning_rate(backend, frozen):
    value = np.zeros(3)
    how = ADAM | {"step_size": 0.01 / (1 - 0.9), "second_scale": 1 / np.sqrt(1 - 0.999)}
    backend.adam_step(value, frozen([1e-3, -5, 1e3]), np.zeros(3), np.zeros(3), **how)
    np.testing.assert_allclose(value, [-0.01, 0.01, -0.01], rtol=1e-4)


@pytest.mark.usefixtures("quietly")
@pytest.mark.parametrize("slope", [np.nan, np.inf])
def test_a_slope_that_is_not_finite_shows_in_its_element_alone(backend, frozen, slope):
    grad = frozen([1, slope, 1])
    value, velocity = np.ones(3), np.zeros(3)
    backend.sgd_step(value, grad, velocity, **SGD | {"momentum": 0.9})
    np.testing.assert_array_equal(np.isfinite([value, velocity]), [[True, False, True]] * 2)
    value, first, second = np.ones(3), np.zeros(3), np.zeros(3)
    backend.adam_step(value, grad, first, second, **ADAM)
    np.testing.assert_array_equal(np.isfinite([value, first, second]), [[True, False, True]] * 3)


@pytest.mark.usefixtures("quietly")
def test_adam_without_eps_divides_as_ieee_754_does(backend, frozen):
    value, first, second = np.ones(2), np.array([0.0, 1.0]), np.zeros(2)
    backend.adam_step(value, frozen([0, 0]), first, second, **ADAM | {"eps": 0})
    np.testing.assert_array_equal(value, [np.nan, -np.inf])
