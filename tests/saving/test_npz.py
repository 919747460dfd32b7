"""Named arrays in .npz files: what we write comes back, what others wrote is read, what is hostile is refused."""

import json
import os
import re
import struct
import tempfile
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minidl.errors import DTypeError, FormatError
from minidl.saving import npz
from minidl.saving.npz import load_array, load_arrays, save_arrays

DTYPES = st.one_of(
    hnp.boolean_dtypes(),
    hnp.integer_dtypes(endianness="?"),
    hnp.unsigned_integer_dtypes(endianness="?"),
    hnp.floating_dtypes(endianness="?"),
    hnp.complex_number_dtypes(endianness="?"),
    st.just(np.dtype(np.longdouble)),
)
ARRAYS = DTYPES.flatmap(
    lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4))
)
NAMES = st.from_regex(r"[0-9]\.(weight|bias|Größe)|[a-z .]{1,3}", fullmatch=True).filter(lambda name: ".." not in name)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def reordered(array, order):
    """The same values behind other strides."""
    if order == "F":
        return np.asfortranarray(array) if array.ndim else array
    if order == "channels last" and array.ndim == 4:
        return np.ascontiguousarray(array.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    if order == "reversed" and array.ndim:
        return np.ascontiguousarray(array[::-1])[::-1]
    if order == "every second" and array.ndim:
        return np.repeat(array, 2, axis=-1)[..., ::2]
    if order == "read-only":
        array = array.copy()
        array.flags.writeable = False
    return array


ORDERS = st.sampled_from(["C", "F", "channels last", "reversed", "every second", "read-only"])


def assert_same(actual, expected):
    assert actual.dtype == expected.dtype.newbyteorder("=")
    assert actual.dtype.isnative
    assert actual.shape == expected.shape
    assert actual.flags.writeable
    np.testing.assert_array_equal(actual, expected)


def npy_header(descr="'<f4'", fortran_order="False", shape="(4,)", *, text=None, version=(1, 0), length=None):
    """The header of a .npy file with anything in it."""
    if text is None:
        text = f"{{'descr': {descr}, 'fortran_order': {fortran_order}, 'shape': {shape}, }}\n"
    content = text.encode("latin1")
    length = len(content) if length is None else length
    return b"\x93NUMPY" + bytes(version) + length.to_bytes(2 if version == (1, 0) else 4, "little") + content


GOOD = npy_header() + np.arange(4, dtype="<f4").tobytes()


def zip_of(*members):
    """A zip file by hand: each member a dict of its name and data, and of the fields that lie about them."""
    body, directory = b"", b""
    for member in members:
        data = member.get("data", GOOD)
        method = member.get("method", 0)
        if method == 8:
            packer = zlib.compressobj(9, zlib.DEFLATED, -15)
            packed = packer.compress(data) + packer.flush()
        else:
            packed = data
        name = member.get("name", "a.npy").encode()
        fields = struct.pack(
            "<HHHHHIIIHH",
            20,
            member.get("flags", 0),
            method,
            0,
            0x21,
            member.get("crc", zlib.crc32(data)),
            member.get("compress_size", len(packed)),
            member.get("file_size", len(data)),
            len(name),
            0,
        )
        offset = member.get("offset", len(body))
        directory += b"PK\1\2" + struct.pack("<H", 20) + fields + struct.pack("<HHHII", 0, 0, 0, 0, offset) + name
        body += b"PK\3\4" + fields + name + packed
    end = struct.pack("<HHHHIIH", 0, 0, len(members), len(members), len(directory), len(body), 0)
    return body + directory + b"PK\5\6" + end


def refuse(path, content, words, load=load_arrays, member=None, memory=2 * 2**20):
    """Loading `content` takes little memory and is a FormatError that names the file, the member and the reason."""
    path.write_bytes(content)
    tracemalloc.start()
    try:
        with pytest.raises(FormatError) as caught:
            load(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert re.search(words, message), message
    assert member is None or f"member {member!r}: " in message
    assert peak < memory


# Round trips


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(NAMES, st.tuples(ARRAYS, ORDERS), max_size=4), st.none() | st.dictionaries(st.text(), JSON))
def test_what_is_saved_comes_back(arrays, metadata):
    arrays = {name: reordered(array, order) for name, (array, order) in arrays.items()}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.npz")
        save_arrays(path, arrays, metadata=metadata)
        loaded, loaded_metadata = load_arrays(path)
        with np.load(path) as by_numpy:
            for name, array in arrays.items():
                np.testing.assert_array_equal(by_numpy[name], array)
            assert ("__metadata__" in by_numpy.files) == (metadata is not None)
            if metadata is not None:
                assert json.loads(by_numpy["__metadata__"].tobytes()) == metadata
    assert list(loaded) == list(arrays)
    for name, array in arrays.items():
        assert_same(loaded[name], array)
    assert loaded_metadata == (metadata or {})


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(NAMES, ARRAYS, max_size=3), st.sampled_from([np.savez, np.savez_compressed]))
def test_files_by_numpy(arrays, save):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "numpy.npz")
        save(path, **arrays)
        loaded, metadata = load_arrays(path)
    assert metadata == {}
    assert list(loaded) == list(arrays)
    for name, array in arrays.items():
        assert_same(loaded[name], array)


