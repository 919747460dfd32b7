import numpy as np
import pytest

import minidl as ml


@pytest.mark.parametrize(
    "part", [slice(1, 3), slice(None, None, -1), slice(-2, None), slice(5, 0, -2), slice(0, 99), slice(2, 3)]
)
def test_slices_are_python_s(part):
    x = np.arange(2 * 5 * 3, dtype=np.float32).reshape(2, 5, 3)
    layer = ml.Slice(1, part.start, part.stop, part.step or 1)
    y, backward = layer.forward(x, train=True)
    np.testing.assert_array_equal(y, x[:, part])
    assert layer.output_shape((5, 3)) == y.shape[1:]
    dx = np.zeros_like(x)
    dx[:, part] = y
    np.testing.assert_array_equal(backward(y), dx)


def test_a_slice_of_nothing():
    with pytest.raises(ml.ShapeError, match=r"^Slice: expected at least one value from 3 to 3 by 1, got 5 values"):
        ml.Slice(1, 3, 3)(np.zeros((2, 5), np.float32))
    with pytest.raises(ml.ShapeError, match=r"^Slice: expected samples with an axis 2, counted from 1, got \(5,\)"):
        ml.Slice(2)(np.zeros((2, 5), np.float32))


@pytest.mark.parametrize(("axis", "before", "after"), [(1, 2, 1), (2, 0, 3), (-1, 1, 0), (-2, 0, 0)])
def test_zeros_along_an_axis(axis, before, after):
    x = np.arange(2 * 5 * 3, dtype=np.float32).reshape(2, 5, 3)
    layer = ml.ZeroPadAxis(axis, before, after)
    y, backward = layer.forward(x, train=True)
    pairs = [(0, 0)] * 3
    pairs[axis] = before, after
    np.testing.assert_array_equal(y, np.pad(x, pairs), strict=True)
    np.testing.assert_array_equal(backward(y), x, strict=True)
    assert layer.output_shape((5, 3)) == y.shape[1:]


def test_channels_become_pixels():
    x = np.arange(8, dtype=np.float32).reshape(1, 8, 1, 1)
    np.testing.assert_array_equal(ml.PixelShuffle(2)(x), [[[[0, 1], [2, 3]], [[4, 5], [6, 7]]]])
    np.testing.assert_array_equal(ml.PixelShuffle(2, order="dcr")(x), [[[[0, 2], [4, 6]], [[1, 3], [5, 7]]]])
    with pytest.raises(
        ml.ShapeError, match=r"^PixelShuffle: expected images of a multiple of 4 channels, got \(6, 1, 1\)"
    ):
        ml.PixelShuffle(2)(x[:, :6])
    with pytest.raises(ml.ShapeError, match=r"^PixelUnshuffle: expected images of a multiple of 2 x 2, got 1 x 1"):
        ml.PixelUnshuffle(2)(x)


@pytest.mark.parametrize("order", ["crd", "dcr"])
def test_unshuffle_undoes_shuffle(order):
    x = np.random.default_rng(0).standard_normal((2, 18, 4, 5), dtype=np.float32)
    y = ml.PixelShuffle(3, order=order)(x)
    assert y.shape == (2, 2, 12, 15)
    np.testing.assert_array_equal(ml.PixelUnshuffle(3, order=order)(y), x)
