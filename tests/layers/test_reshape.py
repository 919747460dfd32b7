import numpy as np
import pytest

import minidl as ml


def test_flatten_goes_channel_by_channel():
    x = np.arange(24, dtype=np.float32).reshape(2, 3, 2, 2)
    y, backward = ml.Flatten().forward(x, train=True)
    np.testing.assert_array_equal(y, [np.arange(12), np.arange(12, 24)])
    np.testing.assert_array_equal(backward(y * 2), x * 2)


def test_the_order_in_memory_does_not_matter():
    images = np.arange(24, dtype=np.float32).reshape(2, 3, 2, 2)
    channels_last = np.ascontiguousarray(images.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    np.testing.assert_array_equal(ml.Flatten()(channels_last), ml.Flatten()(images))


def test_vectors_and_sequences():
    np.testing.assert_array_equal(ml.Flatten()(np.float32([[1, 2]])), [[1, 2]])
    assert ml.Flatten()(np.zeros((0, 2, 3), np.float32)).shape == (0, 6)
    assert ml.Flatten().output_shape((2, 3)) == (6,)
    assert ml.Flatten().output_shape((1, 28, 28)) == (784,)


def test_reshape_keeps_the_order_of_values():
    x = np.arange(24, dtype=np.float32).reshape(2, 12)
    y, backward = ml.Reshape((3, -1, 2)).forward(x, train=True)
    np.testing.assert_array_equal(y, x.reshape(2, 3, 2, 2))
    np.testing.assert_array_equal(backward(y * 2), x * 2)
    np.testing.assert_array_equal(ml.Reshape((-1,))(y), ml.Flatten()(y))
    assert ml.Reshape((3, -1, 2))(x[:0]).shape == (0, 3, 2, 2)
    assert ml.Reshape([4, -1]).output_shape((3, 2, 2)) == (4, 3)


def test_reshape_of_another_number_of_values():
    with pytest.raises(ml.ShapeError, match=r"^Reshape: expected samples of 10 values for \(5, 2\), got 12: \(3, 4\)"):
        ml.Reshape((5, 2))(np.zeros((2, 3, 4), np.float32))
    with pytest.raises(ml.ShapeError, match=r"Sequential\[0\] Reshape: expected samples of a multiple of 5 values"):
        ml.Sequential([ml.Reshape((5, -1))], input_shape=(12,))


def test_permute_says_where_each_axis_comes_from():
    x = np.arange(24, dtype=np.float32).reshape(1, 2, 3, 4)
    y, backward = ml.Permute((3, 1, 2)).forward(x, train=True)
    assert y.shape == (1, 4, 2, 3)
    assert y[0, 3, 1, 2] == x[0, 1, 2, 3]
    np.testing.assert_array_equal(backward(y), x)
    with pytest.raises(ml.ShapeError, match=r"^Permute: expected samples of 2 axes for the order \(2, 1\), got \(3,\)"):
        ml.Permute((2, 1))(np.zeros((2, 3), np.float32))
