import numpy as np
import pytest

import minidl as ml


def built(layer, shape):
    layer.build(shape, np.random.default_rng(0))
    return layer


def test_numbers_worked_by_hand():
    layer = built(ml.Conv1D(1, 2, stride=2, padding=1), (1, 4))
    layer.weight.value = np.float32([[[10, 1]]])
    layer.bias.value = np.float32([100])
    y, backward = layer.forward(np.float32([[[1, 2, 3, 4]]]), train=True)
    np.testing.assert_array_equal(y, [[[101, 123, 140]]])
    np.testing.assert_array_equal(backward(np.float32([[[1, 2, 3]]])), [[[1, 20, 2, 30]]])
    np.testing.assert_array_equal(layer.weight.grad, [[[2 * 2 + 3 * 4, 1 + 2 * 3]]])
    np.testing.assert_array_equal(layer.bias.grad, [6])


def test_same_puts_the_odd_value_at_the_end():
    layer = built(ml.Conv1D(1, 2, padding="same", bias=False), (1, 3))
    layer.weight.value = np.float32([[[0, 1]]])
    np.testing.assert_array_equal(layer(np.float32([[[1, 2, 3]]])), [[[2, 3, 0]]])


def test_weights_and_macs():
    layer = built(ml.Conv1D(6, 5, groups=2, padding=2), (4, 9))
    assert layer.weight.value.shape == (6, 2, 5)
    assert layer.macs((4, 9)) == 6 * 9 * 2 * 5
    assert built(ml.Conv1D(6, 5, bias=False), (4, 9)).bias is None


@pytest.mark.parametrize(
    ("attempt", "message"),
    [
        (
            lambda f: f(np.zeros((1, 1, 9, 9), "f4")),
            r"^Conv1D: expected sequences \(n, c, length\), got \(1, 1, 9, 9\)",
        ),
        (lambda f: f(np.zeros((1, 2, 9), "f4")), r"^Conv1D: expected \(1, length\) sequences, got \(2, 9\)"),
        (
            lambda f: f(np.zeros((1, 1, 2), "f4")),
            "^Conv1D: expected a sequence of at least 3 values, the window's span",
        ),
        (lambda f: f.output_shape((9,)), r"^expected sequences \(c, length\), got \(9,\)"),
        (lambda f: ml.Conv1D(2, 3, groups=2).output_shape((3, 9)), "expected channels in 2 equal groups"),
        (lambda f: ml.MaxPool1D(3).output_shape((3, 2)), "expected a sequence of at least 3 values"),
        (lambda f: ml.MaxPool1D(3)(np.zeros((1, 3), "f4")), r"^MaxPool1D: expected sequences \(n, c, length\)"),
    ],
)
def test_a_shape_that_does_not_fit(attempt, message):
    with pytest.raises(ml.ShapeError, match=message):
        attempt(built(ml.Conv1D(2, 3), (1, 9)))


def test_causal_looks_back_alone():
    """An output depends on the values up to its place, dilation taps apart, and on none after it."""
    layer = built(ml.Conv1D(1, 3, padding="causal", dilation=2, bias=False), (1, 7))
    layer.weight.value = np.float32([[[100, 10, 1]]])
    np.testing.assert_array_equal(layer(np.float32([[[1, 2, 3, 4, 5, 6, 7]]])), [[[1, 2, 13, 24, 135, 246, 357]]])
    y, backward = layer.forward(np.ones((1, 1, 7), np.float32), train=True)
    for place in range(7):
        dx = backward(np.eye(7, dtype=np.float32)[place].reshape(y.shape))
        np.testing.assert_array_equal(np.flatnonzero(dx), sorted({place - 4, place - 2, place} & set(range(7))))
    assert ml.Conv1D(2, 5, padding="causal", stride=3).output_shape((1, 7)) == (2, 3)
