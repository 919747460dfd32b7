"""PyTorch's files: the tensors that are in them come out, and files of other kinds are named."""

import hashlib
import io
import json
import pickle
import tarfile
import zipfile
from pathlib import Path

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minidl as ml
from minidl.errors import FormatError
from minidl.saving.torch_file import load_torch
from tests.saving import torch_files as files
from tests.saving.torch_files import Code, call, contiguous, legacy, named, ordered, saved, storage, tensor, zipped

DTYPES = st.sampled_from([f"<{code}" if code != "b1" else "?" for code in files.TYPES])
ARRAYS = DTYPES.flatmap(
    lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=3))
)
SHARED = Path(__file__).resolve().parents[3] / "shared" / "models" / "torch"
GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "torch_files.json"


def load(content, **options):
    return load_torch(io.BytesIO(content), **options)


def refused(content, words, **options):
    with pytest.raises(FormatError, match=words) as caught:
        load(content, **options)
    assert str(caught.value).startswith("BytesIO: ")
    assert len(str(caught.value)) < 2000


@given(st.dictionaries(st.sampled_from(["a", "0.weight", "layer.1.bias", "running_mean"]), ARRAYS), st.booleans())
def test_tensors_of_every_type_come_out(arrays, as_legacy):
    found, metadata = load(saved(arrays, as_legacy=as_legacy))
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        want = array.astype(np.float32) if array.dtype == np.float16 else array
        np.testing.assert_array_equal(found[name], want, strict=True)
        assert found[name].flags.c_contiguous
        assert found[name].flags.owndata or found[name].base.flags.owndata
        assert found[name].flags.writeable
    assert metadata["format"] == "pytorch"


@st.composite
def views(draw):
    """(size of a storage, offset, shape, strides) of a view that lies in it."""
    shape = draw(st.lists(st.integers(0, 4), max_size=4))
    strides = [draw(st.integers(0, 7)) for _ in shape]
    offset = draw(st.integers(0, 5))
    last = offset + sum(max(size - 1, 0) * stride for size, stride in zip(shape, strides, strict=True))
    return last + 1 + draw(st.integers(0, 3)), offset, shape, strides


@given(views(), st.booleans())
def test_strided_views_of_a_storage(view, as_legacy):
    size, offset, shape, strides = view
    data = np.arange(size, dtype="<f4")
    root = files.value({"x": tensor(storage("7", "Float", size), offset, shape, strides)})
    content = legacy(root, {"7": (size, data.tobytes())}) if as_legacy else zipped(root, {"7": data.tobytes()})
    found = load(content)[0]["x"]
    flat = data[offset:] if np.prod(shape) else np.zeros(1, "<f4")
    want = np.lib.stride_tricks.as_strided(flat, shape, [4 * stride for stride in strides])
    np.testing.assert_array_equal(found, want, strict=True)
    assert found.flags.c_contiguous


@given(views())
def test_a_view_that_leaves_its_storage_is_refused(view):
    _, offset, shape, strides = view
    last = offset + sum(max(each - 1, 0) * stride for each, stride in zip(shape, strides, strict=True))
    root = files.value({"x": tensor(storage("7", "Float", last), offset, shape, strides)})
    content = zipped(root, {"7": bytes(4 * last)})
    if 0 in shape:
        assert load(content)[0]["x"].shape == tuple(shape)
    else:
        refused(content, rf"x: shape .* reach element {last} of a storage of {last}")


def test_tensors_that_share_a_storage_have_memory_of_their_own():
    of = storage("0", "Float", 6)
    root = files.value(
        {"a": tensor(of, 0, (2, 3), (3, 1)), "b": tensor(of, 3, (3,), (1,)), "t": tensor(of, 0, (3, 2), (1, 3))}
    )
    data = np.arange(6, dtype="<f4")
    found = load(zipped(root, {"0": data.tobytes()}))[0]
    np.testing.assert_array_equal(found["t"], data.reshape(2, 3).T, strict=True)
    found["a"][...] = -1
    np.testing.assert_array_equal(found["b"], [3, 4, 5])


