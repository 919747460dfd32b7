import json

import numpy as np
import pytest

import minidl as ml

X = np.random.default_rng(0).random((2, 1, 28, 28), np.float32)


def test_a_run_as_a_file_of_its_own(command, trained, tmp_path):
    result = command("export", trained.path, tmp_path / "lenet.npz")
    path = tmp_path / "lenet.npz"
    assert (result.code, result.err) == (0, "")
    assert result.out == f"written to {path}, {path.stat().st_size / 1e6:.1f} MB\n"
    np.testing.assert_array_equal(ml.load(path)(X), ml.load(trained.folder / "model.npz")(X))
    found = json.loads(command("export", path, path, "--json").out)
    assert found == {"model": str(path), "file": str(path), "bytes": path.stat().st_size}


def test_what_is_refused_before_any_work(fails, trained, tmp_path):
    assert "m.h5: the suffix says how to write it: expected .npz, .safetensors or .onnx, got .h5" in fails(
        "export", trained.path, tmp_path / "m.h5"
    )
    assert "argument --opset: it's for .onnx files, and " in fails(
        "export", trained.path, tmp_path / "m.npz", "--opset", "17"
    )
    assert "argument --fold: it's for .onnx files" in fails("export", trained.path, tmp_path / "m.npz", "--fold")
    assert "isn't a file in a folder that exists" in fails("export", trained.path, tmp_path / "no" / "m.npz")
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
