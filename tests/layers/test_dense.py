import numpy as np
import pytest

import minidl as ml


def built(layer, features, seed=0):
    layer.build((features,), np.random.default_rng(seed))
    return layer


@pytest.mark.parametrize("name", ["reference", "vectorized", "compiled"])
def test_numbers_worked_by_hand(name):
    layer = built(ml.Dense(2), 3)
    layer.weight.value = np.float32([[1, 2, 3], [0, -1, 4]])
    layer.bias.value = np.float32([10, 20])
    with ml.use_backend(name):
        y, backward = layer.forward(np.float32([[1, 0, 2], [-1, 5, 0]]), train=True)
        dx = backward(np.float32([[1, 2], [0, 3]]))
    np.testing.assert_array_equal(y, [[17, 28], [19, 15]])
    np.testing.assert_array_equal(dx, [[1, 0, 11], [0, -3, 12]])
    np.testing.assert_array_equal(layer.weight.grad, [[1, 0, 2], [-1, 15, 4]])
    np.testing.assert_array_equal(layer.bias.grad, [1, 5])


def test_the_parameters_that_a_build_makes():
    layer = built(ml.Dense(300), 400)
    assert layer.weight.value.shape == (300, 400)
    assert layer.weight.value.dtype == np.float32
    assert abs(layer.weight.value.std() - np.sqrt(2 / 400)) < 1e-3
    np.testing.assert_array_equal(layer.bias.value, np.zeros(300))
    assert [name for name, _ in built(ml.Dense(2, bias=False), 3).named_parameters()] == ["weight"]
    assert ml.Dense(5).macs((7,)) == 35


@pytest.mark.parametrize(
    ("attempt", "message"),
    [
        (lambda f: f(np.zeros((2, 4), "f4")), r"Dense: expected \(n, 3\), got \(2, 4\)"),
        (lambda f: f(np.zeros((2, 1, 3), "f4")), r"got \(2, 1, 3\); a Flatten\(\) layer before it makes vectors"),
        (lambda f: f(np.zeros(3, "f4")), r"Dense: expected \(n, 3\), got \(3,\)"),
        (lambda f: f.output_shape((4,)), r"^expected \(3,\), got \(4,\)"),
        (lambda f: f.build((4,), None), r"^expected weights \(2, 4\) for this input, got \(2, 3\) from before"),
        (lambda f: ml.Dense(2).output_shape((1, 2, 3)), r"expected \(features,\), got \(1, 2, 3\); a Flatten"),
    ],
)
def test_a_shape_that_does_not_fit(attempt, message):
    with pytest.raises(ml.ShapeError, match=message):
        attempt(built(ml.Dense(2), 3))


def test_two_dtypes_are_not_mixed():
    with pytest.raises(ml.DTypeError, match=r"expected one dtype, got x in float64 and w in float32: use \.astype"):
        built(ml.Dense(2), 3)(np.zeros((1, 3)))
    _, backward = built(ml.Dense(2), 3).forward(np.zeros((1, 3), np.float32), train=True)
    with pytest.raises(ml.DTypeError, match="expected dy in float32, got float64"):
        backward(np.zeros((1, 2)))
