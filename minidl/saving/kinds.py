"""What a file is, by its first bytes and not by its name, and what to do with one that minidl doesn't read."""

import os
import re
from typing import IO, NamedTuple

from minidl.errors import FormatError
from minidl.saving.files import size_of

HEAD = 4096
"""Bytes at the beginning that are looked at; of archives it's the names of their members."""


class Kind(NamedTuple):
    """What a file is, in words that stand after "it is", and what helps; `name` is "" where minidl doesn't read it."""

    words: str
    help: str = ""
    name: str = ""
    suffixes: tuple[str, ...] = ()


NPZ = Kind("arrays in an .npz file", name="npz", suffixes=(".npz",))
NPY = Kind("a single array (.npy)", "numpy.load reads it", name="npy", suffixes=(".npy",))
ONNX = Kind("an ONNX model", name="onnx", suffixes=(".onnx",))
SAFETENSORS = Kind("arrays in a safetensors file", name="safetensors", suffixes=(".safetensors",))
TORCH = Kind("a PyTorch file", name="torch", suffixes=(".pt", ".pth", ".th"))

_BY_ONNX = "make an ONNX file of it"
_KERAS = "a Keras file"
_KERAS_HELP = f'{_BY_ONNX}, by Keras itself: keras.models.load_model(path).export("model.onnx", format="onnx")'
_STATE = 'save its state_dict in PyTorch: torch.save({}.state_dict(), "weights.pth")'
_UNPACK = "unpack it first"
_FETCH = "fetch the file itself, with `git lfs pull` or from its page's download link"

MAGIC = (
    (b"\x93NUMPY", NPY),
    (b"\x89HDF\r\n\x1a\n", Kind("an HDF5 file, as Keras's .h5", _KERAS_HELP)),
    (b"version https://git-lfs", Kind("a Git LFS pointer, which stands for a file that isn't there", _FETCH)),
    (b"GGUF", Kind("a GGUF file, of llama.cpp", "minidl has no such networks")),
    (b"\x12\x01\x00\x00\x00\x00\x00\x00", Kind("an MXNet file", f"{_BY_ONNX}, by mxnet.onnx")),
    (b"7767517\n", Kind("an ncnn model", f"take the file that it was made from, or {_BY_ONNX}")),
    (b"\x1f\x8b", Kind("a gzip archive", _UNPACK)),
    (b"BZh", Kind("a bzip2 archive", _UNPACK)),
    (b"\xfd7zXZ\x00", Kind("an xz archive", _UNPACK)),
    (b"\x28\xb5\x2f\xfd", Kind("a Zstandard archive", _UNPACK)),
    (b"7z\xbc\xaf\x27\x1c", Kind("a 7-Zip archive", _UNPACK)),
    (b"Rar!\x1a\x07", Kind("a RAR archive", _UNPACK)),
    (b"\x89PNG\r\n", Kind("a picture (PNG)", "read_image reads it")),
    (b"\xff\xd8\xff", Kind("a picture (JPEG)", "read_image reads it")),
)
"""What begins with bytes of its own."""

AT = (
    (4, b"TFL3", Kind("a TFLite model", f"take the model that it was made from, and {_BY_ONNX}")),
    (4, b"ORTM", Kind("a model in ONNX Runtime's own format (.ort)", "take the ONNX file that it was made from")),
)
"""What has bytes of its own at another place."""

LEGACY = b"\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
"""PyTorch's magic number, as the pickle of an int, after two bytes that name the protocol."""

SAVED_MODEL = Kind(
    "a TensorFlow SavedModel", f"{_BY_ONNX}: python -m tf2onnx.convert --saved-model FOLDER --output m.onnx"
)
KNOWN = "minidl reads .npz, .safetensors, .onnx, and PyTorch's .pt and .pth"


