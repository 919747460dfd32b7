import numpy as np
import pytest

import minidl as ml


def built(layer, shape):
    layer.build(shape, np.random.default_rng(0))
    return layer


def test_depthwise_filters_of_a_channel_lie_side_by_side():
    layer = built(ml.DepthwiseConv2D(1, depth_multiplier=2), (2, 1, 1))
    assert layer.weight.value.shape == (4, 1, 1, 1)
    layer.weight.value = np.float32([1, 10, 100, 1000]).reshape(4, 1, 1, 1)
    layer.bias.value = np.float32([0, 0, 0, 5])
    np.testing.assert_array_equal(layer(np.float32([[[[2]], [[3]]]])).ravel(), [2, 20, 300, 3005])


@pytest.mark.parametrize("backend", ["vectorized", "compiled"])
def test_depthwise_is_a_convolution_with_as_many_groups_as_channels(backend):
    how, shape = {"stride": 2, "padding": "same", "dilation": (1, 2)}, (3, 7, 8)
    layer = built(ml.DepthwiseConv2D((3, 2), depth_multiplier=2, **how), shape)
    twin = built(ml.Conv2D(6, (3, 2), groups=3, **how), shape)
    np.testing.assert_array_equal(layer.weight.value, twin.weight.value)
    x = np.random.default_rng(1).standard_normal((2, *shape), dtype=np.float32)
    with ml.use_backend(backend):
        (y, backward), (want, twin_backward) = layer.forward(x, train=True), twin.forward(x, train=True)
        np.testing.assert_array_equal(y, want)
        np.testing.assert_array_equal(backward(y), twin_backward(y))
    np.testing.assert_array_equal(layer.weight.grad, twin.weight.grad)
    assert layer.output_shape(shape) == twin.output_shape(shape) == y.shape[1:]
    assert layer.macs(shape) == twin.macs(shape)


def test_separable_is_the_two_one_after_the_other():
    how, shape = {"depth_multiplier": 2, "stride": (1, 2), "padding": 1}, (3, 6, 5)
    layer = built(ml.SeparableConv2D(5, 3, **how), shape)
    pair = ml.Sequential([ml.DepthwiseConv2D(3, bias=False, **how), ml.Conv2D(5, 1)], input_shape=shape)
    layer.bias.value = np.arange(5, dtype=np.float32)
    pair.load_state_dict(dict(zip(dict(pair.named_parameters()), layer.state_dict().values(), strict=True)))
    x = np.random.default_rng(1).standard_normal((2, *shape), dtype=np.float32)
    (y, backward), (want, pair_backward) = layer.forward(x, train=True), pair.forward(x, train=True)
    np.testing.assert_allclose(y, want, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(backward(y), pair_backward(y), rtol=1e-4, atol=1e-4)
    for got, wanted in zip(layer.parameters(), pair.parameters(), strict=True):
        np.testing.assert_allclose(got.grad, wanted.grad, rtol=1e-4, atol=1e-3)
    assert layer.output_shape(shape) == pair.output_shape(shape)
    assert layer.macs(shape) == pair.macs(shape)
    assert list(layer.state_dict()) == ["depthwise_weight", "pointwise_weight", "bias"]


@pytest.mark.parametrize("layer", [ml.DepthwiseConv2D(3), ml.SeparableConv2D(2, 3)], ids=["depthwise", "separable"])
def test_a_shape_that_does_not_fit(layer):
    name = type(layer).__name__
    built(layer, (2, 5, 5))
    with pytest.raises(ml.ShapeError, match=rf"^{name}: expected images \(n, 2, h, w\), got \(1, 3, 5, 5\)"):
        layer(np.zeros((1, 3, 5, 5), np.float32))
    with pytest.raises(ml.ShapeError, match=r"^expected \(2, h, w\), got \(3, 5, 5\)"):
        layer.output_shape((3, 5, 5))
    with pytest.raises(ml.ShapeError, match=f"^{name}: expected an image of at least 3 x 3, the window's span"):
        layer(np.zeros((1, 2, 2, 5), np.float32))
    with pytest.raises(ml.ShapeError, match=rf"^Sequential\[1\] {name}: expected an image of at least 3 x 3"):
        ml.Sequential([ml.MaxPool2D(2), layer], input_shape=(2, 5, 5))
