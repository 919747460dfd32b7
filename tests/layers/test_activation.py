import numpy as np
import pytest

import minidl as ml

backends = pytest.mark.parametrize("name", ["reference", "vectorized", "compiled"])


@backends
def test_relu(name):
    x = np.float32([[-2, 0, 3], [np.nan, np.inf, -np.inf]])
    with ml.use_backend(name):
        y, backward = ml.ReLU().forward(x, train=True)
        dx = backward(np.float32([[5, 6, 7], [8, 9, 10]]))
    np.testing.assert_array_equal(y, [[0, 0, 3], [np.nan, np.inf, 0]])
    np.testing.assert_array_equal(dx, [[0, 0, 7], [8, 9, 0]])


@backends
def test_softmax(name):
    x = np.log([[1, 2, 5], [3, 3, 2]]) + np.array([[1000], [-1000]])  # no overflow at either end
    with ml.use_backend(name):
        y, backward = ml.Softmax().forward(x, train=True)
        dx = backward(np.array([[1.0, 0, 0], [0, 1, 1]]))
    np.testing.assert_allclose(y, [[0.125, 0.25, 0.625], [0.375, 0.375, 0.25]], rtol=1e-12)
    # y (dy - sum of dy y): 1/8 (1 - 1/8), -1/4 1/8, -5/8 1/8; 3/8 (0 - 5/8), 3/8 (1 - 5/8), 1/4 (1 - 5/8).
    wanted = np.array([[7, -2, -5], [-15, 9, 6]]) / 64
    np.testing.assert_allclose(dx, wanted, rtol=1e-12)


def test_softmax_is_for_rows():
    with pytest.raises(ml.ShapeError, match=r"Softmax: expected \(n, classes\), got \(1, 2, 3\)"):
        ml.Softmax()(np.zeros((1, 2, 3), np.float32))
    with pytest.raises(ml.ShapeError, match=r"expected \(classes,\), got \(1, 2\)"):
        ml.Softmax().output_shape((1, 2))


@pytest.mark.parametrize("layer", [ml.ReLU(), ml.Softmax()], ids=["ReLU", "Softmax"])
def test_what_goes_back_fits_what_came_out(layer):
    _, backward = layer.forward(np.zeros((2, 3), np.float32), train=True)
    with pytest.raises(ml.ShapeError, match=r"expected dy \(2, 3\), got \(1, 3\)"):
        backward(np.zeros((1, 3), np.float32))
