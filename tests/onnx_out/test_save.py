"""What a file says beside its operators, and what can't be written."""

import io
import json

import numpy as np
import onnx
import pytest

import minidl as ml
from minidl.datasets.preprocessing import Preprocessing
from minidl.description import operators as op
from minidl.onnx_out import save_onnx
from tests.graph.conftest import arrays
from tests.onnx_out.runs import RUNTIMES, check, exported


def dims(entry):
    return [each.dim_param or each.dim_value for each in entry.type.tensor_type.shape.dim]


@pytest.fixture
def small():
    layers = [ml.Conv2D(4, 3, padding="same", stride=2), ml.BatchNorm2D(), ml.ReLU(), ml.GlobalAveragePool2D()]
    return ml.Sequential([*layers, ml.Dense(3), ml.Softmax()], input_shape=(3, 9, 8), seed=0)


def test_versions_and_names(small):
    proto = exported(small)
    assert (proto.opset_import[0].version, proto.ir_version) == (17, 8)
    assert (proto.producer_name, proto.producer_version) == ("minidl", ml.__version__)
    assert [node.op_type for node in proto.graph.node] == [
        "Conv", "BatchNormalization", "Relu", "GlobalAveragePool", "Flatten", "Gemm", "Softmax",
    ]  # fmt: skip
    assert [node.name for node in proto.graph.node] == ["0", "1", "2", "3/GlobalAveragePool", "3", "4", "5"]
    assert [node.doc_string for node in proto.graph.node][3:] == ["GlobalAveragePool2D"] * 2 + ["Dense", "Softmax"]
    assert [tensor.name for tensor in proto.graph.initializer] == [name for name, _ in small.named_state()]
    assert (dims(proto.graph.input[0]), dims(proto.graph.output[0])) == (["N", 3, 9, 8], ["N", 3])
    assert (proto.graph.input[0].name, proto.graph.output[0].name) == ("input", "output")


@pytest.mark.parametrize("opset", [14, 18, 21, 24])
def test_other_versions(small, opset):
    proto = check(small, *arrays((2, 3, 9, 8)), opset=opset)
    assert proto.opset_import[0].version == opset
    assert proto.ir_version >= onnx.helper.find_min_ir_version_for(proto.opset_import)


def test_an_ir_version(small):
    assert exported(small, ir_version=10).ir_version == 10
    assert exported(small, opset=14, ir_version=7).ir_version == 7
    with pytest.raises(ValueError, match="ir_version: expected 8 to"):
        exported(small, ir_version=7)


def test_folding_leaves_the_model_as_it_is(small):
    before = small.state_dict()
    proto = check(small, *arrays((2, 3, 9, 8)), fold=True)
    assert [tensor.name for tensor in proto.graph.initializer] == ["0.weight", "0.bias", "4.weight", "4.bias"]
    assert all(np.array_equal(value, before[name]) for name, value in small.state_dict().items())


def test_a_normalization_folds_only_into_what_nobody_else_reads():
    x = ml.Input((3, 4, 4))
    y = ml.Conv2D(3, 1, bias=False)(x)
    graph = ml.Graph(x, ml.BatchNorm2D()(y) + ml.BatchNorm2D()(ml.ReLU()(y)), seed=0)
    proto = check(graph, *arrays((2, 3, 4, 4)), fold=True)
    assert [node.op_type for node in proto.graph.node].count("BatchNormalization") == 2


@pytest.mark.parametrize("groups", [1, 2])
def test_folding_into_transposed_convolutions_and_dense_layers(groups):
    layers = [
        ml.ConvTranspose2D(4, 2, groups=groups, stride=2),
        ml.BatchNorm2D(),
        ml.Flatten(),
        ml.Dense(3, bias=False),
    ]
    model = ml.Sequential([*layers, ml.BatchNorm1D()], input_shape=(4, 3, 3), seed=0)
    for name, array in model.named_state():
        array.value = np.random.default_rng(len(name)).uniform(0.5, 1.5, array.value.shape).astype(np.float32)
    runtimes = RUNTIMES if groups == 1 else RUNTIMES.keys() - {"reference"}  # it is wrong for groups
    proto = check(model, *arrays((5, 4, 3, 3)), fold=True, runtimes=runtimes)
    assert [node.op_type for node in proto.graph.node] == ["ConvTranspose", "Flatten", "Gemm"]