@settings(max_examples=50, deadline=None)
@given(ARRAYS, ORDERS)
def test_one_array_by_numpy(array, order):
    array = reordered(array, order)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "one.npy")
        np.save(path, array)
        assert_same(load_array(path), array)


@pytest.mark.parametrize("save", [save_arrays, lambda path, arrays: np.savez_compressed(path, **arrays)])
def test_arrays_longer_than_a_chunk(tmp_path, save):
    array = np.random.default_rng(0).standard_normal((3, 123_457)).astype(np.float32)
    path = tmp_path / "long.npz"
    save(path, {"a": array, "b": array.T})
    loaded, _ = load_arrays(path)
    np.testing.assert_array_equal(loaded["a"], array)
    np.testing.assert_array_equal(loaded["b"], array.T)


def test_loading_takes_hardly_more_memory_than_the_arrays(tmp_path):
    path = tmp_path / "large.npz"
    save_arrays(path, {"a": np.zeros(2**21, "<f8"), "b": np.zeros((2**10, 2**10), ">f8", order="F")})
    tracemalloc.start()
    try:
        load_arrays(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 24 * 2**20 + 2**20


def test_version_two_and_other_ways_to_write_a_header(tmp_path):
    path = tmp_path / "one.npy"
    for header in (
        npy_header(version=(2, 0)),
        npy_header(text='{"shape": (4,), "fortran_order": False, "descr": "<f4"}'),
        npy_header(text="{'descr':'<f4','fortran_order':True,'shape':(4,)}" + " " * 500),
    ):
        path.write_bytes(header + GOOD[-16:])
        np.testing.assert_array_equal(load_array(path), np.arange(4, dtype=np.float32))


def test_nan_and_infinity_survive(tmp_path):
    path = tmp_path / "model.npz"
    save_arrays(path, {"a": np.array([np.nan, np.inf])}, metadata={"loss": float("nan"), "best": float("-inf")})
    arrays, metadata = load_arrays(path)
    np.testing.assert_array_equal(arrays["a"], [np.nan, np.inf])
    assert np.isnan(metadata["loss"])
    assert metadata["best"] == float("-inf")


# Saving


def test_the_same_arrays_give_the_same_bytes(tmp_path, monkeypatch):
    arrays = {"0.weight": np.ones((2, 3), np.float32), "0.bias": np.zeros(2)}
    save_arrays(tmp_path / "first.npz", arrays, metadata={"epoch": 1})
    monkeypatch.setattr("time.time", lambda: 2e9)
    save_arrays(tmp_path / "second", arrays, metadata={"epoch": 1})
    assert (tmp_path / "first.npz").read_bytes() == (tmp_path / "second").read_bytes()
    assert sorted(os.listdir(tmp_path)) == ["first.npz", "second"]


@pytest.mark.parametrize(
    "name", ["", "a/b", "a\\b", "..", "a..b", "a\0b", "a\nb", "\ud800", "x" * 2000, "__metadata__"]
)
def test_names_that_cannot_be_saved(tmp_path, name):
    with pytest.raises(ValueError, match="can't be the name of a saved array"):
        save_arrays(tmp_path / "model.npz", {"fine": np.zeros(1), name: np.zeros(1)})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "array",
    [
        np.array([None]),
        np.array(["text"]),
        np.array([b"bytes"]),
        np.zeros(1, "f4,i4"),
        np.zeros(1, "V4"),
        np.zeros(1, "M8[s]"),
        np.zeros(1, "m8[s]"),
    ],
)
def test_dtypes_that_cannot_be_saved(tmp_path, array):
    with pytest.raises(DTypeError, match="array 'strange': only numbers and bools"):
        save_arrays(tmp_path / "model.npz", {"fine": np.zeros(1), "strange": array})
    assert list(tmp_path.iterdir()) == []


