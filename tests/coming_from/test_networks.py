"""What docs/coming_from.md says of networks and of the layout of their data."""

import inspect

import numpy as np
import pytest

import minidl as ml
from tests.coming_from.page import PAGE, says

LAYERS = [getattr(ml.layers, name) for name in ml.layers.__all__ if inspect.isclass(getattr(ml.layers, name))]


def lenet():
    layers = [ml.Conv2D(6, 5, padding=2), ml.ReLU(), ml.MaxPool2D(2)]
    layers += [ml.Conv2D(16, 5), ml.ReLU(), ml.MaxPool2D(2), ml.Flatten(), ml.Dense(10)]
    return ml.Sequential(layers, input_shape=(1, 28, 28), seed=0)


@says("minidl has Keras's surface")
def test_keras_names_and_pytorch_numbers():
    assert {"fit", "summary", "evaluate", "predict"} <= set(dir(ml.Sequential))
    assert lenet().state_dict()["0.weight"].shape == (6, 1, 5, 5)


@says("A layer's options are given by name")
def test_at_most_two_arguments_by_position():
    for kind in LAYERS:
        kinds = [each.kind for each in inspect.signature(kind).parameters.values()]
        most = {ml.Slice: 4, ml.ZeroPadAxis: 3}.get(kind, 2)  # their first two make no sense without the rest
        assert kinds.count(inspect.Parameter.POSITIONAL_OR_KEYWORD) <= most, kind
    with pytest.raises(TypeError, match=r"unknown argument 'strides'; did you mean stride\?"):
        ml.Conv2D(8, 3, strides=2)


@says("`ml.Sequential([...]", "Sizes of inputs are inferred")
def test_sizes_are_inferred_from_the_shape_of_the_input():
    assert lenet().state_dict()["7.weight"].shape == (10, 400)


@says("An activation is a layer of its own")
def test_no_layer_has_an_activation_among_its_arguments():
    assert len(LAYERS) > 60
    assert [kind for kind in LAYERS if "activation" in inspect.signature(kind).parameters] == []


@says("`ml.Conv2D(6, 5, padding=2)`", "`ml.MaxPool2D(2)`", "`ml.Flatten()`", "`ml.Dense(10)`")
@pytest.mark.parametrize(
    ("index", "shape"), [(0, (6, 28, 28)), (2, (6, 14, 14)), (5, (16, 5, 5)), (6, (400,)), (7, (10,))]
)
def test_the_shapes_of_a_lenet(index, shape):
    assert ml.Sequential([*lenet()][: index + 1], input_shape=(1, 28, 28)).output_shape((1, 28, 28)) == shape


@says("`ml.ReLU()`")
def test_relu():
    assert ml.ReLU()(np.float32([-1, 0, 2])).tolist() == [0, 0, 2]


@says("`model(x)`, `model.predict(x)`", "There is no mode to forget", "`model(x)` is always inference")
def test_calling_a_model_is_inference_after_training_too():
    layers = [ml.BatchNorm1D(), ml.Dropout(0.5, seed=0)]
    model = ml.Sequential(layers, input_shape=(3,), seed=0)
    x = np.random.default_rng(0).standard_normal((5, 3)).astype(np.float32)
    model.forward(x, train=True)
    before = model.state_dict()
    np.testing.assert_array_equal(model(x), model.predict(x))
    mean, variance = before["0.running_mean"], before["0.running_var"]
    np.testing.assert_allclose(model(x), (x - mean) / np.sqrt(variance + 1e-5), rtol=1e-5)
    np.testing.assert_array_equal(model.state_dict()["0.running_mean"], mean)


@says("`model.forward(x, train=True)`")
def test_forward_with_train_drops_and_moves_statistics():
    model = ml.Sequential([ml.BatchNorm1D(), ml.Dropout(0.5, seed=0)], input_shape=(3,), seed=0)
    y, _ = model.forward(np.random.default_rng(0).standard_normal((50, 3)).astype(np.float32), train=True)
    assert 0.3 < (y == 0).mean() < 0.7
    assert model.state_dict()["0.running_mean"].any()


@says("images", "weights of a convolution", "weights of a dense layer")
def test_layouts():
    layers = [ml.Conv2D(4, (3, 2), groups=2), ml.Flatten(), ml.Dense(5)]
    model = ml.Sequential(layers, input_shape=(6, 3, 2), seed=0)
    assert model(np.zeros((7, 6, 3, 2), np.float32)).shape == (7, 5)
    assert model.state_dict()["0.weight"].shape == (4, 3, 3, 2)
    assert model.state_dict()["2.weight"].shape == (5, 4)


@says("`Flatten`")
def test_flatten_goes_channel_by_channel():
    x = np.arange(24, dtype=np.float32).reshape(1, 2, 3, 4)
    channels_last = np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    for images in (x, channels_last):
        assert ml.Flatten()(images).tolist() == [list(range(24))]


@says("dtype")
def test_dtypes_are_kept_and_never_promoted():
    single = ml.Sequential([ml.Dense(2)], input_shape=(3,), seed=0)
    double = ml.Sequential([ml.Dense(2)], input_shape=(3,), seed=0, dtype="float64")
    assert single(np.zeros((1, 3), np.float32)).dtype == np.float32
    assert double(np.zeros((1, 3))).dtype == np.float64
    with pytest.raises(ml.DTypeError, match="expected one dtype"):
        ml.functional.dense(np.zeros((1, 3)), np.zeros((2, 3), np.float32))


@says("labels")
def test_labels_are_indices_or_rows_for_one_loss():
    scores = np.random.default_rng(0).standard_normal((4, 3))
    by_index, by_row = ml.CrossEntropy()(scores, [0, 2, 1, 1]), ml.CrossEntropy()(scores, np.eye(3)[[0, 2, 1, 1]])
    assert by_index[0] == pytest.approx(by_row[0])
    np.testing.assert_allclose(by_index[1], by_row[1])


@says("images in bytes")
def test_bytes_of_images_are_refused_until_divided():
    pixels = np.arange(256, dtype=np.uint8).reshape(1, 1, 16, 16)
    with pytest.raises(ml.DTypeError, match="astype"):
        ml.functional.relu(pixels)
    images = ml.datasets.Dataset.from_bytes(pixels, [0], ["a"]).images
    np.testing.assert_array_equal(images, pixels.astype(np.float32) / 255)


@says("In memory, the images that layers return")
@pytest.mark.parametrize("backend", ["vectorized", "compiled"])
def test_images_are_channels_last_in_memory(backend):
    pictures = np.random.default_rng(0).random((2, 9, 9, 3), dtype=np.float32)  # as Keras has them
    for layer in (ml.Conv2D(8, 3), ml.MaxPool2D(2), ml.BatchNorm2D(), ml.UpSample2D(2), ml.ReLU()):
        model = ml.Sequential([layer], input_shape=(3, 9, 9), seed=0)
        with ml.use_backend(backend):
            assert model(pictures.transpose(0, 3, 1, 2)).transpose(0, 2, 3, 1).flags.c_contiguous, layer


@says("[Transfer](recipes/transfer.md)")
def test_the_page_on_transfer_speaks_of_both():
    text = (PAGE.parent / "recipes" / "transfer.md").read_text("utf-8")
    assert "Keras" in text
    assert "PyTorch" in text
