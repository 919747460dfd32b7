"""Gradient clipping, in place and in a step: limits, NaN, and sums whose order never changes."""

import math

import numpy as np
import pytest

import minidl as ml
from minidl.module import Parameter
from minidl.optim import clipping


def parameters(*gradients):
    made = [Parameter(np.zeros(np.shape(gradient))) for gradient in gradients]
    for parameter, gradient in zip(made, gradients, strict=True):
        parameter.grad += np.asarray(gradient)
    return made


def test_by_norm():
    made = parameters([3.0, 0.0], [[4.0]])
    assert ml.clip_gradients(made, norm=1) == 5
    np.testing.assert_allclose(made[0].grad, [3 / (5 + 1e-6), 0])
    np.testing.assert_allclose(made[1].grad, [[4 / (5 + 1e-6)]])
    made = parameters([3.0, 0.0], [[4.0]])
    assert ml.clip_gradients(made, norm=7) == 5
    np.testing.assert_array_equal(made[0].grad, [3, 0])
    assert ml.clip_gradients(parameters([0.0, 0.0]), norm=1) == 0


def test_by_value_and_then_by_norm():
    made = parameters([3.0, -9.0, 0.5])
    assert ml.clip_gradients(made, value=3) == pytest.approx(math.sqrt(18.25))
    np.testing.assert_array_equal(made[0].grad, [3, -3, 0.5])
    made = parameters([3.0, -9.0])
    assert ml.clip_gradients(made, value=3, norm=1) == pytest.approx(math.sqrt(18))
    np.testing.assert_allclose(made[0].grad, [math.sqrt(0.5), -math.sqrt(0.5)], rtol=1e-6)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_gradients_that_are_not_finite_do_not_pass_for_clipped(wrong):
    made = parameters([wrong, 1.0], [2.0])
    assert not math.isfinite(ml.clip_gradients(made, norm=1))
    assert all(np.isnan(parameter.grad).all() for parameter in made)
    made = parameters([wrong, 1.0], [2.0])
    with pytest.raises(FloatingPointError, match="the gradients have the length"):
        ml.clip_gradients(made, norm=1, error_if_nonfinite=True)
    np.testing.assert_array_equal(made[0].grad, [wrong, 1])
    optimizer = ml.SGD(made, lr=1, clip_norm=1)
    optimizer.step()
    assert all(np.isnan(parameter.value).all() for parameter in made)


def test_nan_passes_a_limit_of_values_as_it_is():
    made = parameters([np.nan, 9.0])
    ml.clip_gradients(made, value=1)
    np.testing.assert_array_equal(made[0].grad, [np.nan, 1])


def test_a_step_clips_and_leaves_the_gradients():
    made = parameters([3.0, 0.0], [4.0])
    ml.SGD(made, lr=1, clip_norm=1).step()
    np.testing.assert_allclose(made[0].value, [-0.6, 0], rtol=1e-6)
    np.testing.assert_array_equal(made[0].grad, [3, 0])
    made = parameters([3.0, 0.0], [4.0])
    ml.SGD(made, lr=1, clip_value=1).step()
    np.testing.assert_array_equal(made[0].value, [-1, 0])
    np.testing.assert_array_equal(made[0].grad, [3, 0])


def test_the_length_is_the_same_however_parameters_lie_in_memory():
    rng = np.random.default_rng(0)
    model = ml.Sequential([ml.Dense(300), ml.Dense(250)], input_shape=(300,))
    for parameter in model.parameters():
        parameter.grad = rng.standard_normal(parameter.value.shape)
    alone = [Parameter(parameter.value) for parameter in model.parameters()]
    for parameter, other in zip(model.parameters(), alone, strict=True):
        other.grad = parameter.grad
    lengths = [clipping.length_of(p.flat[1] for p in some) for some in (model.parameters(), alone)]
    assert lengths[0] == lengths[1]
    squares = sum(math.fsum(p.grad.astype(np.float64).ravel() ** 2) for p in alone)
    assert lengths[0] == pytest.approx(math.sqrt(squares), rel=1e-13)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda p: ml.clip_gradients(p), ValueError, "expected a limit, value=... or norm=..."),
        (lambda p: ml.clip_gradients(p, norm=0), ValueError, "norm: expected a number above 0, or None for no limit"),
        (lambda p: ml.clip_gradients(p, value=-1), ValueError, "value: expected a number above 0"),
        (lambda p: ml.clip_gradients(p, max_norm=1), TypeError, "unknown argument 'max_norm'; did you mean norm"),
        (lambda p: ml.clip_gradients([], norm=1), ValueError, "parameters: expected at least one"),
        (lambda p: ml.SGD(p, lr=1, clip_norm=0), ValueError, "clip_norm: expected a number above 0"),
        (lambda p: ml.Adam(p, clipnorm=1), TypeError, "unknown argument 'clipnorm'; did you mean clip_norm"),
        (lambda p: ml.Adam(p, clipvalue=1), TypeError, "unknown argument 'clipvalue'; did you mean clip_value"),
        (lambda p: ml.Adam(p, beta_1=0.9), TypeError, "did you mean betas, both of them,"),
        (lambda p: ml.RMSProp(p, rho=0.9), TypeError, "did you mean alpha"),
        (lambda p: ml.RMSProp(p, alpha=1), ValueError, "alpha: expected a number of at least 0 and less than 1"),
        (lambda p: ml.Adagrad(p, lr_decay=-1), ValueError, "lr_decay: expected a number of at least 0"),
        (lambda p: ml.Lion(p, betas=(0.9,)), ValueError, "betas: expected two numbers"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call(parameters([1.0]))


def test_frozen_parameters_count_for_nothing():
    layer = ml.Dense(2)
    layer.build((2,), np.random.default_rng(0))
    layer.trainable = False
    free = parameters([3.0, 4.0])
    layer.weight.grad[...] = 100
    assert ml.clip_gradients([*layer.parameters(), *free], norm=1) == 5
    np.testing.assert_array_equal(layer.weight.grad, np.full((2, 2), 100))
    np.testing.assert_allclose(free[0].grad, np.array([3, 4]) / 5, rtol=1e-6)
