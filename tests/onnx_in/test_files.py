"""Files that aren't what they should be: refused with a FormatError, before they take memory or time."""

import io
import os
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("onnx", reason="reading ONNX files needs onnx")

from onnx import TensorProto, helper, numpy_helper

import minidl as ml
from minidl.onnx_in import load_onnx
from tests.onnx_in.networks import check, expected, loaded, model, node, normal


def refused(made, match, **options):
    content = made if isinstance(made, bytes) else made.SerializeToString()
    with pytest.raises(ml.FormatError, match=match):
        load_onnx(io.BytesIO(content), **options)


def dense(**options):
    return model([node("MatMul", "x w", "y")], {"x": ("N", 3)}, constants={"w": normal(3, 4)}, **options)


@pytest.mark.parametrize("content", [b"", b"\x00" * 100, b"PK\x03\x04", b"\x08", np.random.default_rng(0).bytes(1000)])
def test_other_files(content):
    refused(content, "not an ONNX file")


def test_a_file_that_is_cut_off():
    content = dense().SerializeToString()
    for size in range(0, len(content), 7):
        refused(content[:size], "BytesIO: ")


@pytest.mark.parametrize("opset", [5, 1000])
def test_versions_that_are_not_read(opset):
    made = dense()
    made.opset_import[0].version = opset
    refused(made, f"operators of version {opset}; expected 6 to")


def test_a_tensor_that_is_smaller_than_its_shape():
    made = dense()
    made.graph.initializer[0].dims[0] = 2**40
    refused(made, r"w: shape \(1099511627776, 4\) of float32 takes 17592186044416 bytes, got 48")


def test_a_tensor_with_a_negative_size():
    made = dense()
    made.graph.initializer[0].dims[0] = -3
    refused(made, "w: expected a shape")


def test_a_tensor_of_texts():
    made = dense()
    made.graph.initializer.append(helper.make_tensor("t", TensorProto.STRING, [1], [b"text"]))
    refused(made, "t: elements are string")


@pytest.mark.parametrize(
    ("operator", "inputs", "constants"),
    [
        ("ConstantOfShape", "size", {"size": np.array([2**40])}),
        ("Expand", "one size", {"one": normal(1), "size": np.array([2**20, 2**20])}),
        ("Tile", "one size", {"one": normal(1), "size": np.array([2**40])}),
        ("Range", "zero many one_", {"zero": np.array(0), "many": np.array(2**40), "one_": np.array(1)}),
        ("Add", "row column", {"row": normal(1, 2**15), "column": normal(2**15, 1)}),
        ("MatMul", "row column", {"row": normal(2**15, 1), "column": normal(1, 2**15)}),
    ],
)
def test_a_constant_that_would_take_much_memory(operator, inputs, constants):
    made = model([node(operator, inputs, "w"), node("Mul", "x w", "y")], {"x": ("N", 3)}, constants=constants)
    refused(made, f"{operator} w: it computes an array of shape .* more than the file may take")


def test_constants_that_double():
    nodes = [node("Concat", f"w{i} w{i}", f"w{i + 1}", axis=0) for i in range(60)]
    made = model([*nodes, node("Mul", "x w60", "y")], {"x": ("N", 3)}, constants={"w0": normal(1)})
    refused(made, "more than the file may take")


def test_an_image_that_would_take_much_memory():
    made = model([node("Relu", "x", "y")], {"x": (1, 3, 2**20, 2**20)})
    refused(made, r"a sample of \d+ bytes")


def test_a_pass_that_would_take_much_memory():
    made = model([node("Conv", "x w", "y", pads=[5000] * 4)], {"x": (1, 1, 8, 8)}, constants={"w": normal(64, 1, 1, 1)})
    refused(made, "a pass of one sample takes")


def test_many_layers():
    nodes = [node("Relu", f"x{i}", f"x{i + 1}") for i in range(200)]
    refused(model(nodes, {"x0": ("N", 3)}, ("x200",)), "201 layers", budget=ml.Budget(layers=100))


def test_an_operation_that_reads_what_comes_later():
    made = model([node("Add", "x b", "y"), node("Relu", "x", "b")], {"x": ("N", 3)})
    refused(made, "Add y: reads 'b', which nothing before it gives")


def test_an_output_that_nothing_gives():
    refused(model([node("Relu", "x", "y")], {"x": ("N", 3)}, ("z",)), "output z: nothing gives it")


def test_an_attribute_that_nothing_heeds():
    refused(model([node("Relu", "x", "y", slope=0.5)], {"x": ("N", 3)}), "Relu y: unknown attributes slope")


def test_weights_that_do_not_fit():
    made = model([node("Conv", "x w", "y")], {"x": ("N", 5, 8, 8)}, constants={"w": normal(4, 3, 3, 3)})
    refused(made, r"y \(Conv2D\): expected \(3, h, w\) images, got \(5, 8, 8\)")


def test_strides_of_nothing():
    made = model([node("MaxPool", "x", "y", kernel_shape=[2, 2], strides=[0, 0])], {"x": ("N", 3, 8, 8)})
    refused(made, "MaxPool y: ")


def test_no_inputs():
    made = model([node("Relu", "w", "y")], {}, constants={"w": normal(3)})
    refused(made, "it has no inputs")


