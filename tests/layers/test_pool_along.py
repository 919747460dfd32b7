import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minidl as ml

BACKENDS = ["reference", "vectorized", "compiled"]


def run(layer, x, dy):
    y, backward = layer.forward(x, train=True)
    return y, backward(np.asarray(dy, x.dtype))


def test_numbers_worked_by_hand():
    x = np.float32([[[1, 5, 5, 4, 9]]])
    y, dx = run(ml.MaxPool1D(2), x, [[[1, 2]]])
    np.testing.assert_array_equal(y, [[[5, 5]]])
    np.testing.assert_array_equal(dx, [[[0, 1, 2, 0, 0]]])
    y, dx = run(ml.AveragePool1D(2, stride=3, padding=1), x, [[[2, 4]]])
    np.testing.assert_array_equal(y, [[[0.5, 4.5]]])
    np.testing.assert_array_equal(dx, [[[1, 0, 2, 2, 0]]])
    y, dx = run(ml.AveragePool1D(2, stride=3, padding=1, count_include_pad=False), x, [[[2, 4]]])
    np.testing.assert_array_equal(y, [[[1, 4.5]]])
    np.testing.assert_array_equal(dx, [[[2, 0, 2, 2, 0]]])
    y, dx = run(ml.GlobalAveragePool1D(), x[..., 1:], [[8]])
    np.testing.assert_array_equal(y, [[5.75]])
    np.testing.assert_array_equal(dx, [[[2, 2, 2, 2]]])
    y, dx = run(ml.GlobalMaxPool1D(), x[..., :4], [[3]])
    np.testing.assert_array_equal(y, [[5]])
    np.testing.assert_array_equal(dx, [[[0, 3, 0, 0]]])


@given(
    shape=st.tuples(st.integers(0, 3), st.integers(1, 4), st.integers(1, 20)),
    pool=st.integers(1, 5),
    stride=st.none() | st.integers(1, 4),
    same=st.booleans(),
    seed=st.integers(0, 99),
)
def test_a_sequence_is_an_image_that_is_1_high(shape, pool, stride, same, seed):
    rng, padding = np.random.default_rng(seed), "same" if same else pool // 2
    beside = "same" if same else (0, pool // 2)
    x = rng.standard_normal(shape)
    if not same and shape[2] + 2 * (pool // 2) < pool:
        return
    down = None if stride is None else (1, stride)
    pairs = [
        (ml.MaxPool1D(pool, stride=stride, padding=padding), ml.MaxPool2D((1, pool), stride=down, padding=beside)),
        (
            ml.AveragePool1D(pool, stride=stride, padding=padding),
            ml.AveragePool2D((1, pool), stride=down, padding=beside),
        ),
        (ml.GlobalAveragePool1D(), ml.GlobalAveragePool2D()),
        (ml.GlobalMaxPool1D(), ml.GlobalMaxPool2D()),
    ]
    for along, over in pairs:
        y, backward = along.forward(x, train=True)
        want, image_backward = over.forward(x[:, :, None], train=True)
        dy = rng.standard_normal(y.shape)
        np.testing.assert_array_equal(y, want.reshape(y.shape))
        np.testing.assert_array_equal(backward(dy), image_backward(dy.reshape(want.shape))[:, :, 0])
        assert along.output_shape(shape[1:]) == y.shape[1:]


@pytest.mark.parametrize("name", BACKENDS)
def test_nan_wins(name):
    x = np.float32([[[1, np.nan, 5, np.inf]]])
    with ml.use_backend(name):
        assert np.isnan(ml.GlobalMaxPool1D()(x)).all()
        assert np.isnan(ml.GlobalAveragePool1D()(x)).all()


@pytest.mark.parametrize("layer", [ml.GlobalAveragePool1D(), ml.GlobalMaxPool1D(), ml.AveragePool1D(3)], ids=repr)
def test_a_shape_that_does_not_fit(layer):
    with pytest.raises(ml.ShapeError, match=r"expected sequences \(n, c, length\), got \(1, 1, 9, 9\)"):
        layer(np.zeros((1, 1, 9, 9), "f4"))
    with pytest.raises(ml.ShapeError, match=r"expected (a sequence|sequences) of at least"):
        layer(np.zeros((1, 2, 0), "f4"))
    with pytest.raises(ml.ShapeError, match="expected a sequence of at least"):
        layer.output_shape((2, 0))
