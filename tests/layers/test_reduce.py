import numpy as np
import pytest

import minidl as ml

X = np.random.default_rng(0).standard_normal((2, 3, 4, 5)).astype(np.float32)


@pytest.mark.parametrize("keepdims", [True, False])
@pytest.mark.parametrize("axes", [1, -1, (2, 3), (3, 1), (1, 2, 3)])
@pytest.mark.parametrize(
    ("layer", "function"),
    [
        (ml.ReduceSum, np.sum),
        (ml.ReduceMean, np.mean),
        (ml.ReduceMax, np.max),
        (ml.ReduceL2, lambda x, **how: np.sqrt(np.sum(x * x, **how))),
    ],
)
def test_values_are_numpy_s(layer, function, axes, keepdims):
    reduce = layer(axes, keepdims=keepdims)
    y = reduce(X)
    np.testing.assert_allclose(y, function(X, axis=axes, keepdims=keepdims), rtol=1e-5, atol=1e-5)
    assert reduce.output_shape(X.shape[1:]) == y.shape[1:]


def test_an_axis_that_is_not_there():
    with pytest.raises(
        ml.ShapeError, match=r"^ReduceMean: expected samples with axes \(4,\), counted from 1, got \(3, 4"
    ):
        ml.ReduceMean(4)(X)
    with pytest.raises(
        ml.ShapeError, match=r"^ReduceMax: expected at least one value along axes \(2,\), got \(3, 0, 5\)"
    ):
        ml.ReduceMax(2)(X[:, :, :0])
    with pytest.raises(
        ml.ShapeError, match=r"^ArgMax: expected samples with axes \(-5,\), counted from 1, got \(3, 4, 5"
    ):
        ml.ArgMax(-5)(X)


def test_the_place_of_the_largest():
    np.testing.assert_array_equal(ml.ArgMax(1)(X), np.argmax(X, 1, keepdims=True))
    y, backward = ml.ArgMax(-1, keepdims=False).forward(X, train=True)
    np.testing.assert_array_equal(y, np.argmax(X, -1))
    assert y.dtype == np.float32
    assert not backward(y).any()


def test_samples_are_repeated():
    x = X[:, :, :1]
    y, backward = ml.Expand((-1, 6, 5)).forward(x, train=True)
    np.testing.assert_array_equal(y, np.broadcast_to(x, (2, 3, 6, 5)))
    np.testing.assert_allclose(backward(y), 6 * x, rtol=1e-6)
    with pytest.raises(
        ml.ShapeError, match=r"^Expand: expected samples of \(3, 6, 5\), or 1 long where they are repeat"
    ):
        ml.Expand((3, 6, 5))(X)
