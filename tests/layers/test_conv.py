import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import assume, given, settings

import minidl as ml
from minidl.testing import check_gradients

BACKENDS = ("reference", "vectorized", "compiled")


def built(layer, shape, seed=0):
    layer.build(shape, np.random.default_rng(seed))
    return layer


@pytest.mark.parametrize("name", BACKENDS)
def test_numbers_worked_by_hand(name):
    layer = built(ml.Conv2D(2, 2), (1, 3, 3))
    layer.weight.value = np.float32([[[[1, 2], [3, 4]]], [[[0, 0], [0, -1]]]])
    layer.bias.value = np.float32([10, 0])
    x = np.arange(9, dtype=np.float32).reshape(1, 1, 3, 3)
    with ml.use_backend(name):
        y, backward = layer.forward(x, train=True)
        dx = backward(np.float32([[[[1, 0], [0, 0]], [[0, 0], [0, 2]]]]))
    # Cross-correlation, not convolution: 0 * 1 + 1 * 2 + 3 * 3 + 4 * 4 = 27.
    np.testing.assert_array_equal(y, [[[[37, 47], [67, 77]], [[-4, -5], [-7, -8]]]])
    np.testing.assert_array_equal(layer.weight.grad, [[[[0, 1], [3, 4]]], [[[8, 10], [14, 16]]]])
    np.testing.assert_array_equal(layer.bias.grad, [1, 2])
    np.testing.assert_array_equal(dx, [[[[1, 2, 0], [3, 4, 0], [0, 0, -2]]]])


def test_sizes_padding_dilation_and_groups():
    layer = built(ml.Conv2D(2, (1, 2), stride=(2, 1), padding="same", dilation=(1, 2), groups=2), (2, 3, 3))
    assert layer.weight.value.shape == (2, 1, 1, 2)
    layer.weight.value = np.float32([[[[1, 1]]], [[[0, 1]]]])
    x = np.arange(18, dtype=np.float32).reshape(1, 2, 3, 3)
    # Taps two columns apart need two columns of padding, one on each side; every other row is left out.
    np.testing.assert_array_equal(layer(x), [[[[1, 2, 1], [7, 14, 7]], [[10, 11, 0], [16, 17, 0]]]])


def test_same_puts_the_odd_pixel_at_the_bottom_and_right():
    layer = built(ml.Conv2D(1, 2, padding="same", bias=False), (1, 2, 2))
    layer.weight.value = np.float32([[[[0, 0], [0, 1]]]])
    np.testing.assert_array_equal(layer(np.float32([[[[1, 2], [3, 4]]]])), [[[[4, 0], [0, 0]]]])


def test_the_parameters_that_a_build_makes():
    layer = built(ml.Conv2D(500, 5), (20, 5, 5))
    assert layer.weight.value.shape == (500, 20, 5, 5)
    assert layer.weight.value.dtype == np.float32
    assert abs(layer.weight.value.std() - np.sqrt(2 / (20 * 25))) < 1e-3
    assert abs(layer.weight.value.mean()) < 1e-3
    np.testing.assert_array_equal(layer.bias.value, np.zeros(500))
    assert built(ml.Conv2D(2, 3, bias=False), (1, 3, 3)).bias is None
    grouped = built(ml.Conv2D(4, 3, groups=2, weight_init=lambda shape, rng: np.full(shape, 7.0)), (6, 3, 3))
    np.testing.assert_array_equal(grouped.weight.value, np.full((4, 3, 3, 3), 7))


def test_macs():
    assert ml.Conv2D(6, 5, padding=2).macs((1, 28, 28)) == 6 * 28 * 28 * 25
    assert ml.Conv2D(4, 3, groups=2, stride=2).macs((6, 9, 9)) == 4 * 4 * 4 * 3 * 9