@pytest.mark.parametrize("size", [(9, 8), (12, 5), (7, 7), (16, 16)])
def test_images_of_any_size(small, size):
    proto = exported(small, dynamic_size=True)
    assert dims(proto.graph.input[0]) == ["N", 3, "H", "W"]
    x = arrays((2, 3, *size))[0]
    for run in RUNTIMES.values():
        np.testing.assert_allclose(run(proto, x)[0], small(x), atol=1e-6)


@pytest.mark.parametrize("size", [(8, 8), (16, 24)])
def test_maps_of_any_size(size):
    x = ml.Input((4, 8, 8))
    y = ml.ReLU()(ml.GroupNorm(2)(ml.Conv2D(4, 3, padding=1, stride=2)(x)))
    columns = ml.Permute((2, 1))(ml.Reshape((2, -1))(y))
    model = ml.Graph(x, [ml.ConvTranspose2D(2, 3, stride=2, padding="same")(y), ml.UpSample2D(3)(y), columns], seed=0)
    proto = exported(model, dynamic_size=True)
    assert [dims(each) for each in proto.graph.output] == [
        ["N", 2, "conv_transpose2d_2", "conv_transpose2d_3"],  # of images of an odd size one pixel more
        ["N", 4, "up_sample2d_2", "up_sample2d_3"],
        ["N", "permute_1", 2],
    ]
    x = arrays((2, 4, *size))[0]
    for run in RUNTIMES.values():
        for got, wanted in zip(run(proto, x), model(x), strict=True):
            np.testing.assert_allclose(got, wanted, atol=1e-5)


class Turned(ml.Module):
    """An operator whose record says more of the size of images than ONNX can."""

    def output_shape(self, input_shape):
        return input_shape[0], input_shape[2], input_shape[1]

    def describe(self, describer, x):
        shape = self.output_shape(x.shape)
        return describer.add(op.Reshape(shape), x, shape=shape)


@pytest.mark.parametrize(
    ("layers", "match"),
    [
        ([ml.Flatten(), ml.Dense(2)], r"images of only one size: .*\[1\] Dense: expected \(192,\)"),
        ([ml.LayerNorm()], "only one size"),
        ([ml.AdaptiveAveragePool2D(3)], "0 AdaptiveAveragePool2D: its windows depend on the size"),
        ([Turned()], "what 0 Turned computes depends on the size"),
    ],
)
def test_networks_for_one_size(layers, match):
    with pytest.raises(ValueError, match=match):
        exported(ml.Sequential(layers, input_shape=(3, 8, 8), seed=0), dynamic_size=True)
    vectors = ml.Sequential([ml.Dense(3)], input_shape=(4,))
    with pytest.raises(ValueError, match="inputs are images"):
        exported(vectors, dynamic_size=True)


def test_several_inputs_and_named_outputs():
    image, angle = ml.Input((3, 8, 8), name="image"), ml.Input((4,), name="angle")
    y = ml.Conv2D(1, 1)(ml.MaxPool2D(2)(ml.ReLU()(ml.Conv2D(4, 3, padding=1)(image))), name="map")
    scores = ml.Dense(3)(ml.Concatenate()(ml.Flatten()(y), angle), name="scores")
    graph = ml.Graph([image, angle], {"map": y, "who": scores}, seed=0)
    x = arrays((3, 3, 8, 8), (3, 4))
    proto = check(graph, *x)
    assert [entry.name for entry in proto.graph.input] == ["image", "angle"]
    assert [entry.name for entry in proto.graph.output] == ["map", "who"]
    assert {"conv2d.weight", "map.weight", "scores.bias"} <= {tensor.name for tensor in proto.graph.initializer}


def test_an_output_that_others_read_and_one_that_is_an_input():
    x = ml.Input((4,), name="x")
    y = ml.ReLU()(x, name="y")
    proto = check(ml.Graph(x, [y, ml.Tanh()(y, name="z")]), *arrays((3, 4)))
    assert [node.name for node in proto.graph.node] == ["y", "z"]
    proto = check(ml.Sequential([ml.Dropout(0.5)], input_shape=(4,)), *arrays((3, 4)))
    assert [node.op_type for node in proto.graph.node] == ["Identity"]


def test_an_output_named_like_another_value():
    x = ml.Input((4,), name="x")
    y = ml.ReLU()(x, name="y")
    proto = check(ml.Graph(x, {"y": ml.Tanh()(y, name="z"), "x": ml.ELU()(y), "a.weight": y}), *arrays((3, 4)))
    assert [entry.name for entry in proto.graph.output] == ["y", "x_1", "a.weight"]


