"""Out to a file and in again: the same bits, and mostly the same layers."""

import io

import numpy as np
import pytest
from hypothesis import given, settings

import minidl as ml
from minidl.datasets.preprocessing import Preprocessing
from minidl.onnx_in import load_onnx
from minidl.onnx_out import save_onnx
from tests.graph.conftest import arrays
from tests.graph.test_random_graphs import SIZE, graphs
from tests.layers.test_contract import sample
from tests.onnx_out.drawn import image_graphs
from tests.onnx_out.runs import several
from tests.onnx_out.test_layers import CASES, model_of
from tests.onnx_out.test_models import trained

OTHERWISE = {"AdaptiveAveragePool2D", "AveragePool2D rounded up", "Softplus"}
"""Windows that differ come as matrix products or with factors; a threshold, which ONNX hasn't, as a comparison."""


def again(model, **options):
    file = io.BytesIO()
    save_onnx(model, file, **options)
    file.seek(0)
    return load_onnx(file)


def assert_same_bits(model, *inputs, **options):
    x = inputs if len(inputs) > 1 else inputs[0]
    found = again(model, **options)
    for one, other in zip(several(found(x)), several(model(x)), strict=True):
        np.testing.assert_array_equal(one, other)
    return found


@pytest.mark.untraced
@pytest.mark.parametrize("name", [name for name in CASES if name not in OTHERWISE])
@pytest.mark.parametrize("opset", [17, 24])
def test_every_layer(name, opset):
    factory, shape = CASES[name]
    assert_same_bits(model_of(factory, shape), sample(shape), opset=opset)


@pytest.mark.parametrize("name", ml.models.MODELS)
def test_the_zoo(name):
    small = {"input_shape": ml.models.CIFAR, "classes": 10} if name == "resnet18" else {}
    model = trained(ml.models.MODELS[name](seed=0, **small))
    found = assert_same_bits(model, *arrays((2, *model.input_shape)))
    assert [value.tobytes() for value in found.state_dict().values()] == [
        value.tobytes() for value in model.state_dict().values()
    ]


@pytest.mark.parametrize("dynamic_size", [False, True])
def test_unet(dynamic_size):
    model = trained(ml.models.unet(seed=0, width=0.1))
    x = arrays((2, 3, 32, 32))[0]
    found = assert_same_bits(model, x, dynamic_size=dynamic_size)
    assert "down0_a" in next(iter(found.state_dict()))
    if dynamic_size:
        x = arrays((1, 3, 48, 16))[0]
        np.testing.assert_array_equal(found(x), model(x))


@settings(deadline=None, max_examples=10)
@given(graphs())
def test_random_graphs_of_vectors(graph):
    assert_same_bits(graph, *arrays(*[(3, SIZE)] * len(graph.input_names)))


@settings(deadline=None, max_examples=20)
@given(image_graphs(adaptive=False))
def test_random_graphs_of_images(graph):
    assert_same_bits(trained(graph), *arrays(*[(2, *shape) for shape in graph.input_shapes]))


def test_activations_that_a_network_spells_out_stay_so():
    x = ml.Input((4,))
    model = ml.Graph(x, ml.Multiply()(x, ml.Tanh()(ml.Softplus()(x))))
    assert [type(layer).__name__ for layer in assert_same_bits(model, *arrays((3, 4))).layers] == [
        "Softplus", "Tanh", "Multiply",
    ]  # fmt: skip
    model = ml.Sequential([ml.Mish(), ml.GELU(), ml.GELU(approximate="tanh"), ml.GroupNorm(2)], input_shape=(4, 3, 3))
    assert [repr(layer) for layer in again(model, opset=17).layers] == [
        "Mish()", "GELU()", "GELU(approximate='tanh')", "GroupNorm(2)",
    ]  # fmt: skip


@pytest.mark.parametrize("kind", [ml.DepthwiseConv2D, lambda size: ml.Conv2D(4, size, groups=4)])
def test_convolutions_of_single_channels_stay_what_they_are(kind):
    model = trained(ml.Sequential([kind(3), ml.BatchNorm2D()], input_shape=(4, 6, 6), seed=0))
    found = assert_same_bits(model, *arrays((2, 4, 6, 6)))
    assert type(found.layers[0]) is type(model[0])


def test_bytes_classes_and_outputs():
    image = ml.Input((1, 5, 5), name="image")
    y = ml.Conv2D(2, 3)(ml.Rescaling(1 / 255, -0.5)(image), name="map")
    model = ml.Graph(image, {"map": y, "who": ml.Softmax()(ml.Dense(3)(ml.Flatten()(y)))}, seed=0)
    model.preprocessing = Preprocessing(("a", "b", "c"), (5, 5), grey=True, background=(1, 2, 3))
    x = np.random.default_rng(0).integers(0, 256, (3, 1, 5, 5), np.uint8)
    found = assert_same_bits(model, x, takes_bytes=True)
    assert (found.input_names, found.output_names) == (("image",), ("map", "who"))
    assert found.preprocessing == model.preprocessing
    assert again(found, takes_bytes=True).preprocessing == model.preprocessing


def test_images_of_any_size_are_as_large_as_the_pictures_that_it_reads():
    layers = [ml.Conv2D(2, 3), ml.GlobalAveragePool2D(), ml.Dense(2)]
    model = ml.Sequential(layers, input_shape=(3, 20, 12), seed=0)
    model.preprocessing = Preprocessing(("a", "b"), (20, 12))
    found = again(model, dynamic_size=True)
    assert (found.input_shape, found.preprocessing) == ((3, 20, 12), model.preprocessing)
    (x,) = arrays((2, 3, 33, 40))
    np.testing.assert_array_equal(found(x), model(x))
    file = io.BytesIO()
    save_onnx(model, file, dynamic_size=True)
    assert load_onnx(io.BytesIO(file.getvalue()), input_shape=(3, 8, 9)).input_shape == (3, 8, 9)