def nested(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("metadata", "error", "words"),
    [
        ({"a": object()}, TypeError, "object"),
        ({"a": np.zeros(2)}, TypeError, "ndarray"),
        ({"a": nested(100_000)}, ValueError, "too deeply"),
        ({"a": "x" * 2**24}, ValueError, "bytes of metadata"),
    ],
)
def test_metadata_that_cannot_be_saved(tmp_path, metadata, error, words):
    with pytest.raises(error, match=words):
        save_arrays(tmp_path / "model.npz", {"fine": np.zeros(1)}, metadata=metadata)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("function", ["os.replace", "minidl.saving.npz.npy.write_array"])
def test_an_interrupted_save_leaves_the_old_file(tmp_path, monkeypatch, function):
    path = tmp_path / "model.npz"
    save_arrays(path, {"a": np.arange(3)})
    old = path.read_bytes()

    def fail(*_args, **_kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(function, fail)
    with pytest.raises(KeyboardInterrupt):
        save_arrays(path, {"a": np.arange(4)})
    assert path.read_bytes() == old
    assert list(tmp_path.iterdir()) == [path]


# Files that aren't there


@pytest.mark.parametrize("load", [load_arrays, load_array])
def test_a_missing_file_and_a_folder_keep_their_errors(tmp_path, load):
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "missing.npz")
    with pytest.raises(IsADirectoryError if os.name != "nt" else PermissionError):
        load(tmp_path)


# Hostile archives


@pytest.mark.parametrize("content", [b"", b"not a zip", GOOD, zip_of({})[:-1], zip_of({})[:60]])
def test_files_that_are_not_archives(tmp_path, content):
    refuse(tmp_path / "model.npz", content, "not a zip archive, or one that was cut short|central directory")


def test_an_archive_without_its_beginning(tmp_path):
    refuse(tmp_path / "model.npz", zip_of({})[60:], "begins outside the file", member="a.npy")


@pytest.mark.parametrize(
    ("member", "words"),
    [
        ({"name": "folder/a.npy"}, "'/' in it"),
        ({"name": "../a.npy"}, "'/' in it"),
        ({"name": "/a.npy"}, "'/' in it"),
        ({"name": "..\\a.npy"}, r"in it"),
        ({"name": "a..npy.npy"}, r"'\.\.' in it"),
        ({"name": ".npy"}, "is empty"),
        ({"name": "a\n.npy"}, "control characters"),
        ({"name": "a.txt"}, "does not end in .npy"),
        ({"flags": 1}, "encrypted"),
        ({"flags": 0x20}, "patched"),
        ({"flags": 0x40}, "encryption"),
        ({"method": 12}, "unsupported compression 12"),
        ({"method": 14}, "unsupported compression 14"),
        ({"method": 99}, "unsupported compression 99"),
        ({"crc": 1}, "CRC"),
        ({"crc": 1, "method": 8}, "CRC"),
        ({"file_size": len(GOOD) - 4}, "two sizes"),
        ({"file_size": 2**30}, "two sizes"),
        ({"file_size": 2**30, "method": 8}, "expand to 1073741824"),
        ({"file_size": 2**30, "compress_size": 2**30}, "expand to"),
        ({"file_size": 2**19, "compress_size": 2**19}, "after the end of the members"),
        ({"file_size": len(GOOD) - 4, "method": 8, "crc": zlib.crc32(GOOD[:-4])}, "needs 16 bytes, got 12"),
        ({"file_size": len(GOOD) + 4, "method": 8}, "needs 16 bytes, got 20"),
        ({"compress_size": 9, "method": 8}, "CRC"),
        # The checksum is that of the short data.
        ({"data": GOOD[:-4], "file_size": len(GOOD), "method": 8}, "the data end after 12 of 16 bytes"),
        ({"offset": 1}, "after the end|Bad magic number"),
        ({"offset": 2**31}, "begins outside the file"),
        ({"data": b""}, "magic string"),
        ({"data": GOOD[:9]}, "header"),
        ({"data": GOOD[:30]}, "header"),
        ({"data": GOOD[:-1]}, "needs 16 bytes, got 15"),
        ({"data": GOOD + b"\0"}, "needs 16 bytes, got 17"),
    ],
)
def test_hostile_members(tmp_path, member, words):
    # The expansion is the whole archive's.
    named = "expand" not in words
    refuse(tmp_path / "model.npz", zip_of(member), words, member=member.get("name", "a.npy") if named else None)


