"""One face for files: read by what they are, written by their suffix."""

import io
import re
import sys

import numpy as np
import pytest

import minidl as ml
from tests.saving.test_kinds import LEGACY, npy, onnx_model, safetensors, zipped
from tests.training.blobs import X, fit, network


def test_arrays_are_a_dict_with_metadata(tmp_path):
    ml.save_arrays(tmp_path / "a.npz", {"a": np.arange(3), "b": np.ones((2, 2))}, metadata={"of": "tests"})
    arrays = ml.load_arrays(tmp_path / "a.npz")
    assert isinstance(arrays, dict)
    assert isinstance(arrays, ml.Arrays)
    assert list(arrays) == ["a", "b"]
    np.testing.assert_array_equal(arrays["a"], np.arange(3))
    assert arrays.metadata == {"of": "tests"}
    np.savez(tmp_path / "b.npz", c=np.zeros(1))
    assert ml.load_arrays(tmp_path / "b.npz").metadata == {}
    assert ml.Arrays({"a": np.zeros(1)}).metadata == {}


@pytest.mark.parametrize("name", ["a", "a.bin", "a.pth", "a.onnx", "npz"])
def test_another_suffix_is_refused_before_anything_is_written(name, tmp_path):
    suffix = re.escape(name[1:] if "." in name else "none")
    with pytest.raises(ml.FormatError, match=rf"expected \.npz or \.safetensors, got {suffix}$"):
        ml.save_arrays(tmp_path / name, {"a": np.zeros(1)})
    with pytest.raises(ml.FormatError, match=rf"expected \.npz or \.safetensors, got {suffix}$"):
        network().save_weights(tmp_path / name)
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("name", ["m", "m.h5", "m.pt"])
def test_another_suffix_of_a_model(name, tmp_path):
    suffix = re.escape(name[1:] or "none")
    with pytest.raises(ml.FormatError, match=rf"expected \.npz, \.safetensors or \.onnx, got {suffix}$"):
        network().save(tmp_path / name)
    assert not [*tmp_path.iterdir()]


def test_capital_suffixes_and_names_that_are_unlike_the_content(tmp_path):
    model = network()
    model.save(tmp_path / "MODEL.NPZ")
    (tmp_path / "MODEL.NPZ").rename(tmp_path / "model.onnx")
    np.testing.assert_array_equal(ml.load(tmp_path / "model.onnx")(X), model(X))


@pytest.mark.parametrize("through", ["path", "file"])
def test_a_model_in_a_safetensors_file(tmp_path, through):
    pytest.importorskip("safetensors")
    model, path = network(), tmp_path / "m.safetensors"
    model.preprocessing = ml.datasets.Preprocessing(("a", "b"), (4, 4), grey=True)
    model.save(path)
    with open(path, "rb") as file:
        again = ml.load(path if through == "path" else file)
    np.testing.assert_array_equal(again(X), model(X))
    assert repr(again) == repr(model)
    assert again.preprocessing == model.preprocessing
    assert set(ml.load_arrays(path)) == set(model.state_dict())
    assert list(ml.load_arrays(path).metadata) == ["format", "model", "preprocessing"]
    other = network(seed=1)
    other.load_weights(path)
    np.testing.assert_array_equal(other(X), model(X))


@pytest.mark.parametrize("through", ["path", "file"])
def test_an_onnx_model(tmp_path, through):
    (tmp_path / "m").write_bytes(onnx_model())
    with open(tmp_path / "m", "rb") as file:
        model = ml.load(tmp_path / "m" if through == "path" else file)
    assert isinstance(model, ml.Graph)
    x = np.array([[-1, 2], [3, -4]], np.float32)
    np.testing.assert_array_equal(model(x), np.maximum(x, 0))


def test_arrays_go_through_either_kind_of_file(tmp_path):
    pytest.importorskip("safetensors")
    arrays = {"b": np.arange(6, dtype=np.int64).reshape(2, 3), "a": np.ones((2, 2), np.float32).T, "c": np.array(True)}
    for name in ("m.npz", "m.safetensors"):
        ml.save_arrays(tmp_path / name, arrays, metadata={"of": ["tests", 1]})
        found = ml.load_arrays(tmp_path / name)
        assert found.metadata == {"of": ["tests", 1]}
        assert set(found) == set(arrays)
        for key, value in arrays.items():
            np.testing.assert_array_equal(found[key], value)
            assert found[key].dtype == value.dtype


