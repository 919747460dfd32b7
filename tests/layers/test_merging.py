"""Add, Concatenate and Multiply of several inputs."""

import re

import numpy as np
import pytest

import minidl as ml

RNG = np.random.default_rng(0)
A, B, C = (RNG.standard_normal((2, 3, 4, 5)).astype(np.float32) for _ in range(3))


@pytest.mark.parametrize("train", [False, True])
@pytest.mark.parametrize(
    ("layer", "y", "gradients"),
    [
        (ml.Add(), A + B + C, lambda dy: [dy, dy, dy]),
        (ml.Multiply(), A * B * C, lambda dy: [dy * B * C, dy * A * C, dy * A * B]),
        (ml.Concatenate(), np.concatenate([A, B, C], axis=1), lambda dy: np.split(dy, 3, axis=1)),
    ],
    ids=["Add", "Multiply", "Concatenate"],
)
def test_values_and_gradients(layer, y, gradients, train):
    found, backward = layer.forward((A, B, C), train=train)
    np.testing.assert_array_equal(found, y)
    np.testing.assert_array_equal(layer((A, B, C)), y)
    np.testing.assert_array_equal(layer(A, B, C), y)
    dy = RNG.standard_normal(y.shape).astype(np.float32)
    dx = backward(dy)
    assert isinstance(dx, tuple)
    for got, wanted in zip(dx, gradients(dy), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-6)
    assert backward(dy, need_dx=False) is None


@pytest.mark.parametrize("layer", [ml.Add(), ml.Multiply(), ml.Concatenate()], ids=repr)
def test_gradients_agree_with_differences(layer):
    ml.testing.check_gradients(layer, (A[:, :, :2, :2], B[:, :, :2, :2]))


def test_gates_weigh_channels():
    gates = RNG.standard_normal((2, 3, 1, 1)).astype(np.float32)
    assert ml.Multiply().output_shape(((3, 4, 5), (3, 1, 1))) == (3, 4, 5)
    y, backward = ml.Multiply().forward((gates, A), train=True)
    np.testing.assert_array_equal(y, gates * A)
    assert [dx.shape for dx in backward(np.ones_like(y))] == [(2, 3, 1, 1), (2, 3, 4, 5)]
    ml.testing.check_gradients(ml.Multiply(), (gates, A[:, :, :2, :2]))


def test_branches_are_multiplied():
    layer = ml.Sequential(
        [ml.Multiply([[], [ml.GlobalAveragePool2D(), ml.Dense(3), ml.Sigmoid(), ml.Reshape((3, 1, 1))]])],
        input_shape=(3, 4, 5),
        seed=0,
    )
    gate = layer[0].branches[1](A)
    np.testing.assert_array_equal(layer(A), A * gate)
    ml.testing.check_gradients(layer, A)


@pytest.mark.parametrize(
    ("layer", "x", "message"),
    [
        (
            ml.Add(),
            (A, B[:, :2]),
            "expected inputs of one shape, or 1 long where others are longer, got (2, 4, 5) of inputs[1] and (3, 4, 5)",
        ),
        (
            ml.Concatenate(),
            (A, B[:, :, 1:]),
            "expected inputs that all give (channels, 4, 5), got (3, 3, 5) of inputs[1]",
        ),
        (
            ml.Multiply(),
            (A, B[:, :2]),
            "expected inputs of one shape, or 1 long where others are longer, got (2, 4, 5) of",
        ),
        (
            ml.Multiply(),
            (A, B[:, 0]),
            "expected inputs of one shape, or 1 long where others are longer, got (4, 5) of in",
        ),
        (
            ml.Add(),
            (A[:, :, 1:], B),
            "got (3, 3, 5) of inputs[0] and (3, 4, 5) of inputs[1]",
        ),
        (
            ml.Multiply(),
            (A[..., :1], B, C[..., 1:]),
            "got (3, 4, 4) of inputs[2] and (3, 4, 5) of inputs[1]",
        ),
        (ml.Multiply(), (A, B[:1]), "expected the same number of samples in each input, got 2, 1"),
        (ml.Add(), (A, B[:1]), "expected the same number of samples in each input, got 2, 1"),
        (ml.Add(), A, "expected a tuple of several inputs, got one; branches feed one input to several modules"),
        (ml.Add(), (A,), "expected a tuple of several inputs, got a tuple"),
    ],
)
def test_what_does_not_fit(layer, x, message):
    for call in (layer, lambda x: layer.forward(x, train=True)):
        with pytest.raises(ml.ShapeError, match=re.escape(message)):
            call(x)


def test_a_layer_without_branches_in_a_sequential():
    with pytest.raises(ml.ShapeError, match=r"^Sequential\[0\] Add: expected a tuple of several inputs, got one"):
        ml.Sequential([ml.Add()], input_shape=(3,))
