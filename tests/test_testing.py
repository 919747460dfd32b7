"""The gradient check itself: it passes what is right, and names what isn't."""

import re

import numpy as np
import pytest

import minidl as ml
from minidl.module import Parameter
from minidl.testing import check_gradients

X = np.array([[0.5, -1.0, 2.0], [1.5, 0.25, -0.75]])


class Scale(ml.Module):
    """scale x^2, with a backward pass that may be wrong."""

    def __init__(self, dx_error=0.0, dscale_error=0.0, where=(1, 2)):
        self.scale = Parameter(np.array([1.0, 2.0, 3.0]))
        self.errors = dx_error, dscale_error
        self.where = where

    def forward(self, x, *, train):
        def backward(dy, *, need_dx=True):
            dx, dscale = 2 * dy * self.scale.value * x, (dy * x * x).sum(axis=0)
            dx[self.where] += self.errors[0]
            dscale[1] += self.errors[1]
            self.scale.grad += dscale
            return dx

        return self.scale.value * x * x, backward


def test_what_is_right_passes():
    check_gradients(Scale(), X)
    check_gradients(Scale(), X.astype(np.float32))
    check_gradients(ml.Sequential([ml.Dense(4), ml.ReLU(), ml.Dense(2)], seed=0), X)
    check_gradients(lambda x: (np.sin(x), lambda dy: dy * np.cos(x.copy())), X)
    check_gradients(lambda x: (x.sum(), lambda dy: np.full(x.shape, dy)), X)
    check_gradients(lambda x: ml.functional.dense(x, np.ones((2, 3)), np.ones(2)), X)


@pytest.mark.parametrize("error", [0.01, -0.01, 10.0, np.nan, np.inf])
def test_a_wrong_input_gradient_is_named(error):
    with pytest.raises(AssertionError, match=r"^dx\[1, 2\]: backward gives \S+, the difference is \S+$"):
        check_gradients(Scale(dx_error=error), X)
    with pytest.raises(AssertionError, match=r"^dx\[0, 1\]: "):
        check_gradients(Scale(dx_error=error, where=(0, 1)), X)


@pytest.mark.parametrize("error", [0.01, -0.01, np.nan])
def test_a_wrong_parameter_gradient_is_named(error):
    with pytest.raises(AssertionError, match=r"^dscale\[1\]: backward gives"):
        check_gradients(Scale(dscale_error=error), X)
    with pytest.raises(AssertionError, match=r"^d1\.scale\[1\]: backward gives"):
        check_gradients(ml.Sequential([ml.Flatten(), Scale(dscale_error=error)], seed=0), X)


def test_the_message_has_both_numbers():
    with pytest.raises(AssertionError, match=re.escape("dx[0]: backward gives ")) as caught:
        check_gradients(lambda x: (x * x, lambda dy: 3 * x * dy), np.array([2.0]))
    got, difference = map(float, re.findall(r"(?:gives|is) ([-\d.e+]+)", str(caught.value)))
    assert got == pytest.approx(1.5 * difference)


def test_a_wrong_function():
    with pytest.raises(AssertionError, match=r"^dx\[0, 0\]: "):
        check_gradients(lambda x: (np.sin(x), lambda dy: -dy * np.cos(x)), X)
    with pytest.raises(AssertionError, match=r"^dx: expected shape \(2, 3\), got \(3,\)$"):
        check_gradients(lambda x: (np.sin(x), lambda dy: (dy * np.cos(x)).sum(axis=0)), X)
    with pytest.raises(AssertionError, match=r"^dx: expected shape \(2, 3\), got None$"):
        check_gradients(lambda x: (np.sin(x), lambda dy: None), X)


def test_the_tolerances():
    check_gradients(Scale(dx_error=1e-6), X)
    with pytest.raises(AssertionError):
        check_gradients(Scale(dx_error=1e-6), X, atol=1e-8, rtol=1e-8)
    check_gradients(Scale(dx_error=0.1), X, atol=0.2)


def test_a_layer_that_overwrites_its_gradient_is_caught_when_used_twice():
    class Overwriting(Scale):
        def forward(self, x, *, train):
            y, _ = super().forward(x, train=train)

            def backward(dy, *, need_dx=True):
                self.scale.grad[...] = (dy * x * x).sum(axis=0)
                return 2 * dy * self.scale.value * x

            return y, backward

    layer = Overwriting()
    check_gradients(layer, X)
    with pytest.raises(AssertionError, match=r"^d0\.scale\["):
        check_gradients(ml.Sequential([layer, layer], seed=0), X)


def test_the_point_and_the_parameters_stay():
    x, layer = X.copy(), Scale()
    check_gradients(layer, x)
    np.testing.assert_array_equal(x, X)
    np.testing.assert_array_equal(layer.scale.value, [1, 2, 3])


def test_a_module_is_built_and_left_in_float64():
    layer = ml.Dense(2)
    check_gradients(layer, X)
    assert layer.weight.value.shape == (2, 3)
    assert layer.weight.value.dtype == np.float64


def test_the_seed_chooses_the_weights_of_the_sum():
    def function(x):
        def pullback(dy):
            seen.append(dy)
            return 2 * dy * x

        return x * x, pullback

    seen = []
    for seed in (0, 0, 1):
        check_gradients(function, X, seed=seed)
    np.testing.assert_array_equal(seen[0], seen[1])
    assert not np.array_equal(seen[0], seen[2])


def test_frozen_parameters_are_not_compared():
    layer = ml.Dense(2)
    layer.trainable = False
    check_gradients(layer, np.random.default_rng(0).standard_normal((3, 4)))
