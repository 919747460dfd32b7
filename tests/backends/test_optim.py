"""Optimizer steps: each fast backend equals the plain loops, to the rounding of every element's few operations."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidl.backends.updates import AdagradStep, AdamStep, LionStep, RMSPropStep, SGDStep

SIZES = st.integers(0, 40)
DTYPES = st.sampled_from([np.float32, np.float64])
DECAYS = st.sampled_from([0, 0.01])
SHRINKS = st.sampled_from([1, 0.99])
SGD = SGDStep(lr=0.1)
ADAM = AdamStep(beta1=0.9, beta2=0.999, eps=1e-8, step_size=0.01, second_scale=1)


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
    share=st.sampled_from([1, 0.7, 0]),
)
def test_sgd_step(fast, reference, arrays, data, size, dtype, momentum, nesterov, weight_decay, share):
    value, grad = data.draw(arrays((size,), dtype)), data.draw(arrays((size,), dtype))
    velocity = None if momentum is None else data.draw(arrays((size,), dtype))
    how = SGDStep(0.05, momentum or 0, nesterov, weight_decay, share)
    states = [[value.copy(), None if velocity is None else velocity.copy()] for _ in range(2)]
    for kind, (changed, moved) in zip((fast, reference), states, strict=True):
        assert kind.sgd_step(changed, grad, moved, how) is None
    (got, got_velocity), (want, want_velocity) = states
    g = abs(grad.astype(np.float64)) + weight_decay * abs(value)
    if velocity is not None:
        g = g + how.momentum * abs(velocity)
        assert_near(got_velocity, want_velocity, 6 * g)
        g = (1 + how.momentum) * g
    assert_near(got, want, 2 * abs(value) + 10 * 0.05 * 2 * g)


@given(
    data=st.data(),
    size=SIZES,
    dtype=DTYPES,
    betas=st.sampled_from([(0.9, 0.999), (0, 0), (0.5, 0.9)]),
    weight_decay=DECAYS,
    shrink=SHRINKS,
    steps=st.integers(1, 1000),
    amsgrad=st.booleans(),
)
def test_adam_step(fast, reference, arrays, data, size, dtype, betas, weight_decay, shrink, steps, amsgrad):
    value, grad, first = (data.draw(arrays((size,), dtype)) for _ in range(3))
    second = data.draw(arrays((size,), dtype)) ** 2
    largest = data.draw(arrays((size,), dtype)) ** 2 if amsgrad else None
    how = AdamStep(
        *betas,
        eps=1e-8,
        step_size=0.01 / (1 - betas[0] ** steps),
        second_scale=1 / np.sqrt(1 - betas[1] ** steps),
        weight_decay=weight_decay,
        shrink=shrink,
    )
    states = [[value.copy(), first.copy(), second.copy(), largest if largest is None else largest.copy()] for _ in "ab"]
    for kind, (changed, mean, square, most) in zip((fast, reference), states, strict=True):
        assert kind.adam_step(changed, grad, mean, square, most, how) is None
    (got, got_first, got_second, got_largest), (want, want_first, want_second, want_largest) = states

    g = abs(grad.astype(np.float64)) + weight_decay * abs(value)
    first_bound = 6 * (betas[0] * abs(first) + (1 - betas[0]) * g)
    assert_near(got_first, want_first, first_bound)
    second_bound = 8 * (betas[1] * second + (1 - betas[1]) * g**2)
    assert_near(got_second, want_second, second_bound)
    if largest is not None:
        assert_near(got_largest, want_largest, second_bound)
        np.testing.assert_array_equal(got_largest, np.maximum(largest, got_second))
    # A quotient is off by what its parts are off: the root by that of a gradient that may have cancelled, and its own.
    eps = np.finfo(dtype).eps
    square = want_second if largest is None else want_largest
    root = how.second_scale * np.sqrt(square.astype(np.float64))
    root_bound = 8 * root + how.second_scale * np.sqrt(1 - betas[1]) * 4 * g
    smallest = np.maximum(root - eps * root_bound, 0) + 1e-8
    step_bound = first_bound / smallest + abs(want_first) * root_bound / smallest**2 + 8 * abs(want_first) / smallest
    assert_near(got, want, 2 * abs(want) + 2 * abs(value) + how.step_size * step_bound)


def test_sgd_by_hand(backend, frozen):
    grad = frozen([4, -2])
    value = np.array([1.0, 2.0])
    backend.sgd_step(value, grad, None, SGD)
    np.testing.assert_allclose(value, [1 - 0.4, 2 + 0.2], rtol=1e-15)

    value = np.array([1.0, 2.0])  # the gradient is 4 + 0.5 * 1 and -2 + 0.5 * 2
    backend.sgd_step(value, grad, None, SGD._replace(weight_decay=0.5))
    np.testing.assert_allclose(value, [1 - 0.45, 2 + 0.1], rtol=1e-15)

    value, velocity = np.array([1.0, 2.0]), np.array([10.0, 0.0])  # the velocity becomes 0.5 * 10 + 4 and -2
    backend.sgd_step(value, grad, velocity, SGD._replace(momentum=0.5))
    np.testing.assert_allclose(velocity, [9, -2], rtol=1e-15)
    np.testing.assert_allclose(value, [1 - 0.9, 2 + 0.2], rtol=1e-15)

    value, velocity = np.array([1.0, 2.0]), np.array([10.0, 0.0])  # the velocity becomes 0.5 * 10 + 0.25 * 4
    backend.sgd_step(value, grad, velocity, SGD._replace(momentum=0.5, share=0.25))
    np.testing.assert_allclose(velocity, [6, -0.5], rtol=1e-15)
    np.testing.assert_allclose(value, [1 - 0.6, 2 + 0.05], rtol=1e-15)

    value, velocity = np.array([1.0, 2.0]), np.array([10.0, 0.0])  # the gradient is 4 + 0.5 * 9 and -2 + 0.5 * -2
    backend.sgd_step(value, grad, velocity, SGD._replace(momentum=0.5, nesterov=True))
    np.testing.assert_allclose(velocity, [9, -2], rtol=1e-15)
    np.testing.assert_allclose(value, [1 - 0.85, 2 + 0.3], rtol=1e-15)


def test_adam_by_hand(backend, frozen):
    value, first, second = np.array([1.0]), np.array([2.0]), np.array([16.0])
    how = AdamStep(beta1=0.5, beta2=0.75, eps=1, step_size=0.1, second_scale=2)
    backend.adam_step(value, frozen([8]), first, second, None, how)
    np.testing.assert_allclose(first, [0.5 * 2 + 0.5 * 8], rtol=1e-15)
    np.testing.assert_allclose(second, [0.75 * 16 + 0.25 * 64], rtol=1e-15)
    np.testing.assert_allclose(value, [1 - 0.1 * 5 / (np.sqrt(28) * 2 + 1)], rtol=1e-15)


def test_amsgrad_by_hand(backend, frozen):
    value, first, second = np.array([1.0, 1.0]), np.array([2.0, 2.0]), np.array([16.0, 16.0])
    largest = np.array([20.0, 100.0])
    how = AdamStep(beta1=0.5, beta2=0.75, eps=1, step_size=0.1, second_scale=2)
    backend.adam_step(value, frozen([8, 8]), first, second, largest, how)
    np.testing.assert_allclose(second, [28, 28], rtol=1e-15)
    np.testing.assert_allclose(largest, [28, 100], rtol=1e-15)
    np.testing.assert_allclose(value, [1 - 0.1 * 5 / (np.sqrt(28) * 2 + 1), 1 - 0.1 * 5 / 21], rtol=1e-15)


def test_adam_with_weight_decay_adds_to_the_gradient(backend, frozen):
    pure, decayed = ([np.array([3.0]), np.array([1.0]), np.array([1.0])] for _ in range(2))
    backend.adam_step(pure[0], frozen([2 + 0.5 * 3]), *pure[1:], None, ADAM)
    backend.adam_step(decayed[0], frozen([2]), *decayed[1:], None, ADAM._replace(weight_decay=0.5))
    np.testing.assert_allclose(decayed, pure, rtol=1e-14)


def test_the_first_adam_step_is_the_learning_rate(backend, frozen):
    value = np.zeros(3)
    how = ADAM._replace(step_size=0.01 / (1 - 0.9), second_scale=1 / np.sqrt(1 - 0.999))
    backend.adam_step(value, frozen([1e-3, -5, 1e3]), np.zeros(3), np.zeros(3), None, how)
    np.testing.assert_allclose(value, [-0.01, 0.01, -0.01], rtol=1e-4)


@pytest.mark.usefixtures("quietly")
@pytest.mark.parametrize("element", [np.nan, np.inf])
def test_a_gradient_that_is_not_finite_shows_in_its_element_alone(backend, frozen, element):
    grad = frozen([1, element, 1])
    value, velocity = np.ones(3), np.zeros(3)
    backend.sgd_step(value, grad, velocity, SGD._replace(momentum=0.9))
    np.testing.assert_array_equal(np.isfinite([value, velocity]), [[True, False, True]] * 2)
    value, first, second = np.ones(3), np.zeros(3), np.zeros(3)
    backend.adam_step(value, grad, first, second, None, ADAM)
    np.testing.assert_array_equal(np.isfinite([value, first, second]), [[True, False, True]] * 3)


@pytest.mark.usefixtures("quietly")
def test_adam_without_eps_divides_as_ieee_754_does(backend, frozen):
    value, first, second = np.ones(2), np.array([0.0, 1.0]), np.zeros(2)
    backend.adam_step(value, frozen([0, 0]), first, second, None, ADAM._replace(eps=0))
    np.testing.assert_array_equal(value, [np.nan, -np.inf])


def drawn(data, arrays, size, dtype, count):
    return [data.draw(arrays((size,), dtype)) for _ in range(count)]


def both(fast, reference, kernel, grad, vectors, how):
    """The vectors, some of which may be None, after the kernel of each backend has changed them."""
    changed = []
    for kind in (fast, reference):
        copies = [None if vector is None else vector.copy() for vector in vectors]
        assert getattr(kind, kernel)(copies[0], grad, *copies[1:], how) is None
        changed.append(copies)
    return changed


@given(
    data=st.data(),
    size=SIZES,
    dtype=DTYPES,
    centered=st.booleans(),
    momentum=st.sampled_from([None, 0, 0.9]),
    alpha=st.sampled_from([0, 0.5, 0.99]),
    weight_decay=DECAYS,
)
def test_rmsprop_step(fast, reference, arrays, data, size, dtype, centered, momentum, alpha, weight_decay):
    value, grad, mean, spread, velocity = drawn(data, arrays, size, dtype, 5)
    # Rounding is bounded where the variance isn't lost in it: it's at least alpha / 2 of the mean square here.
    square = (2 * mean.astype(np.float64) ** 2 + spread.astype(np.float64) ** 2 + 0.5).astype(dtype)
    how = RMSPropStep(0.05, alpha, 1e-3, momentum or 0, weight_decay)
    vectors = [value, square, mean if centered and alpha else None, None if momentum is None else velocity]
    got, want = both(fast, reference, "rmsprop_step", grad, vectors, how)

    g = abs(grad.astype(np.float64)) + weight_decay * abs(value)
    square_bound = 8 * (alpha * square + (1 - alpha) * g**2)
    assert_near(got[1], want[1], square_bound)
    variance, variance_bound = want[1].astype(np.float64), square_bound
    if vectors[2] is not None:
        assert_near(got[2], want[2], 8 * (alpha * abs(mean) + (1 - alpha) * g))
        variance = np.maximum(variance - want[2].astype(np.float64) ** 2, 0)
        variance_bound = square_bound + 20 * (alpha * abs(mean) + (1 - alpha) * g) ** 2
    # A root is off by at most the root of what its square is off; from half of it on, by that over itself.
    eps = np.finfo(dtype).eps
    root = np.sqrt(variance)
    root_bound = np.minimum(np.sqrt(variance_bound / eps), variance_bound / np.maximum(root, 1e-300)) + root
    smallest = np.maximum(root - eps * root_bound, 0) + how.eps
    step_bound = 8 * g / smallest + g * root_bound / smallest**2
    if momentum is not None:
        assert_near(got[3], want[3], 4 * abs(velocity) + 2 * step_bound)
        step_bound = step_bound + 4 * abs(velocity)
    assert_near(got[0], want[0], 4 * abs(value) + how.lr * 4 * step_bound)


@given(data=st.data(), size=SIZES, dtype=DTYPES, weight_decay=DECAYS, start=st.sampled_from([0, 0.1]))
def test_adagrad_step(fast, reference, arrays, data, size, dtype, weight_decay, start):
    value, grad, spread = drawn(data, arrays, size, dtype, 3)
    how = AdagradStep(0.05, 1e-10, weight_decay)
    got, want = both(fast, reference, "adagrad_step", grad, [value, spread**2 + dtype(start)], how)
    g = abs(grad.astype(np.float64)) + weight_decay * abs(value)
    assert_near(got[1], want[1], 8 * (want[1] + g**2))
    # The step is at most 1 long, and relatively as far off as the gradient, which may have cancelled.
    root = np.sqrt(want[1].astype(np.float64)) + 1e-10
    assert_near(got[0], want[0], 2 * abs(value) + how.step_size * (8 + 12 * g / root))


@given(
    data=st.data(),
    size=SIZES,
    dtype=DTYPES,
    betas=st.sampled_from([(0.9, 0.99), (0, 0), (0.5, 0.9)]),
    shrink=SHRINKS,
)
def test_lion_step(fast, reference, arrays, data, size, dtype, betas, shrink):
    value, grad, mean = drawn(data, arrays, size, dtype, 3)
    mixed = betas[0] * mean.astype(np.float64) + (1 - betas[0]) * grad
    sure = (abs(mixed) > 1e-5) | (mixed == 0)  # elsewhere rounding may turn the sign
    got, want = both(fast, reference, "lion_step", grad, [value, mean], LionStep(0.05, *betas, shrink))
    assert_near(got[0][sure], want[0][sure], 4 * (abs(value[sure]) + 0.05))
    assert_near(got[1], want[1], 8 * (betas[1] * abs(mean) + (1 - betas[1]) * abs(grad.astype(np.float64))))


def test_rmsprop_by_hand(backend, frozen):
    value, square = np.array([1.0]), np.array([16.0])
    how = RMSPropStep(lr=0.1, alpha=0.75, eps=1)
    backend.rmsprop_step(value, frozen([8]), square, None, None, how)
    np.testing.assert_allclose(square, [0.75 * 16 + 0.25 * 64], rtol=1e-15)
    np.testing.assert_allclose(value, [1 - 0.1 * 8 / (np.sqrt(28) + 1)], rtol=1e-15)

    value, square, mean, velocity = (np.array([start]) for start in (1.0, 16.0, -4.0, 2.0))
    backend.rmsprop_step(value, frozen([8]), square, mean, velocity, how._replace(momentum=0.5))
    np.testing.assert_allclose(mean, [0.75 * -4 + 0.25 * 8], rtol=1e-15)
    np.testing.assert_allclose(velocity, [0.5 * 2 + 8 / (np.sqrt(28 - 1) + 1)], rtol=1e-15)
    np.testing.assert_allclose(value, 1 - 0.1 * velocity, rtol=1e-15)


def test_a_variance_is_never_below_zero(backend, frozen):
    value, square, mean = np.ones(1), np.array([1.0]), np.array([2.0])
    backend.rmsprop_step(value, frozen([1]), square, mean, None, RMSPropStep(lr=0.1, alpha=0.5, eps=0.5))
    np.testing.assert_allclose(value, [1 - 0.1 * 1 / 0.5], rtol=1e-15)  # 1 - 1.5^2 counts as 0


def test_adagrad_by_hand(backend, frozen):
    value, total = np.array([1.0, 1.0]), np.array([16.0, 0.0])
    backend.adagrad_step(value, frozen([3, -2]), total, AdagradStep(step_size=0.1, eps=1, weight_decay=0))
    np.testing.assert_allclose(total, [25, 4], rtol=1e-15)
    np.testing.assert_allclose(value, [1 - 0.1 * 3 / 6, 1 + 0.1 * 2 / 3], rtol=1e-15)


def test_lion_by_hand(backend, frozen):
    value, mean = np.array([1.0, 1.0, 1.0]), np.array([-4.0, 4.0, 1.0])
    backend.lion_step(value, frozen([8, 8, -1]), mean, LionStep(lr=0.1, beta1=0.5, beta2=0.75, shrink=0.5))
    np.testing.assert_allclose(value, [0.5 - 0.1, 0.5 - 0.1, 0.5], rtol=1e-15)
    np.testing.assert_allclose(mean, [-1, 5, 0.5], rtol=1e-15)


KERNELS = {
    "sgd_step": (1, SGD),
    "adam_step": (3, ADAM),
    "rmsprop_step": (3, RMSPropStep(lr=0.1, alpha=0.9, eps=1e-8, momentum=0.9)),
    "adagrad_step": (1, AdagradStep(step_size=0.1, eps=1e-10)),
    "lion_step": (1, LionStep(lr=0.1, beta1=0.9, beta2=0.99)),
}
kernels = pytest.mark.parametrize(("kernel", "count", "how"), [(k, *v) for k, v in KERNELS.items()], ids=KERNELS)


@pytest.mark.usefixtures("quietly")
@kernels
def test_without_weight_decay_an_infinite_weight_is_no_nan(backend, frozen, kernel, count, how):
    value = np.array([np.inf, -np.inf, 1])
    getattr(backend, kernel)(value, frozen([1, 1, 1]), *[np.ones(3) for _ in range(count)], how)
    np.testing.assert_array_equal(value[:2], [np.inf, -np.inf])
    assert value[2] < 1


@pytest.mark.usefixtures("quietly")
@kernels
def test_a_nan_gradient_shows_in_its_element_alone(backend, frozen, kernel, count, how):
    value, state = np.ones(3), [np.ones(3) for _ in range(count)]
    getattr(backend, kernel)(value, frozen([1, np.nan, 1]), *state, how)
    np.testing.assert_array_equal(np.isnan([value, *state]), [[False, True, False]] * (count + 1))