@given(
    n=st.integers(0, 2),
    groups=st.integers(1, 2),
    channels=st.integers(1, 2),
    size=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    kernel=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    stride=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    dilation=st.tuples(st.integers(1, 2), st.integers(1, 3)),
    padding=st.one_of(st.just("same"), st.integers(0, 2), st.tuples(st.integers(0, 3), st.integers(0, 3))),
)
@settings(max_examples=100, deadline=None)
def test_the_output_shape_is_what_comes_out(n, groups, channels, size, kernel, stride, dilation, padding):
    layer = ml.Conv2D(2 * groups, kernel, stride=stride, padding=padding, dilation=dilation, groups=groups)
    shape = (groups * channels, *size)
    try:
        wanted = layer.output_shape(shape)
    except ml.ShapeError:
        assume(False)
    built(layer, shape)
    with ml.use_backend("vectorized"):
        assert layer(np.zeros((n, *shape), np.float32)).shape == (n, *wanted)
    assert layer.output_shape(shape) == wanted
    if padding == "same":
        assert wanted[1:] == (-(-size[0] // stride[0]), -(-size[1] // stride[1]))


@given(size=st.integers(1, 3), kernel=st.integers(4, 6), padding=st.integers(0, 1))
def test_a_window_that_does_not_fit_is_an_error_in_both(size, kernel, padding):
    assume(size + 2 * padding < kernel)
    layer = built(ml.Conv2D(1, kernel, padding=padding), (1, 9, 9))
    for attempt in (lambda: layer.output_shape((1, size, size)), lambda: layer(np.zeros((1, 1, size, size), "f4"))):
        with pytest.raises(ml.ShapeError, match=f"expected an image of at least {kernel} x {kernel}"):
            attempt()


def test_one_layer_at_two_sizes():
    layer = built(ml.Conv2D(2, 3), (1, 9, 9))
    big, small = np.ones((1, 1, 7, 8), np.float32), np.ones((2, 1, 3, 4), np.float32)
    assert layer(big).shape == (1, 2, 5, 6)
    assert layer(small).shape == (2, 2, 1, 2)
    layer.build((1, 5, 5), np.random.default_rng(1))  # the weights that it has fit, and stay
    y_big, back_big = layer.forward(big, train=True)
    y_small, back_small = layer.forward(small, train=True)
    dx_big, dx_small = back_big(np.ones_like(y_big)), back_small(np.ones_like(y_small))
    assert dx_big.shape == big.shape
    assert dx_small.shape == small.shape
    np.testing.assert_array_equal(layer.weight.grad, np.full((2, 1, 3, 3), 30 + 4))
    np.testing.assert_array_equal(layer.bias.grad, [34, 34])


@pytest.mark.parametrize(
    ("attempt", "message"),
    [
        (lambda f: f(np.zeros((3, 28, 28), "f4")), r"Conv2D: expected images \(n, c, h, w\), got \(3, 28, 28\); a sin"),
        (lambda f: f(np.zeros((1, 2, 9, 9), "f4")), r"Conv2D: expected \(1, h, w\) images, got \(2, 9, 9\)"),
        (lambda f: f.output_shape((2, 9, 9)), r"^expected \(1, h, w\) images, got \(2, 9, 9\)"),
        (lambda f: f.build((2, 9, 9), None), r"^expected weights \(2, 2, 3, 3\) for this input, got \(2, 1, 3, 3\)"),
        (lambda f: ml.Conv2D(2, 3, groups=2).output_shape((3, 9, 9)), r"expected channels in 2 equal groups, got \(3,"),
        (lambda f: f(np.zeros((1, 1, 2, 9), "f4")), "Conv2D: expected an image of at least 3 x 3, the window's span"),
        (lambda f: f.forward(np.zeros((1, 1, 9, 9), "f4"), train=True)[1](np.zeros((1, 2, 9, 9), "f4")), "expected dy"),
    ],
)
def test_a_shape_that_does_not_fit(attempt, message):
    with pytest.raises(ml.ShapeError, match=message):
        attempt(built(ml.Conv2D(2, 3), (1, 9, 9)))


def test_bytes_draw_a_hint():
    with pytest.raises(ml.DTypeError, match=r"x.astype\(np.float32\) / 255"):
        built(ml.Conv2D(2, 3), (1, 9, 9))(np.zeros((1, 1, 9, 9), np.uint8))


def test_gradients_with_everything_at_once():
    layer = ml.Conv2D(4, (3, 2), stride=(2, 1), padding=(1, 2), dilation=(1, 2), groups=2)
    check_gradients(layer, np.random.default_rng(0).standard_normal((2, 4, 5, 6)))