@pytest.mark.parametrize("extra", ["onnx", "safetensors"])
def test_without_an_extra_the_error_names_it(extra, tmp_path, monkeypatch):
    content = onnx_model() if extra == "onnx" else safetensors()
    (tmp_path / f"m.{extra}").write_bytes(content)
    for name in [each for each in sys.modules if each.split(".")[0] == extra]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, extra, None)
    with pytest.raises(ImportError, match=rf'pip install "minidl\[{extra}\]"'):
        ml.load(tmp_path / f"m.{extra}")


def test_options_of_onnx_alone(tmp_path):
    with pytest.raises(ValueError, match=r"opset, fold: only for \.onnx files, got .*m\.npz"):
        network().save(tmp_path / "m.npz", opset=17, fold=True)
    network().save(tmp_path / "m.npz")
    with pytest.raises(ValueError, match=r"input_shape: only for ONNX models; .*m\.npz is arrays in"):
        ml.load(tmp_path / "m.npz", input_shape=(1, 4, 4))


@pytest.mark.parametrize("content", [LEGACY, zipped("archive/data.pkl")])
def test_weights_without_a_network(content, tmp_path):
    (tmp_path / "weights.pth").write_bytes(content)
    with pytest.raises(ml.FormatError, match=r"weights\.pth: it is a PyTorch file: it has arrays without"):
        ml.load(tmp_path / "weights.pth")
    ml.save_arrays(tmp_path / "weights.npz", {"a": np.zeros(1)})
    with pytest.raises(ml.FormatError, match=r"not a model that minidl saved; it has arrays without a network: build"):
        ml.load(tmp_path / "weights.npz")


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
@pytest.mark.parametrize(
    ("arrays", "kind", "message"),
    [
        ([np.zeros(1)], TypeError, "arrays: expected a dict of names and arrays, got list"),
        ("weights.npz", TypeError, "arrays: expected a dict of names and arrays, got str"),
        ({1: np.zeros(1)}, ValueError, "1 can't be the name of a saved array"),
    ],
)
def test_what_no_file_holds(arrays, kind, message, suffix, tmp_path):
    with pytest.raises(kind, match=f"^{message}"):
        ml.save_arrays(tmp_path / f"m{suffix}", arrays)


def test_a_network_where_arrays_are_wanted(tmp_path):
    (tmp_path / "m.onnx").write_bytes(onnx_model())
    with pytest.raises(ml.FormatError, match=r"m\.onnx: it is an ONNX model: minidl.load reads it"):
        ml.load_arrays(tmp_path / "m.onnx")


@pytest.mark.parametrize("read", [ml.load, ml.load_arrays])
def test_a_single_array(read):
    with pytest.raises(ml.FormatError, match=r"it is a single array \(\.npy\): numpy.load reads it"):
        read(io.BytesIO(npy()))


def test_open_files_are_npz():
    buffer = io.BytesIO()
    network().save(buffer)
    assert buffer.getvalue()[:2] == b"PK"


def test_a_checkpoints_suffix_is_known_before_training(tmp_path):
    model = network()
    for options, known in (({}, r"\.npz, \.safetensors or \.onnx"), ({"save_weights_only": True}, r"\.npz or \.s")):
        callback = ml.ModelCheckpoint(tmp_path / "model.h5", **options)
        with pytest.raises(ml.FormatError, match=rf"model\.h5: .* expected {known}"):
            ml.fit(
                model, X, np.zeros(len(X), int), loss=ml.CrossEntropy(), optimizer=ml.Adam(model.parameters()),
                callbacks=[callback], verbose=0,
            )  # fmt: skip


def test_the_face_loads_none_of_the_extras(run_python):
    names = ("onnx", "safetensors", "sklearn", "tensorboardX", "tensorboard", "torch", "google.protobuf")
    program = "import sys, minidl as ml\nml.load, ml.load_arrays, ml.fit\n"
    program += f"print([name for name in {names} if name in sys.modules])"
    assert run_python(program, MINIDL_BACKEND="vectorized").stdout.strip() == "[]"


def test_a_model_goes_out_as_onnx_and_comes_in_again(tmp_path):
    model = network()
    model.preprocessing = ml.datasets.Preprocessing(("a", "b"), (4, 4), grey=True)
    model.save(tmp_path / "m.onnx", opset=18)
    again = ml.load(tmp_path / "m.onnx")
    np.testing.assert_array_equal(again(X), model(X))
    assert again.preprocessing == model.preprocessing
    assert onnx_version(tmp_path / "m.onnx") == 18
    fit(model, epochs=2, callbacks=[ml.ModelCheckpoint(tmp_path / "{epoch}.onnx")])
    np.testing.assert_allclose(ml.load(tmp_path / "2.onnx")(X), model(X), rtol=1e-6)


def onnx_version(path):
    return pytest.importorskip("onnx").load(path).opset_import[0].version