def test_a_shared_layer_is_written_once():
    a, b, dense = ml.Input((4,)), ml.Input((4,)), ml.Dense(3)
    graph = ml.Graph([a, b], ml.Concatenate()(dense(a), dense(b)), seed=0)
    proto = check(graph, *arrays((2, 4), (2, 4)))
    assert [tensor.name for tensor in proto.graph.initializer] == ["dense.weight", "dense.bias"]


def test_bytes():
    model = ml.Sequential([ml.Rescaling(1 / 255, -0.5), ml.Conv2D(2, 3)], input_shape=(1, 5, 5), seed=0)
    x = np.random.default_rng(0).integers(0, 256, (3, 1, 5, 5), np.uint8)
    proto = check(model, x, takes_bytes=True)
    assert proto.graph.input[0].type.tensor_type.elem_type == onnx.TensorProto.UINT8
    check(model, x, taken=[x.astype(np.float32)])
    with pytest.raises(ValueError, match="begins with Rescaling"):
        exported(ml.Sequential([ml.Conv2D(2, 3)], input_shape=(1, 5, 5)), takes_bytes=True)


def test_classes_and_preprocessing(small):
    small.preprocessing = Preprocessing(("cat", "dog", "cow"), (9, 8), resize="crop", background=(1, 2, 3))
    said = {entry.key: json.loads(entry.value) for entry in exported(small).metadata_props}
    assert said["class_names"] == ["cat", "dog", "cow"]
    assert Preprocessing.from_dict(said["minidl_preprocessing"]) == small.preprocessing


def test_a_model_in_float64_is_written_in_float32():
    model = ml.Sequential([ml.Conv2D(2, 3), ml.BatchNorm2D()], input_shape=(1, 5, 5), seed=0, dtype="float64")
    x = arrays((2, 1, 5, 5))[0]
    for fold in (False, True):
        for run in RUNTIMES.values():
            (y,) = run(exported(model, fold=fold), x)
            assert y.dtype == np.float32
            np.testing.assert_allclose(y, model(x.astype(np.float64)), atol=1e-6)


class Own(ml.Module):
    def forward(self, x, *, train):
        return x + 1, lambda dy, *, need_dx=True: dy


class Louder(ml.Conv1D):
    def forward(self, x, *, train):
        raise NotImplementedError


def test_modules_that_have_no_rule_are_named(tmp_path):
    model = ml.Sequential([ml.Dense(3), ml.Residual([Own()]), ml.Reshape((1, -1)), Louder(2, 3)], input_shape=(4,))
    with pytest.raises(TypeError, match=r"1\.body\.0 Own, 3 Louder; custom layers can"):
        save_onnx(model, tmp_path / "m.onnx")
    assert not list(tmp_path.iterdir())


def test_a_layer_that_somebody_changed_has_no_rule():
    layer = ml.Conv1D(2, 3)
    model = ml.Sequential([layer], input_shape=(2, 5))
    object.__setattr__(layer, "forward", lambda x, *, train: (x, None))
    with pytest.raises(TypeError, match="0 Conv1D"):
        exported(model)


def test_what_is_no_built_model():
    with pytest.raises(ml.NotBuiltError, match="build the model first"):
        exported(ml.Sequential([ml.Dense(3)]))
    with pytest.raises(TypeError, match="expected a model, got int"):
        exported(3)
    for opset in (13, 99, "17", True):
        with pytest.raises(ValueError, match="opset: expected 14 to 24"):
            exported(ml.Sequential([ml.Dense(3)], input_shape=(2,)), opset=opset)
    with pytest.raises(TypeError, match="unknown argument 'opset_version'"):
        exported(ml.Sequential([ml.Dense(3)], input_shape=(2,)), opset_version=17)


def test_too_large_a_model(monkeypatch):
    monkeypatch.setattr("minidl.onnx_out.save.LARGEST", 2**10)
    with pytest.raises(ValueError, match="less than 2 GiB"):
        exported(ml.Sequential([ml.Dense(20)], input_shape=(20,)))


def test_a_file_is_written_whole_or_not_at_all(tmp_path, small):
    path = tmp_path / "m.onnx"
    save_onnx(small, path)
    written = path.read_bytes()
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(FileNotFoundError):
        save_onnx(small, tmp_path / "missing" / "m.onnx")
    file = io.BytesIO()
    save_onnx(small, file)
    assert file.getvalue() == written


def test_without_onnx(monkeypatch, small):
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    with pytest.raises(ImportError, match=r'pip install "minidl\[onnx\]"'):
        exported(small)
