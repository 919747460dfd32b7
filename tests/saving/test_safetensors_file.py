"""Safetensors files: what is saved comes back, what others wrote is read, what is hostile is refused."""

import io
import json
import re
import struct
import sys
from pathlib import Path

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minidl as ml
from minidl.errors import DTypeError, FormatError
from minidl.saving.safetensors_file import load_safetensors, save_safetensors

safetensors_numpy = pytest.importorskip("safetensors.numpy")

DTYPES = st.sampled_from(
    ["<f8", ">f8", "<f4", ">f4", "<f2", "<i8", ">i4", "<i2", "i1", "<u8", "<u4", ">u2", "u1", "?", "<c8"]
)
ARRAYS = DTYPES.flatmap(
    lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4))
)
NAMES = st.text(min_size=1, max_size=5).filter(lambda name: name.isprintable())
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
SHARED = Path(__file__).resolve().parents[3] / "shared" / "models" / "torch"


def reordered(array, order):
    """The same values behind other strides."""
    if order == "F":
        return np.asfortranarray(array) if array.ndim else array
    if order == "reversed" and array.ndim:
        return np.ascontiguousarray(array[::-1])[::-1]
    if order == "every second" and array.ndim:
        return np.repeat(array, 2, axis=-1)[..., ::2]
    return array


@given(
    st.dictionaries(NAMES, st.tuples(ARRAYS, st.sampled_from(["C", "F", "reversed", "every second"])), max_size=4),
    st.none() | st.dictionaries(st.text(), JSON),
)
def test_what_is_saved_comes_back(arrays, metadata):
    """Also of strides that the package by itself writes wrongly."""
    given = {name: reordered(array, order) for name, (array, order) in arrays.items()}
    file = io.BytesIO()
    save_safetensors(file, given, metadata=metadata)
    found, told = load_safetensors(io.BytesIO(file.getvalue()))
    assert told == ({} if metadata is None else json.loads(json.dumps(metadata)))
    assert set(found) == set(given)
    others = safetensors_numpy.load(file.getvalue())
    for name, array in given.items():
        np.testing.assert_array_equal(found[name], array.astype(array.dtype.newbyteorder("=")), strict=True)
        np.testing.assert_array_equal(others[name], array)
        assert found[name].flags.writeable
        assert found[name].flags.c_contiguous


def test_the_same_arrays_give_the_same_bytes(tmp_path):
    for name in ("a.safetensors", "b.safetensors"):
        save_safetensors(
            tmp_path / name, {"b": np.ones(3), "a": np.zeros((2, 2), np.float32)}, metadata={"x": [1, None]}
        )
    content = (tmp_path / "a.safetensors").read_bytes()
    assert content == (tmp_path / "b.safetensors").read_bytes()
    assert safetensors_numpy.load(content).keys() == {"a", "b"}


@pytest.mark.parametrize("dtype", [np.complex128, np.longdouble, object, "U3", "M8[s]"])
def test_what_the_format_has_no_word_for_is_refused_before_work(tmp_path, dtype):
    with pytest.raises(DTypeError, match=r"array 'x': a safetensors file can't hold"):
        save_safetensors(tmp_path / "x.safetensors", {"x": np.zeros(2, dtype)})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["", "__metadata__", "x" * 1025])
def test_names_that_cannot_be(tmp_path, name):
    with pytest.raises(ValueError, match="can't be the name of a saved array"):
        save_safetensors(tmp_path / "x.safetensors", {name: np.zeros(2)})


def test_metadata_that_json_cannot_hold(tmp_path):
    with pytest.raises(TypeError):
        save_safetensors(tmp_path / "x.safetensors", {}, metadata={"x": object()})
    with pytest.raises(ValueError, match="bytes of metadata, more than"):
        save_safetensors(tmp_path / "x.safetensors", {}, metadata={"x": "a" * 2**24})
    nested = []
    for _ in range(100_000):
        nested = [nested]
    with pytest.raises(ValueError, match="the metadata is nested too deeply"):
        save_safetensors(tmp_path / "x.safetensors", {}, metadata={"x": nested})
    assert list(tmp_path.iterdir()) == []


