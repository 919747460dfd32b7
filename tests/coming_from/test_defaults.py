"""What docs/coming_from.md says of defaults and of the meaning of arguments."""

import inspect

import numpy as np
import pytest

import minidl as ml
from tests.coming_from.page import says


def default(function, name):
    """The default of an argument."""
    return inspect.signature(function).parameters[name].default


def one(layer, shape, **options):
    return ml.Sequential([layer], input_shape=shape, seed=0, **options)


@says("first weights of `Conv2D`, `Dense`")
def test_weights_begin_by_he_and_biases_at_0():
    model = ml.Sequential([ml.Conv2D(64, 3), ml.Flatten(), ml.Dense(300)], input_shape=(16, 5, 5), seed=0)
    assert default(ml.Conv2D, "weight_init") == default(ml.Dense, "weight_init") == "he_normal"
    for name, fan_in in (("0.weight", 16 * 9), ("2.weight", 64 * 9)):
        assert model.state_dict()[name].std() == pytest.approx(np.sqrt(2 / fan_in), rel=0.02)
    assert not any(value.value.any() for name, value in model.named_parameters() if name.endswith("bias"))


@says("`padding`")
@pytest.mark.parametrize(
    ("padding", "shape"), [(0, (5, 6)), (1, (7, 8)), ((1, 0), (7, 6)), (((0, 2), (1, 0)), (7, 7)), ("same", (7, 8))]
)
def test_paddings_of_images(padding, shape):
    assert default(ml.Conv2D, "padding") == 0
    assert one(ml.Conv2D(1, 3, padding=padding), (1, 7, 8)).output_shape((1, 7, 8)) == (1, *shape)


@says("`padding` of `Conv1D`")
def test_paddings_of_sequences():
    for padding, length in ((0, 7), (1, 9), ((2, 0), 9), ("same", 9), ("causal", 9)):
        assert one(ml.Conv1D(1, 3, padding=padding), (1, 9)).output_shape((1, 9)) == (1, length)
    x = np.random.default_rng(0).standard_normal((1, 1, 9)).astype(np.float32)
    later = x.copy()
    later[..., 5:] = 0
    causal = one(ml.Conv1D(1, 3, padding="causal"), (1, 9))
    np.testing.assert_array_equal(causal(x)[..., :5], causal(later)[..., :5])


