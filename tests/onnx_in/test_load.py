"""What an imported network is: a Graph that trains, saves, copies, and takes other batches and sizes."""

import copy
import io

import numpy as np
import pytest

pytest.importorskip("onnx", reason="reading ONNX files needs onnx")

from onnx import TensorProto

import minidl as ml
from minidl.onnx_in import load_onnx
from tests.onnx_in.networks import check, expected, given, layers, loaded, model, node, normal


def small(batch="N", size=(8, 8), **options):
    """A convolution, its activation, a pool and a dense layer."""
    return model(
        [
            node("Conv", "image w b", "c", pads=[1, 1, 1, 1]),
            node("Relu", "c", "r"),
            node("MaxPool", "r", "p", kernel_shape=[2, 2], strides=[2, 2]),
            node("GlobalAveragePool", "p", "g"),
            node("Flatten", "g", "f"),
            node("Gemm", "f dense.weight dense.bias", "scores", transB=1),
        ],
        {"image": (batch, 3, *size)},
        ("scores",),
        constants={"w": normal(4, 3, 3, 3), "b": normal(4), "dense.weight": normal(5, 4), "dense.bias": normal(5)},
        **options,
    )


def test_a_network_of_several_layers():
    network = check(small(), normal(2, 3, 8, 8))
    assert isinstance(network, ml.Graph)
    assert layers(network) == ["Conv2D", "ReLU", "MaxPool2D", "GlobalAveragePool2D", "Dense"]
    assert network.input_names == ("image",)
    assert network.output_names == ("scores",)