@pytest.mark.parametrize("size", [2, 600])
def test_subgraphs_in_subgraphs(size):
    graph = helper.make_graph([node("Relu", "x", "y")], "inner", [], [])
    for _ in range(min(size, 30)):
        graph = helper.make_graph([node("If", "c", "y", then_branch=graph, else_branch=graph)], "g", [], [])
        if graph.ByteSize() > 2**20:
            break
    made = model([node("If", "x", "y", then_branch=graph, else_branch=graph)], {"x": ("N", 3)})
    refused(made, r"minidl lacks 1 of its operators: If \(\d+\)")


class TestDataBesideTheFile:
    """Tensors whose numbers are in another file."""

    def write(self, folder, location, *, offset=0, length=None, content=None):
        made = dense()
        tensor = made.graph.initializer[0]
        data = tensor.raw_data
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in {"location": location, "offset": offset, "length": length or len(data)}.items():
            tensor.external_data.add(key=key, value=str(value))
        (folder / "model.onnx").write_bytes(made.SerializeToString())
        return b"\0" * offset + data if content is None else content

    def test_is_read_from_there(self, tmp_path):
        (tmp_path / "weights").mkdir()
        (tmp_path / "weights" / "w.bin").write_bytes(self.write(tmp_path, "weights/w.bin", offset=16))
        x = normal(2, 3)
        np.testing.assert_allclose(load_onnx(tmp_path / "model.onnx")(x), expected(dense(), x)[0], rtol=1e-5)

    @pytest.mark.parametrize("location", ["../w.bin", "/etc/passwd", "a/../../w.bin", "..\\w.bin", "C:\\w.bin", ""])
    def test_elsewhere_is_refused(self, tmp_path, location):
        (tmp_path.parent / "w.bin").write_bytes(self.write(tmp_path, location))
        with pytest.raises(ml.FormatError, match=r"model\.onnx: w: its data are in .* expected a file beside"):
            load_onnx(tmp_path / "model.onnx")

    def test_a_link_out_is_refused(self, tmp_path):
        folder = tmp_path / "folder"
        folder.mkdir()
        (tmp_path / "w.bin").write_bytes(self.write(folder, "w.bin"))
        os.symlink(tmp_path / "w.bin", folder / "w.bin")
        with pytest.raises(ml.FormatError, match="a link out of the model's folder"):
            load_onnx(folder / "model.onnx")

    def test_a_device_is_refused(self, tmp_path):
        self.write(tmp_path, "w.bin")
        os.symlink("/dev/zero", tmp_path / "w.bin")
        with pytest.raises(ml.FormatError, match="a link out"):
            load_onnx(tmp_path / "model.onnx")

    @pytest.mark.parametrize("wrong", [{"offset": -1}, {"offset": 1000}, {"length": 7}, {"length": "many"}])
    def test_wrong_places_are_refused(self, tmp_path, wrong):
        content = self.write(tmp_path, "w.bin", content=b"\0" * 48, **wrong)
        (tmp_path / "w.bin").write_bytes(content)
        with pytest.raises(ml.FormatError, match="w: expected"):
            load_onnx(tmp_path / "model.onnx")

    def test_a_missing_file_is_named(self, tmp_path):
        self.write(tmp_path, "w.bin")
        with pytest.raises(ml.FormatError, match=r"'w\.bin', which isn't beside the model's file"):
            load_onnx(tmp_path / "model.onnx")

    def test_an_open_file_has_nothing_beside_it(self, tmp_path):
        self.write(tmp_path, "w.bin")
        with (
            open(tmp_path / "model.onnx", "rb") as file,
            pytest.raises(ml.FormatError, match="give the path of the model"),
        ):
            load_onnx(file)


@pytest.mark.parametrize("kind", [TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.DOUBLE, TensorProto.FLOAT])
@pytest.mark.parametrize("is_raw", [False, True])
def test_floats_of_every_kind_and_form(kind, is_raw):
    values = [1.0, -2.5, 0.15625, 3.0]
    made = model([node("Add", "x w", "y")], {"x": ("N", 4)})
    tensor = helper.make_tensor("w", kind, [4], values)
    if is_raw:
        halves = np.array(values, np.float32).view(np.uint32) >> 16
        raw = halves.astype(np.uint16) if kind == TensorProto.BFLOAT16 else numpy_helper.to_array(tensor)
        tensor = TensorProto(name="w", data_type=kind, dims=[4], raw_data=raw.tobytes())
    made.graph.initializer.append(tensor)
    np.testing.assert_array_equal(loaded(made)(np.zeros((1, 4), np.float32)), [values])


@pytest.mark.parametrize("kind", ["uint8", "int8", "uint16", "int16", "int32", "int64", "bool", "uint32", "uint64"])
@pytest.mark.parametrize("is_raw", [False, True])
def test_integers_of_every_kind_and_form(kind, is_raw):
    made = model([node("Cast", "w", "f", to=1), node("Add", "x f", "y")], {"x": ("N", 3)})
    array = np.array([0, 1, 1]).astype(kind)
    tensor = numpy_helper.from_array(array, "w")
    if not is_raw:
        tensor = helper.make_tensor("w", tensor.data_type, [3], array)
    made.graph.initializer.append(tensor)
    check(made, normal(2, 3))


def test_without_onnx_the_extra_is_named():
    code = (
        "import sys; sys.modules['onnx'] = None\n"
        "import io, minidl.onnx_in as o\n"
        "try: o.load_onnx(io.BytesIO(b''))\n"
        "except ImportError as error: print(error)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 'pip install "minidl[onnx]"' in run.stdout
