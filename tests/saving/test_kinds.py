"""A file is told by its content and named for what it is, with what to do about it."""

import io
import pickle
import tarfile
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minidl as ml
from minidl.saving import kinds

onnx = pytest.importorskip("onnx")

LEGACY = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03."


def zipped(*names):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, b"content")
    return buffer.getvalue()


def tarred(*names):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name in names:
            archive.addfile(tarfile.TarInfo(name))
    return buffer.getvalue()


def npz():
    buffer = io.BytesIO()
    np.savez(buffer, a=np.zeros(2))
    return buffer.getvalue()


def npy():
    buffer = io.BytesIO()
    np.save(buffer, np.zeros(2))
    return buffer.getvalue()


def onnx_model(**options):
    node = onnx.helper.make_node("Relu", ["x"], ["y"])
    ends = [onnx.helper.make_tensor_value_info(name, 1, ["n", 2]) for name in "xy"]
    graph = onnx.helper.make_graph([node], "g", ends[:1], ends[1:])
    return onnx.helper.make_model(graph, **options).SerializeToString()


def message(*fields):
    """A message of Protocol Buffers of fields (number, an int or bytes)."""
    out = bytearray()

    def varint(value):
        while value > 127:
            out.append(value & 127 | 128)
            value >>= 7
        out.append(value)

    for number, value in fields:
        varint(number << 3 | 2 * isinstance(value, bytes))
        varint(len(value) if isinstance(value, bytes) else value)
        out.extend(value if isinstance(value, bytes) else b"")
    return bytes(out)


def safetensors():
    header = b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    return len(header).to_bytes(8, "little") + header + bytes(4)


def kind(content):
    file = io.BytesIO(content)
    found = kinds.kind_of(file)
    assert file.tell() == 0
    return found


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (npz(), kinds.NPZ),
        (zipped(), kinds.NPZ),
        (npz()[:-30], kinds.NPZ),  # cut: it's for the reader to say so
        (npy(), kinds.NPY),
        (safetensors(), kinds.SAFETENSORS),
        (safetensors()[:20], kinds.SAFETENSORS),
        (zipped("archive/data.pkl", "archive/data/0", "archive/version"), kinds.TORCH),
        (zipped("archive/data.pkl", "archive/data/0")[:-40], kinds.TORCH),
        (zipped("data.pkl", "data/0"), kinds.TORCH),
        (LEGACY, kinds.TORCH),
        (onnx_model(), kinds.ONNX),
        (onnx_model(producer_name="somebody", doc_string="what it does"), kinds.ONNX),
        (onnx_model()[:-5], kinds.ONNX),
    ],
)
def test_what_minidl_reads(content, expected):
    assert kind(content) is expected


