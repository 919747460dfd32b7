import numpy as np

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