def test_two_members_of_one_name(tmp_path):
    refuse(tmp_path / "model.npz", zip_of({}, {}), "two of this name", member="a.npy")


@pytest.mark.parametrize("offset", [0, 4, 40, 100])
def test_overlapping_members(tmp_path, offset):
    content = zip_of({"name": "a.npy"}, {"name": "b.npy", "offset": offset})
    refuse(tmp_path / "model.npz", content, "overlaps another one", member="b.npy")


def test_a_real_bomb(tmp_path):
    data = npy_header("'|u1'", shape=f"({2**25},)") + bytes(2**25)
    refuse(tmp_path / "model.npz", zip_of({"data": data, "method": 8}), "expand to 335")


def test_a_bomb_in_a_header_of_gigabytes(tmp_path):
    data = npy_header(version=(2, 0), length=2**31) + bytes(2**20)
    refuse(tmp_path / "model.npz", zip_of({"data": data, "method": 8}), "a header of 2147483648 bytes", member="a.npy")


HEADERS = [
    (npy_header(shape=f"({2**40},)"), "needs 4398046511104 bytes"),
    (npy_header(shape=f"({2**31}, {2**31}, {2**31})"), "needs"),
    (npy_header(shape="(" + "9999999999999999999, " * 60 + ")"), "needs"),
    (npy_header(shape="(99999999999999999999999,)"), "doesn't describe"),
    (npy_header(shape="(5,)"), "needs 20 bytes, got 16"),
    (npy_header(shape="(3,)"), "needs 12 bytes, got 16"),
    (npy_header(shape="()"), "needs 4 bytes, got 16"),
    (npy_header(shape="(-4,)"), "doesn't describe"),
    (npy_header(shape="(-2, -2)"), "doesn't describe"),
    (npy_header(shape="4"), "doesn't describe"),
    (npy_header(shape="(4.0,)"), "doesn't describe"),
    (npy_header(shape="(True, 4)"), "doesn't describe"),
    (npy_header(shape="(4, False)"), "doesn't describe"),
    (npy_header(shape="[4]"), "doesn't describe"),
    (npy_header(shape="(" + "1, " * 100 + "4)"), "dimension"),
    (npy_header(fortran_order="1"), "doesn't describe"),
    (npy_header("'|O'"), "doesn't describe"),
    (npy_header("'<U4'"), "doesn't describe"),
    (npy_header("'|S4'"), "doesn't describe"),
    (npy_header("'|V4'"), "doesn't describe"),
    (npy_header("'<M8[s]'"), "doesn't describe"),
    (npy_header("'<f3'"), "doesn't describe"),
    (npy_header("'<f99'"), "doesn't describe"),
    (npy_header("[('a', '<f4')]"), "doesn't describe"),
    (npy_header("('<f4', (1,))"), "doesn't describe"),
    (npy_header("('<f4', (999999999, 999999999))"), "doesn't describe"),
    (npy_header("{}"), "doesn't describe"),
    (npy_header("True"), "doesn't describe"),
    (npy_header(version=(3, 0)), "unsupported version 3.0"),
    (npy_header(version=(0, 9)), "unsupported version 0.9"),
    (npy_header(version=(1, 0), length=65535), "a header of 65535 bytes"),
    (npy_header(version=(2, 0), length=2**32 - 1), "a header of 4294967295 bytes"),
    (npy_header(text=""), "doesn't describe"),
    (npy_header(text="{"), "doesn't describe"),
    (npy_header(text="{}"), "doesn't describe"),
    (npy_header(text="{'shape': (4,)}"), "doesn't describe"),
    (npy_header(text="{'shape': (4,) 'descr'}"), "doesn't describe"),
    (npy_header(text="{4, 4}"), "doesn't describe"),
    (npy_header(text="{{}}"), "doesn't describe"),
    (npy_header(text="__import__('os').abort()"), "doesn't describe"),
    (npy_header(text="{'descr': '<f4', 'fortran_order': False, 'shape': (4L,)}"), "doesn't describe"),
    (npy_header(text="{'descr': '\\d', 'fortran_order': False, 'shape': (4,)}"), "doesn't describe"),
    (npy_header(text="{'descr': '<f4', 'fortran_order': False, 'shape': (4or 4,)}"), "doesn't describe"),
    (npy_header(text="{'descr': 'a4', 'fortran_order': False, 'shape': (4,)}"), "doesn't describe"),
    (npy_header(text="{" + "(" * 4000), "doesn't describe"),
    (npy_header(text="{" * 4000), "doesn't describe"),
    (npy_header(text="{" + "{0:" * 90 + "0" + "}" * 91), "doesn't describe"),
    (npy_header(text="{" + "1" * 4000), "doesn't describe"),
    (npy_header(text="{" + "-" * 4000 + "1}"), "doesn't describe"),
    (npy_header(text="\0" * 100), "doesn't describe"),
    (npy_header(text="\xff" * 100), "doesn't describe"),
    (b"\x93NUMPX" + GOOD[6:], "magic string"),
]