def test_a_fixed_batch_takes_any():
    network = loaded(small(batch=1))
    x = normal(3, 3, 8, 8)
    np.testing.assert_allclose(network(x)[1:2], expected(small(batch=1), x[1:2])[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("size", [("H", "W"), (None, None), ("?", "?")])
def test_open_sizes_take_any(size):
    made = small(size=size)
    network = loaded(made)
    assert network.input_shape == (3, 224, 224)
    for height, width in ((8, 8), (12, 20)):
        x = normal(2, 3, height, width)
        np.testing.assert_allclose(network(x), expected(made, x)[0], rtol=1e-4, atol=1e-5)


def test_the_input_shape_says_what_is_open():
    assert loaded(small(size=("H", "W")), input_shape=(3, 10, 12)).input_shape == (3, 10, 12)
    assert loaded(small(size=("H", "W")), input_shape={"image": (3, 10, 12)}).input_shape == (3, 10, 12)
    with pytest.raises(ValueError, match="unknown input 'x'; expected image"):
        loaded(small(), input_shape={"x": (3, 10, 12)})
    with pytest.raises(ml.FormatError, match="expected 3 sizes for image"):
        loaded(small(), input_shape=(3, 10))


@pytest.mark.parametrize("shape", [3, "abc", {"image": 3}])
def test_an_input_shape_that_is_none(shape):
    with pytest.raises(TypeError, match=r"input_shape: expected sizes such as \(3, 224, 224\), got"):
        loaded(small(), input_shape=shape)


@pytest.mark.parametrize("size", [0, -1, 2.5, None, "8"])
def test_sizes_that_are_none(size):
    with pytest.raises(ValueError, match=f"input_shape: expected an int of at least 1, got {size!r}"):
        loaded(small(), input_shape=(3, size, 12))


def test_several_outputs_come_by_name():
    made = model(
        [node("Relu", "x", "a/b:0"), node("Sigmoid", "x", "second"), node("Identity", "x", "third")],
        {"x": ("N", 4)},
        ("a/b:0", "second", "third"),
    )
    network = check(made, normal(2, 4))
    assert network.output_names == ("a/b:0", "second", "third")


def test_several_inputs_are_called_by_name():
    made = model([node("Concat", "a b", "y", axis=1)], {"a": ("N", 2), "b": ("N", 3)})
    network = check(made, normal(2, 2), normal(2, 3))
    np.testing.assert_array_equal(network({"b": normal(2, 3), "a": normal(2, 2)}), network(normal(2, 2), normal(2, 3)))


def test_it_saves_and_loads_as_any_graph():
    network, x = loaded(small()), normal(2, 3, 8, 8)
    file = io.BytesIO()
    network.save(file)
    file.seek(0)
    np.testing.assert_array_equal(ml.load(file)(x), network(x))


def test_it_is_copied_and_predicts():
    network, x = loaded(small()), normal(2, 3, 8, 8)
    np.testing.assert_array_equal(copy.deepcopy(network)(x), network(x))
    np.testing.assert_allclose(ml.Predictor(network)(x), network(x), rtol=1e-5, atol=1e-6)


def test_it_trains():
    network, x = loaded(small()), normal(32, 3, 8, 8)
    labels = np.arange(32) % 5
    before = network.state_dict()
    optimizer = ml.Adam(network.parameters(), lr=0.01)
    history = network.fit(x, labels, loss=ml.CrossEntropy(), optimizer=optimizer, epochs=8, seed=0, verbose=0)
    assert history["loss"][-1] < history["loss"][0]
    after = network.state_dict()
    assert all((before[name] != after[name]).any() for name in before)


def test_its_parameters_lie_together():
    parameters = loaded(small()).parameters()
    assert all(parameter.value.base is parameters[0].value.base for parameter in parameters)


def test_weights_may_be_inputs_constants_or_computed():
    w = normal(2, 6)
    made = model(
        [
            node("Constant", "", "shape", value_ints=[6, 2]),
            node("Reshape", "flat shape", "w"),
            node("ConstantOfShape", "two", "zeros"),
            node("Transpose", "w", "wt", perm=[1, 0]),
            node("Gemm", "x wt zeros", "y", transB=1),
        ],
        {"x": ("N", 6)},
        constants={"flat": w.reshape(-1), "two": np.array([2])},
    )
    check(made, normal(3, 6))


def test_a_network_that_is_given_float64_is_one():
    made = model(
        [node("Conv", "x w b", "c"), node("Mul", "c s", "m"), node("Add", "m g", "y")],
        {"x": ("N", 3, 6, 6)},
        constants={
            name: array.astype(np.float64)
            for name, array in {
                "w": normal(2, 3, 3, 3),
                "b": normal(2),
                "s": normal(2, 1, 1),
                "g": normal(4, 4),
            }.items()
        },
        kinds={"x": TensorProto.DOUBLE},
    )
    network, x = loaded(made), np.random.default_rng(0).standard_normal((2, 3, 6, 6))
    assert network.dtype == "float64"
    np.testing.assert_allclose(network(x), expected(made, x)[0], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_weights_of_other_floats_become_float32(dtype):
    made = model([node("MatMul", "x w", "y")], {"x": ("N", 3)}, constants={"w": normal(3, 4).astype(dtype)})
    network = loaded(made)
    x = normal(2, 3)
    np.testing.assert_allclose(network(x), x @ normal(3, 4).astype(dtype).astype(np.float32), rtol=1e-5)


def test_an_image_by_itself_is_one_sample():
    made = model(
        [node("Unsqueeze", "image zero", "x"), node("Conv", "x w", "c"), node("Squeeze", "c zero", "y")],
        {"image": (3, 6, 6)},
        constants={"zero": np.array([0]), "w": normal(2, 3, 3, 3)},
    )
    network, x = loaded(made), normal(3, 6, 6)
    assert network.input_shape == (3, 6, 6)
    np.testing.assert_allclose(network(x[None])[0], expected(made, x)[0], rtol=1e-4, atol=1e-5)


def test_a_network_that_mixes_samples_is_an_error():
    made = model([node("Softmax", "x", "y", axis=0)], {"x": ("N", 4)})
    with pytest.raises(ml.FormatError, match=r"Softmax y: it works along the first axis, which is the batch's"):
        loaded(made)


def test_sizes_that_no_layer_says_are_fixed_and_said():
    grid = [
        node("Shape", "x", "s"),
        node("Gather", "s three", "width"),
        node("Range", "zero width one", "r"),
        node("Cast", "r", "f", to=1),
        node("Mul", "x f", "y"),
    ]
    made = model(
        grid,
        {"x": ("N", 1, "H", "W")},
        constants={"three": np.array(3), "zero": np.array(0), "one": np.array(1)},
    )
    with pytest.warns(UserWarning, match="x: assumed to be 224 high and wide"):
        assert loaded(made).input_shape == (1, 224, 224)


def test_a_path_is_named_in_errors(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(b"nothing")
    with pytest.raises(ml.FormatError, match=r"model\.onnx: not an ONNX file"):
        load_onnx(path)


def test_names_are_the_files_as_far_as_graphs_have_them():
    made = model(
        [node("Relu", "x.1", "a.b"), node("Relu", "a.b", "7"), node("Relu", "7", "a/b")],
        {"x.1": ("N", 4)},
        ("a/b",),
    )
    network = loaded(made)
    assert [vertex.name for vertex in network.wiring.vertices] == ["x_1", "a_b_1", "_7", "a_b"]
    assert len(given(network, normal(1, 4))) == 1


def test_zeros_along_channels_are_one_layer(tmp_path):
    """As in residual networks whose shortcuts have no parameters."""
    layers = [ml.Conv2D(2, 1), ml.ZeroPadAxis(1, 1, 2)]
    model = ml.Sequential(layers, input_shape=(3, 4, 4), seed=0)
    model.save(tmp_path / "model.onnx")
    graph = ml.load(tmp_path / "model.onnx")
    assert [type(layer).__name__ for layer in graph.layers] == ["Conv2D", "ZeroPadAxis"]
    x = np.random.default_rng(0).standard_normal((2, 3, 4, 4), np.float32)
    np.testing.assert_array_equal(graph(x), model(x), strict=True)


@pytest.mark.parametrize("name", ["lenet", "mobilenet", "unet"])
def test_what_minidl_wrote_gives_the_same_bits(name, tmp_path):
    made = getattr(ml.models, name)(seed=0)
    made.save(tmp_path / "model.onnx")
    x = normal(2, *made.input_shape)
    np.testing.assert_array_equal(ml.load(tmp_path / "model.onnx")(x), made(x))


def test_classes_and_pictures_come_with_it(tmp_path):
    made = ml.models.lenet(seed=0)
    made.preprocessing = ml.datasets.Preprocessing(("cat", "dog"), (28, 28), grey=True)
    made.save(tmp_path / "model.onnx")
    assert ml.load(tmp_path / "model.onnx").preprocessing == made.preprocessing


@pytest.mark.parametrize("text", ["{", "[" * 10000, '{"class_names": 3}', "{}"])
def test_other_properties_are_refused(text):
    made = small()
    made.metadata_props.add(key="minidl_preprocessing", value=text)
    with pytest.raises(ml.FormatError, match="BytesIO: preprocessing: "):
        loaded(made)


def test_a_network_with_constants_takes_bytes():
    made = model(
        [node("Mul", "x s", "a"), node("Add", "a grid", "y")],
        {"x": ("N", 1, 4, 5)},
        constants={"s": np.float32(1 / 255), "grid": normal(4, 5)},
    )
    network = loaded(made)
    assert network.takes_bytes
    x = np.random.default_rng(0).integers(0, 256, (2, 1, 4, 5), dtype=np.uint8)
    np.testing.assert_allclose(network(x), x / np.float32(255) + normal(4, 5), rtol=1e-5)


def test_empty_constants_of_impossible_sizes_are_refused():
    proto = model([node("Add", "x c", "y")], {"x": ("N", 2)}, constants={"c": np.zeros((0, 2), np.float32)})
    proto.graph.initializer[0].dims[1] = 2**62
    with pytest.raises(ml.FormatError, match=r"c: expected a shape, got \(0, 4611686018427387904\)"):
        load_onnx(io.BytesIO(proto.SerializeToString()))