def kind_of(file: IO[bytes]) -> Kind:
    """What a file that `files.reading` gave is; it stands where it stood, at the beginning, afterwards."""
    head = file.read(HEAD)
    try:
        if head[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
            return _archive(file, head)
        return _by_magic(head) or _text(head) or _protobuf(file, size_of(file)) or _unknown(head)
    finally:
        file.seek(0)


def kind_of_folder(path: str | os.PathLike[str]) -> Kind:
    """What a folder is."""
    inside = set(os.listdir(path))
    if "saved_model.pb" in inside:
        return SAVED_MODEL
    if "model.npz" in inside:
        return Kind("the folder of a run", f"its model is {os.path.join(os.fsdecode(path), 'model.npz')}")
    return Kind("a folder", "name a file")


def refusal(shown: str, kind: Kind, wanted: str = KNOWN) -> FormatError:
    """The error that says what a file is, whether its name says otherwise, and what to do."""
    suffix = os.path.splitext(shown)[1].lower()
    known = {each for own in (NPZ, NPY, ONNX, SAFETENSORS, TORCH) for each in own.suffixes}
    unlike = f", in spite of its suffix {suffix}" if suffix in known - set(kind.suffixes) else ""
    return FormatError(f"{shown}: it is {kind.words}{unlike}: {kind.help or wanted}")


def _by_magic(head: bytes) -> Kind | None:
    if not head:
        return Kind("empty", "a download or a copy that was never finished")
    for magic, kind in MAGIC:
        if head.startswith(magic):
            return kind
    for place, magic, kind in AT:
        if head[place : place + len(magic)] == magic:
            return kind
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") < 2**32:
        return SAFETENSORS
    if head[257:262] == b"ustar":
        if any(name in head for name in (b"pickle\0", b"sys_info\0", b"storages\0", b"tensors\0")):
            words = "a PyTorch file of before 2017 (a tar archive)"
            return Kind(words, "load it in PyTorch and save it again", suffixes=TORCH.suffixes)
        return Kind("a tar archive", _UNPACK)
    if head[:1] == b"\x80" and b"\0" < head[1:2] <= b"\5":
        if head[2 : 2 + len(LEGACY)] == LEGACY:
            return TORCH
        return Kind("a Python pickle", "it may run any code, and minidl runs none; save its arrays with save_arrays")
    return None


def _archive(file: IO[bytes], head: bytes) -> Kind:
    """A zip archive, by the names in it; of a damaged one, by its first."""
    import zipfile  # which programs without files needn't load

    try:
        file.seek(0)
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, RuntimeError, UserWarning):
        names = [head[30 : 30 + int.from_bytes(head[26:28], "little")].decode("latin-1")]
    roots = {name.partition("/")[2] if "/" in name else name for name in names}
    if "constants.pkl" in roots or any(name.startswith("code/") for name in roots):
        return Kind("a TorchScript archive", _STATE.format("torch.jit.load(path)"), suffixes=TORCH.suffixes)
    if "data.pkl" in roots:
        return TORCH
    if {"archive_format", "models/model.json"} & roots:
        return Kind("a program that torch.export wrote (.pt2)", _STATE.format("torch.export.load(path)"))
    if "model.weights.h5" in names or ("metadata.json" in names and "config.json" in names):
        return Kind(_KERAS, _KERAS_HELP)
    if any(name.endswith("saved_model.pb") for name in names):
        return Kind("a zip archive of a TensorFlow SavedModel", SAVED_MODEL.help)
    if any(name.startswith("Data/com.apple.CoreML/") for name in names):
        return Kind("a Core ML package", f"take the model that it was made from, and {_BY_ONNX}")
    if not names or any(name.endswith(".npy") for name in names):
        return NPZ
    inside = [name for name in names if name.endswith((".onnx", ".safetensors", ".pt", ".pth", ".npz"))]
    return Kind("a zip archive", f"unpack it first: it has {inside[0]}") if inside else NPZ


