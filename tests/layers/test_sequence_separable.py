import numpy as np
import pytest

import minidl as ml


def built(layer, shape):
    layer.build(shape, np.random.default_rng(0))
    return layer


def test_numbers_worked_by_hand():
    x = np.float32([[[1, 2, 3], [4, 5, 6]]])
    layer = built(ml.DepthwiseConv1D(2, bias=False), (2, 3))
    layer.weight.value = np.float32([[[10, 1]], [[0, 1]]])
    np.testing.assert_array_equal(layer(x), [[[12, 23], [5, 6]]])
    both = built(ml.SeparableConv1D(1, 2), (2, 3))
    both.depthwise_weight.value = layer.weight.value
    both.pointwise_weight.value = np.float32([[[1], [100]]])
    both.bias.value = np.float32([1000])
    np.testing.assert_array_equal(both(x), [[[1512, 1623]]])


def test_a_separable_convolution_is_a_depthwise_one_and_one_of_1_value():
    rng = np.random.default_rng(1)
    x = rng.standard_normal((3, 4, 9)).astype(np.float32)
    both = built(ml.SeparableConv1D(5, 3, depth_multiplier=2, padding="causal", stride=2), (4, 9))
    depthwise = built(ml.DepthwiseConv1D(3, depth_multiplier=2, padding="causal", stride=2, bias=False), (4, 9))
    pointwise = built(ml.Conv1D(5, 1), (8, 5))
    for layer, weight in ((depthwise, both.depthwise_weight), (pointwise, both.pointwise_weight)):
        layer.weight.value = weight.value
    np.testing.assert_allclose(both(x), pointwise(depthwise(x)), rtol=1e-5, atol=1e-6)
    assert both.output_shape((4, 9)) == (5, 5)
    assert both.macs((4, 9)) == depthwise.macs((4, 9)) + pointwise.macs((8, 5)) == 5 * 8 * (3 + 5)


@pytest.mark.parametrize("layer", [ml.DepthwiseConv1D(3), ml.SeparableConv1D(2, 3)], ids=repr)
def test_a_shape_that_does_not_fit(layer):
    built(layer, (2, 9))
    with pytest.raises(ml.ShapeError, match=r"expected \(2, length\) sequences: 2 groups of 1 channels, got \(3, 9\)"):
        layer(np.zeros((1, 3, 9), np.float32))
    with pytest.raises(ml.ShapeError, match=r"expected \(2, length\), got \(3, 9\)"):
        layer.output_shape((3, 9))
    with pytest.raises(ml.ShapeError, match="expected a sequence of at least 3 values, the window's span, got 2"):
        layer(np.zeros((1, 2, 2), np.float32))