@pytest.mark.parametrize(("header", "words"), HEADERS)
def test_hostile_headers(tmp_path, header, words):
    data = header + GOOD[-16:]
    refuse(tmp_path / "model.npz", zip_of({"data": data}), words, member="a.npy")
    refuse(tmp_path / "model.npz", zip_of({"data": data, "method": 8}), words, member="a.npy")
    refuse(tmp_path / "one.npy", data, words, load=load_array)


@pytest.mark.parametrize("content", [b"", GOOD[:5], GOOD[:9], GOOD[:40], GOOD[:-1], GOOD + b"\0", zip_of({})])
def test_damaged_npy_files(tmp_path, content):
    refuse(tmp_path / "one.npy", content, "magic string|header|needs", load=load_array)


def test_empty_arrays_with_impossible_sides(tmp_path):
    for shape in (f"(0, {2**62}, {2**62})", "(0, 9999999999999999999)"):
        refuse(
            tmp_path / "model.npz", zip_of({"data": npy_header(shape=shape)}), "dimension|large|int|big", member="a.npy"
        )


def test_bools_that_are_neither(tmp_path):
    data = npy_header("'|b1'") + bytes([0, 1, 2, 1])
    refuse(tmp_path / "model.npz", zip_of({"data": data}), "neither 0 nor 1", member="a.npy")


def test_a_name_of_one_dot_is_harmless(tmp_path):
    path = tmp_path / "model.npz"
    path.write_bytes(zip_of({"name": "..npy"}))
    assert list(load_arrays(path)[0]) == ["."]


# Hostile metadata


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "Expecting value"),
        (b"{", "Expecting"),
        (b'{"a": 1} {}', "Extra data"),
        (b"[]", "a JSON object, got list"),
        (b"null", "a JSON object, got NoneType"),
        (b"\xff\xfe{\0}\0", "decode"),
        (b'{"a": "\xff"}', "decode"),
        (b'{"a": ' + b"9" * 5000 + b"}", "digits"),
        (b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "recursion"),
        (b'{"a": ' * 100_000, "recursion"),
    ],
)
def test_hostile_metadata(tmp_path, text, words):
    data = npy_header("'|u1'", shape=f"({len(text)},)") + text
    member = {"name": "__metadata__.npy", "data": data}
    refuse(tmp_path / "model.npz", zip_of({}, member), words, member="__metadata__.npy", memory=2**24)


def test_metadata_that_are_no_row_of_bytes(tmp_path):
    for data in (GOOD, npy_header("'|u1'", shape="(2, 1)") + b"{}", npy_header("'|i1'", shape="(2,)") + b"{}"):
        content = zip_of({"name": "__metadata__.npy", "data": data})
        refuse(tmp_path / "model.npz", content, "metadata is a row of uint8", member="__metadata__.npy")