def _text(head: bytes) -> Kind | None:
    """What is text and says what it is."""
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    lower = start[:200].lower()
    if lower.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return Kind("a web page (HTML)", "a download that failed; " + _FETCH)
    if lower.startswith((b"<?xml", b"<net", b"<error")):
        if b"<net" in lower:
            return Kind("an OpenVINO model (.xml)", "take the ONNX file that it was made from")
        return Kind("XML", "a download that failed, if it was to be a model")
    if start[:1] in (b"{", b"["):
        if b'"weight_map"' in head:
            return Kind("a list of several safetensors files (JSON)", "load each of the files that it names")
        if b'"modelTopology"' in head or b'"weightsManifest"' in head:
            return Kind("a TensorFlow.js model", f"take the model that it was made from, and {_BY_ONNX}")
        return Kind("JSON", KNOWN)
    if re.match(rb"(name|layer|input|node)\s*[:{]", start):
        return Kind("a network in Protocol Buffers' text, as Caffe's", _BY_ONNX)
    return None


_MODEL_FIELDS = {1: 0, 2: 2, 3: 2, 4: 2, 5: 0, 6: 2, 7: 2, 8: 2, 14: 2, 20: 2, 25: 2, 26: 2}
_TENSOR_FIELDS = {1: (0, 2), 2: (0,), 8: (2,), 9: (2,), 12: (2,)}
FIELDS = 64
"""Fields of a message that are looked at: those of a model are a handful."""


def _protobuf(file: IO[bytes], size: int) -> Kind | None:
    """A message of Protocol Buffers, by the numbers and the types of its fields.

    Source: ModelProto and TensorProto of onnx.proto, NetParameter of caffe.proto, SavedModel and GraphDef of
    TensorFlow, Model of Core ML.
    """
    found = _fields(file, size)
    if not found:
        return None
    numbers = {number for number, _ in found}
    if (7, 2) in found and all(_MODEL_FIELDS.get(number) == kind for number, kind in found):
        return ONNX
    if {(1, 0), (2, 2)} <= set(found) and max(numbers) >= 200:
        return Kind("a Core ML model", f"take the model that it was made from, and {_BY_ONNX}")
    if set(found) == {(1, 0), (2, 2)}:
        return SAVED_MODEL
    if (2, 0) in found and all(kind in _TENSOR_FIELDS.get(number, ()) for number, kind in found):
        return Kind("a single ONNX tensor", "onnx.numpy_helper.to_array makes an array of it")
    if found[0] == (1, 2) and numbers <= {1, 2, 3, 4, 5}:
        return Kind("a TensorFlow graph (.pb)", f"{_BY_ONNX}, by tf2onnx")
    if found[0] == (1, 2) and 100 in numbers:
        return Kind("a Caffe model", _BY_ONNX)
    return None


def _fields(file: IO[bytes], size: int) -> list[tuple[int, int]]:
    """(number, type) of the first fields of a message, () where it isn't one; the last may be cut."""
    found: list[tuple[int, int]] = []
    at = 0
    while at < size and len(found) < FIELDS:
        file.seek(at)
        part = file.read(20)
        key, place = _varint(part, 0)
        value, after = _varint(part, place)
        number, kind = key >> 3, key & 7
        steps = {0: after, 1: place + 8, 2: after + value, 5: place + 4}
        if place < 0 or not number or kind not in steps or (kind in (0, 2) and after < 0):
            return []
        found.append((number, kind))
        at += steps[kind]
    return found


def _varint(part: bytes, start: int) -> tuple[int, int]:
    """A whole number in bytes of 7 bits, and where it ends; below 0 where it doesn't."""
    value = 0
    for i, byte in enumerate(part[max(start, 0) :][:10]):
        value |= (byte & 127) << 7 * i
        if byte < 128:
            return value, max(start, 0) + i + 1
    return 0, -1


def _unknown(head: bytes) -> Kind:
    return Kind(f"no file that minidl knows; it begins with {head[:16]!r}")