@pytest.mark.parametrize(
    ("content", "words", "help"),
    [
        (b"", "empty", "never finished"),
        (zipped("m/data.pkl", "m/constants.pkl", "m/code/m.py"), "a TorchScript archive", "torch.save(torch.jit.load"),
        (zipped("m/archive_format", "m/models/model.json"), "torch.export", "torch.export.load(path).state_dict()"),
        (zipped("metadata.json", "config.json", "model.weights.h5"), "a Keras file", 'format="onnx"'),
        (zipped("Manifest.json", "Data/com.apple.CoreML/model.mlmodel"), "a Core ML package", "make an ONNX file"),
        (zipped("readme.txt", "net/model.onnx"), "a zip archive", "unpack it first: it has net/model.onnx"),
        (b"\x89HDF\r\n\x1a\n" + bytes(100), "an HDF5 file, as Keras's .h5", "keras.models.load_model"),
        (tarred("sys_info", "pickle", "tensors"), "a PyTorch file of before 2017", "save it again"),
        (tarred("saved_model.pb"), "a tar archive", "unpack"),
        (pickle.dumps({"a": 1}), "a Python pickle", "may run any code"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "a Git LFS pointer", "git lfs pull"),
        (b"\n<!DOCTYPE html><html><body>404</body></html>", "a web page (HTML)", "a download that failed"),
        (b'<?xml version="1.0"?>\n<net name="a" version="11">', "an OpenVINO model (.xml)", "ONNX file"),
        (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code>', "XML", "a download that failed"),
        (b'{"metadata": {}, "weight_map": {"a": "model-1.safetensors"}}', "a list of several safetensors", "each of"),
        (b'{"format": "layers-model", "modelTopology": {}}', "a TensorFlow.js model", "ONNX"),
        (b'{"a": 1}', "JSON", ".npz"),
        (b"\x1c\x00\x00\x00TFL3" + bytes(20), "a TFLite model", "ONNX"),
        (b"\x1c\x00\x00\x00ORTM" + bytes(20), "ONNX Runtime's own format", "the ONNX file that it was made from"),
        (b"GGUF\x03\x00\x00\x00", "a GGUF file", "no such networks"),
        (b"\x1f\x8b\x08\x00", "a gzip archive", "unpack"),
        (b"\x89PNG\r\n\x1a\n", "a picture (PNG)", "read_image"),
        (b'name: "LeNet"\nlayer {\n', "Protocol Buffers' text", "ONNX"),
        (message((1, 1), (2, b"meta graph")), "a TensorFlow SavedModel", "tf2onnx"),
        (message((1, b"node"), (1, b"node"), (4, b"\x08\x01")), "a TensorFlow graph", "tf2onnx"),
        (message((1, b"net"), (100, b"layer")), "a Caffe model", "ONNX"),
        (message((1, 4), (2, b"description"), (500, b"net")), "a Core ML model", "ONNX"),
        (onnx.numpy_helper.from_array(np.ones(3, np.float32)).SerializeToString(), "a single ONNX tensor", "to_array"),
        (b"hello", "no file that minidl knows; it begins with b'hello'", ""),
        (b"\x08", "no file that minidl knows", ""),
    ],
)
def test_what_it_does_not_read_is_named(content, words, help):
    found = kind(content)
    assert words in found.words
    assert help in found.help
    assert not found.name


@given(st.binary(max_size=200), st.sampled_from([b"", b"PK\x03\x04", b"\x08\x07", b"\x80\x02", b"{", b"\x0a"]))
def test_any_content_is_something(content, start):
    assert kind(start + content).words


@pytest.mark.parametrize("read", [ml.load, ml.load_arrays])
def test_the_error_says_what_it_is_and_that_the_suffix_says_otherwise(read, tmp_path):
    for name, unlike in {"m.npz": ", in spite of its suffix .npz", "m.dat": "", "m": ""}.items():
        (tmp_path / name).write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
        with pytest.raises(ml.FormatError) as raised:
            read(tmp_path / name)
        assert str(raised.value) == (
            f"{tmp_path / name}: it is a Git LFS pointer, which stands for a file that isn't there{unlike}: fetch the "
            "file itself, with `git lfs pull` or from its page's download link"
        )


def test_a_torchscript_archive_may_be_called_as_pytorch_calls_it(tmp_path):
    (tmp_path / "m.pt").write_bytes(zipped("m/data.pkl", "m/constants.pkl"))
    with pytest.raises(ml.FormatError, match=r"m\.pt: it is a TorchScript archive: save its state_dict in PyTorch"):
        ml.load(tmp_path / "m.pt")


@pytest.mark.parametrize("read", [ml.load, ml.load_arrays])
def test_folders(read, tmp_path):
    with pytest.raises(ml.FormatError, match="it is a folder: name a file"):
        read(tmp_path)
    (tmp_path / "model.npz").touch()
    with pytest.raises(ml.FormatError, match=r"it is the folder of a run: its model is .*model\.npz"):
        read(tmp_path)
    (tmp_path / "saved_model.pb").touch()
    with pytest.raises(ml.FormatError, match=r"it is a TensorFlow SavedModel: .*tf2onnx"):
        read(tmp_path)


def test_an_open_file_is_named(tmp_path):
    (tmp_path / "page.npz").write_bytes(b"<html>")
    with open(tmp_path / "page.npz", "rb") as file, pytest.raises(ml.FormatError, match=r"page\.npz: it is a web page"):
        ml.load(file)
