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
    assert ml.Reshape((0, -1)).output_shape((3, 2, 2)) == (3, 4)
    np.testing.assert_array_equal(ml.Reshape((0, -1, 1))(y), y.reshape(2, 3, 4, 1))
    with pytest.raises(
        ml.ShapeError, match=r"expected samples of more axes, whose lengths \(-1, 0\) keeps, got \(3,\)"
    ):
        ml.Reshape((-1, 0)).output_shape((3,))


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


def test_transpose_counts_with_the_batch():
    x = np.arange(24, dtype=np.float32).reshape(1, 2, 3, 4)
    y, backward = ml.Transpose((0, 2, 3, 1)).forward(x, train=True)
    np.testing.assert_array_equal(y, np.moveaxis(x, 1, -1))
    np.testing.assert_array_equal(backward(y), x)
    with pytest.raises(
        ml.ShapeError, match=r"^Transpose: expected samples of 1 axes for the order \(0, 1\), got \(2, 3\)"
    ):
        ml.Transpose((0, 1))(np.zeros((2, 2, 3), np.float32))


def test_axes_of_length_1_come_and_go():
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    assert ml.Unsqueeze((1, -1))(x).shape == (2, 1, 3, 1)
    assert ml.Unsqueeze(2)(x).shape == (2, 3, 1)
    assert ml.Squeeze((-1, 1))(ml.Unsqueeze((1, -1))(x)).shape == (2, 3)
    with pytest.raises(
        ml.ShapeError, match=r"expected samples that are 1 long along \(1,\), counted from 1, got \(3,\)"
    ):
        ml.Squeeze(1)(x)
    with pytest.raises(ml.ShapeError, match=r"expected samples with axes \(4,\), counted from 1, got \(3,\)"):
        ml.Unsqueeze(4)(x)
    with pytest.raises(ml.ShapeError, match=r"expected samples with axes \(1, -1\), counted from 1, got \(3,\)"):
        ml.Squeeze((1, -1))(x)
