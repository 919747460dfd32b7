import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import minidl as ml


def built(layer, shape):
    layer.build(shape, np.random.default_rng(0))
    return layer


@pytest.mark.parametrize("name", ["reference", "vectorized", "compiled"])
def test_numbers_worked_by_hand(name):
    layer = built(ml.ConvTranspose2D(1, 2, stride=2), (1, 1, 2))
    layer.weight.value = np.float32([[[[1, 2], [3, 4]]]])
    layer.bias.value = np.float32([10])
    with ml.use_backend(name):
        y, backward = layer.forward(np.float32([[[[5, 6]]]]), train=True)
        dx = backward(np.float32([[[[1, 0, 0, 0], [0, 0, 0, 2]]]]))
    np.testing.assert_array_equal(y, [[[[15, 20, 16, 22], [25, 30, 28, 34]]]])
    np.testing.assert_array_equal(dx, [[[[1, 8]]]])
    np.testing.assert_array_equal(layer.weight.grad, [[[[5, 0], [0, 12]]]])
    np.testing.assert_array_equal(layer.bias.grad, [3])


@given(
    channels=st.integers(1, 2),
    groups=st.integers(1, 2),
    size=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    kernel=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    stride=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    dilation=st.integers(1, 2),
    padding=st.one_of(st.just("same"), st.integers(0, 2)),
)
def test_it_turns_a_convolution_back_in_shape(channels, groups, size, kernel, stride, dilation, padding):
    how = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    layer, shape = ml.ConvTranspose2D(2 * groups, kernel, **how), (channels * groups, *size)
    try:
        wanted = layer.output_shape(shape)
    except ml.ShapeError:
        assume(False)
    built(layer, shape)
    assert layer.weight.value.shape == (channels * groups, 2, *kernel)
    with ml.use_backend("vectorized"):
        assert layer(np.zeros((2, *shape), np.float32)).shape == (2, *wanted)
    assert layer.output_shape(shape) == wanted
    assert ml.Conv2D(channels * groups, kernel, **how).output_shape(wanted) == shape
    if padding == "same":
        assert wanted[1:] == (size[0] * stride[0], size[1] * stride[1])


def test_macs_are_those_of_the_convolution_that_it_turns_back():
    convolution, layer = ml.Conv2D(6, 3, stride=3), ml.ConvTranspose2D(4, 3, stride=3)
    assert layer.macs((6, 5, 5)) == convolution.macs((4, 15, 15)) == 6 * 4 * 9 * 25
    assert ml.ConvTranspose2D(4, 3, groups=2).macs((6, 5, 5)) == 6 * 2 * 9 * 25


@pytest.mark.parametrize(
    ("attempt", "message"),
    [
        (lambda f: f(np.zeros((1, 2, 9, 9), "f4")), r"^ConvTranspose2D: expected \(1, h, w\) images, got \(2, 9, 9\)"),
        (lambda f: f.output_shape((2, 9, 9)), r"^expected \(1, h, w\) images, got \(2, 9, 9\)"),
        (lambda f: f.output_shape((9, 9)), r"^expected images \(c, h, w\), got \(9, 9\)"),
        (lambda f: f.build((2, 9, 9), None), r"^expected weights \(2, 2, 3, 3\) for this input, got \(1, 2, 3, 3\)"),
        (lambda f: ml.ConvTranspose2D(2, 3, groups=2).output_shape((3, 9, 9)), "expected channels in 2 equal groups"),
        (
            lambda f: ml.ConvTranspose2D(2, 1, padding=1).output_shape((3, 2, 9)),
            "large enough for the padding 1, got",
        ),
    ],
)
def test_a_shape_that_does_not_fit(attempt, message):
    with pytest.raises(ml.ShapeError, match=message):
        attempt(built(ml.ConvTranspose2D(2, 3), (1, 9, 9)))


def test_an_autoencoder_learns_and_comes_back_from_its_file(tmp_path):
    model = ml.Sequential(
        [
            *(ml.Conv2D(4, 3, stride=2, padding=1), ml.ReLU(), ml.ConvTranspose2D(4, 4, stride=2, padding=1)),
            *(ml.ReLU(), ml.Conv2D(1, 3, padding="same")),
        ],
        input_shape=(1, 8, 8),
        seed=0,
    )
    x = np.kron(np.random.default_rng(0).random((32, 1, 4, 4)), np.ones((2, 2))).astype(np.float32)
    history = model.fit(
        x,
        x,
        loss=ml.MeanSquaredError(),
        optimizer=ml.Adam(model.parameters(), lr=0.02),
        epochs=15,
        batch_size=8,
        seed=0,
        verbose=0,
    )
    assert history["loss"][-1] < history["loss"][0] / 5
    model.save(tmp_path / "model.npz")
    np.testing.assert_array_equal(ml.load(tmp_path / "model.npz")(x), model(x))


@given(
    length=st.integers(1, 6),
    kernel=st.integers(1, 4),
    stride=st.integers(1, 3),
    dilation=st.integers(1, 2),
    padding=st.just("same") | st.tuples(st.integers(0, 2), st.integers(0, 2)),
    more=st.integers(0, 2),
)
def test_a_sequence_is_an_image_that_is_1_high(length, kernel, stride, dilation, padding, more):
    more = 0 if padding == "same" else min(more, stride - 1)
    along = ml.ConvTranspose1D(
        4, kernel, stride=stride, padding=padding, output_padding=more, dilation=dilation, groups=2
    )
    around = padding if padding == "same" else ((0, 0), padding)
    how = {
        "stride": (1, stride),
        "padding": around,
        "output_padding": (0, more),
        "dilation": (1, dilation),
        "groups": 2,
    }
    over = ml.ConvTranspose2D(4, (1, kernel), **how)
    whole = (length - 1) * stride + dilation * (kernel - 1) + 1 + more
    wanted = length * stride if padding == "same" else whole - sum(padding)
    if wanted < 1:
        with pytest.raises(ml.ShapeError, match="expected a sequence long enough for the padding"):
            along.output_shape((2, length))
        return
    rng = np.random.default_rng(0)
    along.build((2, length), rng)
    over.build((2, 1, length), rng)
    over.weight.value = along.weight.value[:, :, None]
    x = rng.standard_normal((3, 2, length)).astype(np.float32)
    y, backward = along.forward(x, train=True)
    want, image_backward = over.forward(x[:, :, None], train=True)
    assert y.shape[1:] == along.output_shape((2, length)) == (4, wanted)
    np.testing.assert_array_equal(y, want[:, :, 0])
    np.testing.assert_array_equal(backward(y), image_backward(want)[:, :, 0])
    np.testing.assert_array_equal(along.weight.grad, over.weight.grad[:, :, 0])
    assert along.macs((2, length)) == over.macs((2, 1, length))


def test_a_sequence_that_does_not_fit():
    layer = ml.ConvTranspose1D(2, 3)
    layer.build((2, 9), np.random.default_rng(0))
    with pytest.raises(ml.ShapeError, match=r"^ConvTranspose1D: expected \(2, length\) sequences, got \(3, 9\)"):
        layer(np.zeros((1, 3, 9), np.float32))
    with pytest.raises(ml.ShapeError, match="expected a sequence of at least 1 value, got 0"):
        layer.output_shape((2, 0))
