import numpy as np
import pytest

import minidl as ml


def test_numbers_worked_by_hand():
    x = np.float32([[[[1, 2], [3, 4]]]])
    y, backward = ml.ZeroPad2D(((1, 0), (0, 2))).forward(x, train=True)
    np.testing.assert_array_equal(y, [[[[0, 0, 0, 0], [1, 2, 0, 0], [3, 4, 0, 0]]]])
    np.testing.assert_array_equal(backward(y + 1), x + 1)
    y, backward = ml.UpSample2D((2, 1)).forward(x, train=True)
    np.testing.assert_array_equal(y, [[[[1, 2], [1, 2], [3, 4], [3, 4]]]])
    np.testing.assert_array_equal(backward(np.float32([[[[1, 2], [3, 4], [5, 6], [7, 8]]]])), [[[[4, 6], [12, 14]]]])
    y = ml.UpSample2D(2, interpolation="bilinear")(x)
    np.testing.assert_array_equal(y[0, 0, :2], [[1, 1.25, 1.75, 2], [1.5, 1.75, 2.25, 2.5]])


def test_padding_before_a_convolution_is_its_padding():
    rng = np.random.default_rng(0)
    inside = ml.Sequential([ml.Conv2D(4, 3, padding=(1, 2))], input_shape=(2, 6, 5), seed=0)
    before = ml.Sequential([ml.ZeroPad2D((1, 2)), ml.Conv2D(4, 3)], input_shape=(2, 6, 5), seed=0)
    x = rng.standard_normal((3, 2, 6, 5), dtype=np.float32)
    np.testing.assert_array_equal(before(x), inside(x))


@pytest.mark.parametrize("layer", [ml.ZeroPad2D(1), ml.UpSample2D(2)], ids=["pad", "upsample"])
def test_a_shape_that_does_not_fit(layer):
    with pytest.raises(ml.ShapeError, match=r"expected images \(c, h, w\), got \(3,\)"):
        layer.output_shape((3,))
    with pytest.raises(ml.ShapeError, match=rf"^{type(layer).__name__}: expected images \(n, c, h, w\), got \(2, 3\)"):
        layer(np.zeros((2, 3), np.float32))