@says('`"same"` with a stride')
def test_same_has_the_odd_pixel_at_the_bottom_and_right():
    layer = one(ml.Conv2D(1, 2, padding="same", bias=False), (1, 3, 3))
    layer.load_state_dict({"0.weight": np.float32([[[[1, 0], [0, 0]]]])})
    x = np.arange(9, dtype=np.float32).reshape(1, 1, 3, 3)
    np.testing.assert_array_equal(layer(x), x)
    for size in (6, 7, 8):
        strided = one(ml.Conv2D(1, 3, stride=3, padding="same"), (1, size, size))
        assert strided.output_shape((1, size, size)) == (1, -(-size // 3), -(-size // 3))


@says("border of `AveragePool2D`")
def test_a_border_of_zeros_counts_in_our_average():
    ones = np.ones((1, 1, 2, 2), np.float32)
    assert ml.AveragePool2D(2, padding=1)(ones).max() == 0.25
    assert ml.AveragePool2D(2, padding=1, count_include_pad=False)(ones).min() == 1


@says("`BatchNorm2D(momentum=)`")
def test_momentum_is_how_far_the_statistics_move():
    assert default(ml.BatchNorm2D, "momentum") == 0.1
    model = one(ml.BatchNorm2D(), (1, 1, 2))
    model.forward(np.float32([[[[4, 6]]]]), train=True)
    assert model.state_dict()["0.running_mean"] == pytest.approx(0.9 * 0 + 0.1 * 5)


@says("running variance of `BatchNorm2D`")
def test_our_running_variance_is_unbiased():
    for layer, x in ((ml.BatchNorm1D, np.float32([[1], [3]])), (ml.BatchNorm2D, np.float32([[[[1, 3]]]]))):
        model = one(layer(momentum=1.0), x.shape[1:])
        y, _ = model.forward(x, train=True)
        assert model.state_dict()["0.running_var"] == pytest.approx(2)
        assert abs(y).max() == pytest.approx(1, abs=1e-4)  # what normalizes the batch is the biased one


@says("`eps` of normalizations")
def test_eps_of_every_normalization():
    kinds = (ml.BatchNorm1D, ml.BatchNorm2D, ml.LayerNorm, ml.GroupNorm, ml.InstanceNorm2D)
    assert [default(kind, "eps") for kind in kinds] == [1e-5] * 5


@says("`LayerNorm()`")
def test_what_layer_normalization_goes_over():
    x = np.random.default_rng(0).standard_normal((2, 3, 4, 5))
    for options, axes in (({}, (1, 2, 3)), ({"axis": -1}, 3), ({"axis": 1}, 1)):
        y = one(ml.LayerNorm(**options), x.shape[1:], dtype="float64")(x)
        np.testing.assert_allclose(y.mean(axes), 0, atol=1e-12)


@says("`Softmax()`")
def test_softmax_goes_over_classes_or_an_axis_that_is_named():
    x = np.random.default_rng(0).standard_normal((2, 3, 4, 5))
    np.testing.assert_allclose(ml.Softmax()(x[:, :, 0, 0]).sum(1), 1)
    np.testing.assert_allclose(ml.Softmax(axis=1)(x).sum(1), 1)
    np.testing.assert_allclose(ml.Softmax(axis=-1)(x).sum(3), 1)
    with pytest.raises(ml.ShapeError):
        ml.Softmax()(x)


@says("a normalization without scale or shift")
def test_normalizations_without_weights():
    for kind in (ml.BatchNorm2D, ml.LayerNorm, ml.InstanceNorm2D):
        model = one(kind(scale=False, center=False), (3, 4, 4))
        assert list(model.named_parameters()) == []


@says("`LeakyReLU(negative_slope=)`", "`GELU(approximate=)`")
def test_activations_with_options():
    assert ml.LeakyReLU()(np.float64([-100])) == pytest.approx(-1)
    assert default(ml.GELU, "approximate") == "none"
    exact, by_tanh = (ml.GELU(approximate=how)(np.float64([1.0]))[0] for how in ("none", "tanh"))
    assert exact == pytest.approx(0.8413447460685429)
    assert by_tanh == pytest.approx(0.8411919906082768)


@says("`GroupNorm(groups)`")
def test_group_normalization_has_no_default():
    assert default(ml.GroupNorm, "groups") is inspect.Parameter.empty


@says(
    "`ConvTranspose2D` with a stride larger than the kernel",
    "For Keras's size of such",
    'With `"same"` the size is h stride',
)
def test_a_transposed_convolution_ends_with_its_last_kernel():
    sizes = {}
    for name, options in (("ours", {}), ("Keras's", {"output_padding": 1}), ("same", {"padding": "same"})):
        layer = one(ml.ConvTranspose2D(1, 2, stride=3, **options), (1, 4, 4))
        sizes[name] = layer.output_shape((1, 4, 4))[1]
    assert sizes == {"ours": 3 * 3 + 2, "Keras's": 4 * 3, "same": 4 * 3}


@says("`Embedding`'s first values")
def test_embeddings_begin_as_standard_normal():
    rows = one(ml.Embedding(4000, 8), (3,)).state_dict()["0.weight"]
    assert rows.mean() == pytest.approx(0, abs=0.02)
    assert rows.std() == pytest.approx(1, abs=0.02)


@says("To have Keras's first weights and normalization")
def test_keras_first_weights_and_normalization():
    layers = [ml.Conv2D(64, 3, padding="same", weight_init="glorot_uniform"), ml.BatchNorm2D(momentum=0.01, eps=1e-3)]
    model = ml.Sequential(layers, input_shape=(16, 8, 8), seed=0)
    limit = np.sqrt(6 / (9 * 16 + 9 * 64))
    assert abs(model.state_dict()["0.weight"]).max() == pytest.approx(limit, rel=0.01)
    x = np.full((1, 16, 8, 8), 3, np.float32)
    alone = ml.Sequential([ml.BatchNorm2D(momentum=0.01, eps=1e-3)], input_shape=(16, 8, 8), seed=0)
    alone.forward(x, train=True)
    assert alone.state_dict()["0.running_mean"] == pytest.approx(0.99 * 0 + 0.01 * 3)
