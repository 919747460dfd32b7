import json

import numpy as np
import pytest

import minidl as ml

X = np.random.default_rng(0).random((2, 1, 28, 28), np.float32)


def test_a_run_as_a_file_of_its_own(command, trained, tmp_path):
    result = command("export", trained.path, tmp_path / "lenet.npz")
    path = tmp_path / "lenet.npz"
    assert (result.code, result.err) == (0, "")
    assert result.out == f"written to {path}, {path.stat().st_size:,} bytes\n"
    np.testing.assert_array_equal(ml.load(path)(X), ml.load(trained.folder / "model.npz")(X))
    found = json.loads(command("export", path, path, "--json").out)
    assert found == {"model": str(path), "file": str(path), "bytes": path.stat().st_size}


def test_an_onnx_file(command, trained, tmp_path):
    onnx = pytest.importorskip("onnx")
    path = tmp_path / "m.onnx"
    assert command("export", trained.path, path).code == 0
    proto = onnx.load(path)
    onnx.checker.check_model(proto, full_check=True)
    assert (proto.ir_version, proto.opset_import[0].version) == (8, 17)
    assert [each.dim_param for each in proto.graph.input[0].type.tensor_type.shape.dim] == ["N", "", "", ""]
    np.testing.assert_array_equal(ml.load(path)(X), ml.load(trained.folder / "model.npz")(X))
    assert command("evaluate", path, "--data", "fashion-mnist-10k").out == command("evaluate", trained.path).out


def test_options_of_onnx_files(command, tmp_path):
    onnx = pytest.importorskip("onnx")
    layers = [
        ml.Rescaling(1 / 255),
        ml.Conv2D(4, 3),
        ml.BatchNorm2D(),
        ml.ReLU(),
        ml.GlobalAveragePool2D(),
        ml.Dense(3),
    ]
    model = ml.Sequential(layers, input_shape=(3, 12, 12), seed=0)
    model.save(tmp_path / "m.npz")
    out = tmp_path / "m.onnx"

    def written(*options):
        assert command("export", tmp_path / "m.npz", out, *options).code == 0
        proto = onnx.load(out)
        entry = proto.graph.input[0].type.tensor_type
        sizes = [each.dim_param or each.dim_value for each in entry.shape.dim]
        return {node.op_type for node in proto.graph.node}, sizes, entry.elem_type, proto.opset_import[0].version

    operators, sizes, kind, version = written()
    assert "BatchNormalization" in operators
    assert (sizes, kind, version) == (["N", 3, 12, 12], onnx.TensorProto.FLOAT, 17)
    operators, sizes, kind, version = written("--fold", "--dynamic-size", "--takes-bytes", "--opset", "18")
    assert "BatchNormalization" not in operators
    assert (sizes, kind, version) == (["N", 3, "H", "W"], onnx.TensorProto.UINT8, 18)


def test_what_is_refused_before_any_work(fails, trained, tmp_path):
    assert "m.h5: the suffix decides the format: expected .npz, .safetensors or .onnx, got .h5" in fails(
        "export", trained.path, tmp_path / "m.h5"
    )
    assert "argument --opset: only for .onnx files, and " in fails(
        "export", trained.path, tmp_path / "m.npz", "--opset", "17"
    )
    for flag in ("--fold", "--dynamic-size", "--takes-bytes"):
        message = fails("export", trained.path, tmp_path / "m.npz", flag)
        assert f"argument {flag}: only for .onnx files" in message
    assert "opset: expected 14 to " in fails("export", trained.path, tmp_path / "m.onnx", "--opset", "3")
    assert "isn't a file in an existing folder" in fails("export", trained.path, tmp_path / "no" / "m.npz")
    assert "did you mean lenet?" in fails("export", "lenett", tmp_path / "m.npz")
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("command_line", [["summary"], ["evaluate"], ["explain"], ["export", "m.npz"], ["report"]])
def test_files_of_another_kind_are_named(fails, tmp_path, command_line):
    path = tmp_path / "weights.pth"
    path.write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    name, *rest = command_line
    assert "weights.pth: it is a Git LFS pointer" in fails(name, path, *(tmp_path / each for each in rest))
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "saved_model.pb").touch()
    assert "saved: it is a TensorFlow SavedModel: make an ONNX file of it: python -m tf2onnx" in fails(
        name, tmp_path / "saved", *(tmp_path / each for each in rest)
    )