def test_too_much_metadata(tmp_path):
    data = npy_header("'|u1'", shape=f"({2**24 + 2},)") + b"{}" + b" " * 2**24
    # The second member pays for the size of the first.
    ballast = {"name": "ballast.npy", "data": bytes(2**18)}
    content = zip_of({"name": "__metadata__.npy", "data": data, "method": 8}, ballast)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(npz, "HEADER_LIMIT", 0)
        refuse(tmp_path / "model.npz", content, "bytes of metadata", member="__metadata__.npy")


# Damage at random


def written(save):
    """The bytes that `save(path)` writes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "seed.npz")
        save(path)
        return path.read_bytes()


SEED_ARRAYS = {"0.weight": np.arange(12, dtype=">f4").reshape(3, 4), "mask": np.array([True, False])}
OUR_SEED = written(lambda path: save_arrays(path, SEED_ARRAYS, metadata={"epoch": 3}))
NUMPY_SEED = written(lambda path: np.savez_compressed(path, **SEED_ARRAYS))
EDITS = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=4)


def assert_refused_or_sound(content, load):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "damaged")
        path.write_bytes(content)
        try:
            loaded = load(path)
        except FormatError:
            return
    arrays, metadata = loaded if isinstance(loaded, tuple) else ({"": loaded}, {})
    assert isinstance(metadata, dict)
    for array in arrays.values():
        assert array.dtype.kind in "biufc"
        assert array.nbytes <= 100 * len(content) + 2**20
        repr(array)


@settings(max_examples=500, deadline=None)
@given(st.sampled_from([OUR_SEED, NUMPY_SEED, GOOD]), EDITS, st.floats(0, 1) | st.just(1.0))
def test_a_damaged_file_is_refused_or_sound(seed, edits, kept):
    content = bytearray(seed)
    for where, byte in edits:
        content[int(where * len(content))] = byte
    assert_refused_or_sound(bytes(content[: round(kept * len(content))]), load_array if seed is GOOD else load_arrays)


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 200), st.binary(max_size=8), st.booleans())
def test_a_damaged_member_with_a_valid_checksum_is_refused_or_sound(where, replacement, compressed):
    data = bytearray(GOOD)
    data[where : where + len(replacement)] = replacement
    content = zip_of({"data": bytes(data), "method": 8 if compressed else 0})
    assert_refused_or_sound(content, load_arrays)


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="{}(),: '<|=bifuc0123456789TrueFalseLdescrshapefortran_order\n\\-", max_size=60))
def test_a_random_header_is_refused_or_sound(text):
    assert_refused_or_sound(npy_header(text="{" + text) + GOOD[-16:], load_array)
    with_keys = npy_header(shape=text or "()") + GOOD[-16:]
    assert_refused_or_sound(with_keys, load_array)


def test_any_one_damaged_byte_is_refused_or_harmless():
    for where in range(len(OUR_SEED)):
        content = bytearray(OUR_SEED)
        content[where] ^= 0xFF
        assert_refused_or_sound(bytes(content), load_arrays)


def test_a_zip_of_the_standard_library_is_read(tmp_path):
    path = tmp_path / "model.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", GOOD)
    np.testing.assert_array_equal(load_arrays(path)[0]["a"], np.arange(4, dtype=np.float32))


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="needs a device without end")
@pytest.mark.parametrize("load", [npz.load_array, npz.load_arrays])
def test_a_device_is_refused_before_it_is_read(load):
    with pytest.raises(FormatError, match="/dev/zero: not a regular file"):
        load("/dev/zero")


def test_a_bool_for_a_size_in_a_file_of_the_right_length(tmp_path):
    (tmp_path / "a.npy").write_bytes(npy_header(shape="(True,)") + bytes(4))
    with pytest.raises(FormatError, match=r"a\.npy: the header doesn't describe an array of numbers or bools"):
        load_array(tmp_path / "a.npy")


def test_a_long_name_is_shown_in_part(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("n" * 60_000 + ".npy", GOOD)
    with pytest.raises(FormatError, match=r"member 'nnn.*\(60004 characters\)': its name has more") as caught:
        load_arrays(tmp_path / "a.npz")
    assert len(str(caught.value)) < 1000