def test_views_of_the_oldest_files():
    """A view has a key of its own, a start and a size in the whole storage."""
    of = storage("0", "Int", 6, (("view", 2, 3),))
    root = files.value({"x": tensor(of, 1, (2,), (1,))})
    found = load(legacy(root, {"0": (6, np.arange(6, dtype="<i4").tobytes())}))[0]
    np.testing.assert_array_equal(found["x"], np.array([3, 4], np.int32), strict=True)
    of = storage("0", "Int", 6, (("view", 2, 5),))
    refused(
        legacy(files.value({"x": tensor(of, 0, (2,), (1,))}), {"0": (6, bytes(24))}), "a view of 5 elements from 2 on"
    )


@pytest.mark.parametrize("shape", [(), (2, 3)])
def test_bfloat16_becomes_float32(shape):
    want = np.full(shape, -1.5, np.float32)
    size = want.size
    data = (want.view(np.uint32) >> 16).astype("<u2").tobytes()
    strides = [stride // 4 for stride in want.strides]
    root = files.value({"x": tensor(storage("0", "BFloat16", size), 0, shape, strides)})
    for content in (zipped(root, {"0": data}), legacy(root, {"0": (size, data)})):
        np.testing.assert_array_equal(load(content)[0]["x"], want, strict=True)


@pytest.mark.parametrize(("name", "dtype"), [("uint16", "<u2"), ("uint64", "<u8"), ("float32", "<f4"), ("bool", "?")])
def test_tensors_of_untyped_storages(name, dtype):
    want = np.array([1, 0, 1]).astype(dtype)
    rebuild = named("torch._utils", "_rebuild_tensor_v3")
    of = storage("0", "Untyped", want.nbytes)
    made = call(rebuild, of, 1, (2,), (1,), False, ordered({}), named("torch", name))
    np.testing.assert_array_equal(load(zipped(files.value({"x": made}), {"0": want.tobytes()}))[0]["x"], want[1:])


def test_bytes_in_the_other_order():
    want = np.array([1.5, -2.0], np.float32)
    root = files.value({"x": tensor(storage("0", "Float", 2), 0, (2,), (1,))})
    content = zipped(root, {"0": want.astype(">f4").tobytes()}, order="big")
    np.testing.assert_array_equal(load(content)[0]["x"], want, strict=True)
    np.testing.assert_array_equal(load(zipped(root, {"0": want.tobytes()}, order=None))[0]["x"], want, strict=True)
    refused(zipped(root, {"0": want.tobytes()}, order="middle"), "byteorder': expected little or big")


def test_a_compressed_archive_with_another_root():
    arrays = {"x": np.arange(4.0)}
    content = saved(
        arrays, folder="my model", compression=zipfile.ZIP_DEFLATED, more={"my model/.data/serialization_id": "1"}
    )
    np.testing.assert_array_equal(load(content)[0]["x"], arrays["x"], strict=True)


X = np.array([1.5, 2.5], "<f4")
PART, DATA = contiguous("0", X)


def in_file(root):
    return zipped(files.value(root), {"0": DATA})


def test_names_are_the_way_through_dicts_and_lists():
    found, metadata = load(
        in_file({"encoder": {"layers": [{"weight": PART}, {"weight": PART}], 3: PART}, "n": 5, "none": None})
    )
    assert list(found) == ["encoder.layers.0.weight", "encoder.layers.1.weight", "encoder.3"]
    assert metadata == {"format": "pytorch", "key": None, "values": {"n": 5, "none": None}}
    assert list(load(in_file([PART, (PART,)]))[0]) == ["0", "1.0"]
    assert list(load(in_file(PART))[0]) == ["tensor"]
    refused(in_file({"a.b": PART, "a": {"b": PART}}), "two tensors of the name 'a.b'")
    refused(in_file(5), "no tensors in it, but a single value")


@pytest.mark.parametrize("key", ["state_dict", "model", "model_state_dict"])
def test_the_model_is_found_beside_an_optimizer(key):
    optimizer = {"state": {0: {"exp_avg": PART}}, "param_groups": [{"lr": 0.1, "betas": (0.9, 0.999), "params": [0]}]}
    root = {"epoch": 3, "arch": "resnet20", key: ordered({"module.weight": PART}), "optimizer": optimizer, "best": PART}
    found, metadata = load(in_file(root))
    assert list(found) == ["module.weight"]
    assert metadata == {
        "format": "pytorch",
        "key": key,
        "left_out": ["epoch", "arch", "optimizer", "best"],
        "values": {"epoch": 3, "arch": "resnet20"},
    }
    assert list(load(in_file(root), key="optimizer")[0]) == ["state.0.exp_avg"]
    assert list(load(in_file(root), key="")[0]) == [f"{key}.module.weight", "optimizer.state.0.exp_avg", "best"]
    refused(in_file(root), rf"no entry 'ema'; there are: 'epoch', 'arch', '{key}', 'optimizer', 'best'", key="ema")


def test_an_entry_is_chosen_by_its_name(tmp_path):
    path = tmp_path / "checkpoint.pth"
    path.write_bytes(in_file({"state_dict": ordered({"weight": PART}), "optimizer": {"state": {0: {"step": PART}}}}))
    assert list(ml.load_arrays(path)) == ["weight"]
    assert list(ml.load_arrays(path, key="optimizer")) == ["state.0.step"]
    ml.save_arrays(tmp_path / "a.npz", {})
    with pytest.raises(ValueError, match=r"a\.npz: key: a PyTorch file has entries; it is arrays in an \.npz file"):
        ml.load_arrays(tmp_path / "a.npz", key="optimizer")


def test_what_else_pytorch_writes():
    rebuild = named("torch._utils", "_rebuild_tensor")
    parameter = named("torch._utils", "_rebuild_parameter")
    typed = named("torch._tensor", "_rebuild_from_type_v2")
    of = storage("0", "Float", 2)
    root = {
        "old": call(rebuild, of, 0, (2,), (1,)),
        "parameter": call(parameter, PART, True, ordered({})),
        "with attributes": call(
            typed,
            named("torch._utils", "_rebuild_tensor_v2"),
            named("torch", "Tensor"),
            (of, 0, (2,), (1,), False, ordered({})),
            {"a": 1},
        ),
        "pairs": call(named("collections", "OrderedDict"), [["x", PART]]),
        "milestones": call(named("collections", "Counter"), {10: 1}),
        "device": call(named("torch", "device"), "cuda"),
        "size": call(named("torch", "Size"), (2, 3)),
        "dtype": named("torch", "float32"),
        "set": call(named("__builtin__", "set"), [1, 2]),
    }
    found, _ = load(in_file(root))
    assert list(found) == ["old", "parameter", "with attributes", "pairs.x"]
    for array in found.values():
        np.testing.assert_array_equal(array, X, strict=True)


def test_instructions_of_later_protocols():
    """torch.save(..., pickle_protocol=4)."""

    def short(text):
        return b"\x8c" + bytes([len(text)]) + text

    frame = b"\x95" + bytes(8)
    kind = short(b"torch") + b"\x94" + short(b"FloatStorage") + b"\x94\x93\x94"
    of = b"(" + short(b"storage") + kind + short(b"0") + short(b"cpu") + b"K\2tQ"
    made = short(b"torch._utils") + short(b"_rebuild_tensor_v2") + b"\x93(" + of + b"K\0K\2\x85K\1\x85\x89" + b"Nt\x94R"
    content = zipped(b"\x80\4" + frame + b"}\x94" + short(b"x") + made + b"s.", {"0": DATA})
    np.testing.assert_array_equal(load(content)[0]["x"], X, strict=True)


# What is refused, and how


def tar_of(*names):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as file:
        for name in names:
            file.addfile(tarfile.TarInfo(name))
    return stream.getvalue()


def whole_module(as_legacy):
    net = Code(named("torchvision.models.resnet", "ResNet") + b")\x81" + files.value({"training": True}) + b"b")
    return legacy(net, {}) if as_legacy else zipped(net, {})


OTHER_KINDS = {
    "a tar archive": (tar_of("sys_info", "pickle", "storages", "tensors"), r"before 2017 \(a tar archive\): load it"),
    "TorchScript": (
        zipped(files.value({}), {}, more={"archive/constants.pkl": b"", "archive/code/__torch__.py": b""}),
        "it is a TorchScript archive: save its state_dict",
    ),
    "a module": (whole_module(False), r"names 'torchvision\..*ResNet': it holds a whole pickled module"),
    "an old module": (whole_module(True), r"names 'torchvision\..*ResNet'.* torch\.save\(model\.state_dict"),
    "quantized": (
        in_file({"x": call(named("torch._utils", "_rebuild_qtensor"), 1)}),
        r"tensors of 'torch\._utils\._rebuild_qtensor', which minidl can't read",
    ),
    "float8": (in_file({"x": named("torch", "float8_e4m3fn")}), "tensors of 'torch.float8_e4m3fn'"),
    "another pickle": (pickle.dumps({"a": 1}), "it is a Python pickle: it may run any code, and minidl runs none"),
    "another zip": (zipped(b"N", {}, more={"other/data.pkl": b"N."}), "there is no data.pkl in a single folder"),
    "text": (b"<!DOCTYPE html>", "it is a web page"),
    "nothing": (b"", "it is empty: a download or a copy"),
    "another version": (legacy(files.value({}), {}, protocol=1000), "another version of PyTorch's format than 1001"),
}  # fmt: skip


@pytest.mark.parametrize("kind", OTHER_KINDS)
def test_other_files_are_named_for_what_they_are(kind):
    refused(*OTHER_KINDS[kind])


def damaged(**change):
    """A file with a tensor that has something wrong."""
    given = {"key": "0", "kind": "Float", "size": 2, "offset": 0, "shape": (2,), "strides": (1,)} | change
    of = storage(given["key"], given["kind"], given["size"])
    return files.value({"x": tensor(of, given["offset"], given["shape"], given["strides"])})


DAMAGED = {
    "no storage": ({"key": "1"}, "x: .*it's missing, although a tensor is in it"),
    "a short storage": ({"size": 3}, "x: a storage of 12 bytes, but the file has 8 of it"),
    "a negative offset": ({"offset": -1}, "a tensor's offset: expected an int of at least 0"),
    "a negative stride": ({"strides": (-1,)}, "a tensor's strides: expected an int of at least 0"),
    "a bool for a size": ({"shape": (True,)}, "a tensor's shape: expected an int"),
    "a long int": ({"shape": (2**63,)}, "a tensor's shape: expected an int of at least 0 and less than"),
    "too few strides": ({"strides": ()}, "a tensor of 1 axes with 0 strides"),
    "65 axes": ({"shape": (1,) * 65, "strides": (1,) * 65}, "a tuple of at most 64 ints"),
    "repeated 2**40 times": ({"shape": (2**40,), "strides": (0,)}, r"bytes that expand to \d+, more than 100 times"),
    "repeated beyond count": ({"shape": (2**62,) * 60, "strides": (0,) * 60}, "more than 100 times as many"),
    "bools that are neither": ({"kind": "Bool", "size": 8, "shape": (8,)}, "a bool that is neither 0 nor 1"),
}


@pytest.mark.parametrize("what", DAMAGED)
def test_tensors_that_cannot_be_are_refused(what):
    change, words = DAMAGED[what]
    refused(zipped(damaged(**change), {"0": DATA}), words)


def test_a_stride_that_is_not_walked_along_does_not_matter():
    content = zipped(damaged(shape=(1, 2), strides=(2**62, 1)), {"0": DATA})
    np.testing.assert_array_equal(load(content)[0]["x"], X[None])


def test_a_budget_lets_more_through():
    content = zipped(damaged(shape=(10**6, 2), strides=(0, 1)), {"0": DATA})
    refused(content, "expand")
    assert load(content, budget=ml.Budget(expansion=10**5))[0]["x"].shape == (10**6, 2)


LEGACY_DAMAGE = {
    "the file ends": ({"0": (2, DATA[:7])}, "storage '0': 2 elements, but the file ends before"),
    "a negative size": ({"0": (-1, DATA)}, "storage '0': -1 elements"),
    "a small storage": ({"0": (1, DATA)}, "x: a storage of 8 bytes, but the file has 4 of it"),
    "another key": ({"1": (2, DATA)}, "a storage '1' that no tensor is in"),
    "no storages": ({}, "x: there is no storage '0'"),
}


@pytest.mark.parametrize("what", LEGACY_DAMAGE)
def test_storages_of_old_files_that_cannot_be_are_refused(what):
    storages, words = LEGACY_DAMAGE[what]
    refused(legacy(damaged(), storages), words)


@pytest.mark.parametrize("as_legacy", [False, True])
def test_the_beginning_of_a_file_is_refused(as_legacy):
    content = saved({"a": np.arange(3.0)}, as_legacy=as_legacy)
    for end in range(len(content)):
        with pytest.raises(FormatError):
            load(content[:end])


def in_pickles(*pickles):
    """A file of before PyTorch 1.6 that has these after its magic number."""
    parts = [0x1950A86A20F9469CFC6C, *pickles]
    return b"".join(files.START + files.value(each) + b"." for each in parts)


STRANGE = {
    "keys that are no list": (in_pickles(1001, {}, {}, {}), "its list of storages isn't one of names"),
    "keys that are no texts": (in_pickles(1001, {}, {}, [1]), "its list of storages isn't one of names"),
    "a key twice": (in_pickles(1001, {}, {}, ["0", "0"]), "two storages of one name"),
    "a storage of two sizes": (
        zipped(files.value([storage("0", "Float", 2), storage("0", "Float", 1)]), {"0": DATA}),
        "a storage that is said to be of two types or sizes",
    ),
    "a storage of two types": (
        zipped(files.value([storage("0", "Float", 2), storage("0", "Int", 2)]), {"0": DATA}),
        "a storage that is said to be of two types or sizes",
    ),
    "a storage without a key": (zipped(files.value([storage(0, "Float", 2)]), {"0": DATA}), "without a type or a key"),
    "a view that isn't one": (
        zipped(files.value([storage("0", "Float", 2, (1,))]), {"0": DATA}),
        "a view of a storage",
    ),
    "an untyped tensor": (
        zipped(files.value([tensor(storage("0", "Untyped", 8), 0, (2,), (1,))]), {"0": DATA}),
        "a tensor without an element type",
    ),
    "a typed tensor of nothing": (
        zipped(call(named("torch._utils", "_rebuild_tensor_v3"), 1, 2, (), (), False, {}, 3), {"0": DATA}),
        "a tensor without a storage, or without an element type",
    ),
}


@pytest.mark.parametrize("what", STRANGE)
def test_strange_files_are_refused(what):
    refused(*STRANGE[what])


@given(data=st.data(), as_legacy=st.booleans())
def test_a_damaged_file_is_refused_or_sound(data, as_legacy):
    content = bytearray(saved({"a": np.arange(3.0), "b": np.ones((2, 2), "<f4")}, as_legacy=as_legacy))
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        found, _ = load(
            bytes(content[: data.draw(st.integers(0, len(content)))] if data.draw(st.booleans()) else content)
        )
    except FormatError:
        return
    for array in found.values():
        assert array.nbytes <= 100 * len(content) + 2**20
        repr(array)


# Files that others wrote, and what PyTorch reads in them: tests/golden/make_torch_files.py


def digest(arrays):
    """Of names, shapes and numbers, in their order."""
    told = hashlib.sha256()
    for name, array in arrays.items():
        told.update(f"{name} {array.shape} {array.dtype} ".encode())
        told.update(np.ascontiguousarray(array).tobytes())
    return told.hexdigest()


@pytest.mark.skipif(not SHARED.exists(), reason="needs files that others trained, which aren't part of the project")
@pytest.mark.parametrize("name", json.loads(GOLDEN.read_text()))
def test_files_of_others_read_as_pytorch_reads_them(name):
    want = json.loads(GOLDEN.read_text())[name]
    if want == "refused":
        with pytest.raises(FormatError):
            load_torch(SHARED / name)
    else:
        assert digest(load_torch(SHARED / name)[0]) == want