def file_of(header, data=b""):
    text = header.encode() if isinstance(header, str) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def entry(dtype="F32", shape=(1,), offsets=(0, 4)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


def test_bfloat16_becomes_float32():
    found, _ = load_safetensors(io.BytesIO(file_of({"x": entry("BF16", (2, 1))}, b"\xc0\x3f\x00\xc0")))
    np.testing.assert_array_equal(found["x"], np.array([[1.5], [-2.0]], np.float32), strict=True)


def test_metadata_of_others_are_texts_by_name():
    content = file_of({"__metadata__": {"format": "pt", "epoch": "3"}, "x": entry()}, bytes(4))
    assert load_safetensors(io.BytesIO(content))[1] == {"format": "pt", "epoch": "3"}


def test_arrays_come_in_the_order_of_the_file():
    content = file_of({"b": entry(offsets=(4, 8)), "a": entry(offsets=(8, 12)), "c": entry()}, bytes(12))
    assert list(load_safetensors(io.BytesIO(content))[0]) == ["c", "b", "a"]


TOLD = json.dumps(entry())
REFUSED = {
    "nothing": (b"", "not a safetensors file"),
    "another file": (b"PK\3\4" + bytes(100), "not a safetensors file"),
    "a header longer than the file": (struct.pack("<Q", 100) + b"{}", "cut short: it ends before its header does"),
    "a header of nothing": (struct.pack("<Q", 0) + b"{}", "not a safetensors file"),
    "a long header": (struct.pack("<Q", 2**24 + 1) + b"{}" + b" " * 2**24, "header is longer than 16777216 bytes"),
    "no text": (struct.pack("<Q", 2) + b"\xff\xff", "its header isn't text"),
    "no JSON": (file_of("{]"), "Expecting property name"),
    "a list": (file_of("[]"), "doesn't describe arrays by their names"),
    "a number": (file_of('{"x": 1}'), "doesn't describe arrays by their names"),
    "deep": (file_of('{"x":' * 100_000), "nested too deeply"),
    "a long number": (file_of('{"x": ' + "1" * 10_000 + "}"), "Exceeds the limit"),
    "a name twice": (file_of(f'{{"x": {TOLD}, "y": {TOLD}, "x": {TOLD}}}', bytes(4)), "its header has 'x' twice"),
    "metadata twice": (file_of('{"__metadata__": {"a": "1", "a": "2"}}'), "its header has 'a' twice"),
    "a long name": (file_of({"x" * 1025: entry()}, bytes(4)), "a name of 1025 characters"),
    "a hole": (file_of({"x": entry(offsets=(4, 8))}, bytes(8)), "invalid offset"),
    "what is left over": (file_of({"x": entry()}, bytes(5)), "not fully covered"),
    "too little": (file_of({"x": entry()}, bytes(3)), "x|not fully covered|offset"),
    "offsets backwards": (file_of({"x": entry("BF16", offsets=(4, 0))}, bytes(4)), "offsets that aren't two numbers"),
    "offsets of another kind": (file_of({"x": entry("BF16", offsets=("a", 4))}, bytes(4)), "offsets that aren't two"),
    "a shape of another size": (file_of({"x": entry(shape=(2,))}, bytes(4)), "invalid|shape"),
    "a shape beyond count": (file_of({"x": entry(shape=(2**62, 2**62))}, bytes(4)), "overflow"),
    "65 axes": (file_of({"x": entry(shape=(1,) * 65)}, bytes(4)), "x: maximum supported dimension"),
    "float8": (file_of({"x": entry("F8_E4M3", (4,))}, bytes(4)), "x: elements of F8_E4M3, which NumPy doesn't have"),
    "an unknown type": (file_of({"x": entry("F3")}, bytes(4)), "unknown variant `F3`"),
    "bools that are neither": (file_of({"x": entry("BOOL", (4,))}, b"\0\1\2\0"), "x: a bool that is neither 0 nor 1"),
    "metadata that aren't JSON": (file_of({"__metadata__": {"minidl": "{"}}), "Expecting property name"),
    "metadata that are a list": (file_of({"__metadata__": {"minidl": "[]"}}), "metadata is a JSON object, got list"),
    "deep metadata": (file_of({"__metadata__": {"minidl": "[" * 100_000}}), "its metadata is nested too deeply"),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_is_refused(what):
    content, words = REFUSED[what]
    with pytest.raises(FormatError, match=words) as caught:
        load_safetensors(io.BytesIO(content))
    assert str(caught.value).startswith("BytesIO: ")
    assert len(str(caught.value)) < 2000


def test_a_budget_is_kept():
    content = file_of({"x": entry("BF16", (1000,), (0, 2000))}, bytes(2000))
    with pytest.raises(FormatError, match="bytes of arrays, more than the 3000 allowed"):
        load_safetensors(io.BytesIO(content), budget=ml.Budget(arrays=3000))
    assert load_safetensors(io.BytesIO(content), budget=ml.Budget(arrays=5000))[0]["x"].nbytes == 4000


def test_without_the_package_the_error_names_the_extra(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "safetensors", None)
    wanted = re.escape('pip install "minidl[safetensors]"')
    with pytest.raises(ImportError, match=wanted):
        save_safetensors(tmp_path / "x.safetensors", {})
    with pytest.raises(ImportError, match=wanted):
        load_safetensors(tmp_path / "x.safetensors")


@given(data=st.data())
def test_a_damaged_file_is_refused_or_sound(data):
    file = io.BytesIO()
    save_safetensors(file, {"a": np.arange(3.0), "b": np.ones((2, 2), "<f4")}, metadata={"x": 1})
    content = bytearray(file.getvalue())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        found, _ = load_safetensors(io.BytesIO(bytes(content)))
    except FormatError:
        return
    for array in found.values():
        repr(array)


@pytest.mark.skipif(not SHARED.exists(), reason="needs files that others trained, which aren't part of the project")
def test_a_file_of_others():
    found, _ = load_safetensors(SHARED / "burn" / "mnist.safetensors")
    want = safetensors_numpy.load_file(SHARED / "burn" / "mnist.safetensors")
    assert found.keys() == want.keys()
    for name, array in want.items():
        np.testing.assert_array_equal(found[name], array, strict=True)
