import gzip
import re
import struct
import tracemalloc
import zlib

import numpy as np
import pytest

from minidl.datasets import read_idx
from minidl.errors import FormatError
from minidl.saving.budget import Budget

CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}


def header(code, *sizes):
    return bytes([0, 0, code, len(sizes)]) + struct.pack(f">{len(sizes)}I", *sizes)


def encode(array):
    return header(CODES[array.dtype.str[1:]], *array.shape) + array.astype(array.dtype.newbyteorder(">")).tobytes()


@pytest.fixture
def write(tmp_path):
    def write(content, name="broken-idx3-ubyte"):
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return write


@pytest.fixture
def refused(write):
    """Read hostile content; return the message, and check that it names the file and that little memory was taken."""

    def refused(content, match, at_most=4 << 20):
        path = write(content)
        tracemalloc.start()
        try:
            with pytest.raises(FormatError, match=match) as caught:
                read_idx(path)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert str(caught.value).startswith(f"{path}: ")
        assert peak < at_most
        return str(caught.value)

    return refused


@pytest.mark.parametrize("compress", [bytes, gzip.compress], ids=["plain", "gzipped"])
@pytest.mark.parametrize(
    "values",
    [
        np.array([[0, 1, 255], [7, 128, 254]], np.uint8),
        np.array([-128, -1, 0, 127], np.int8),
        np.array([[-32768], [258], [32767]], np.int16),
        np.array([[[-(2**31), 66051, 2**31 - 1]]], np.int32),
        np.array([0.1, -1.5e30, np.inf, -np.inf], np.float32),
        np.array([[0.1, np.pi], [-1e300, 5e-324]], np.float64),
    ],
    ids=lambda values: values.dtype.name,
)
def test_every_element_type_comes_back_in_native_order(write, values, compress):
    found = read_idx(write(compress(encode(values))))
    assert found.dtype == values.dtype
    assert found.dtype.isnative
    assert found.shape == values.shape
    assert found.tobytes() == values.tobytes()
    found[...] = 0
    assert not found.any()


def test_bytes_on_disk_are_big_endian(write):
    content = bytes.fromhex("00000b02 00000002 00000001 0102 fffe".replace(" ", ""))
    assert read_idx(write(content)).tolist() == [[258], [-2]]


def test_the_content_decides_about_gzip_not_the_name(write):
    content = encode(np.array([3, 1, 4], np.uint8))
    assert read_idx(write(content, "plain.gz")).tolist() == [3, 1, 4]
    assert read_idx(write(gzip.compress(content), "zipped")).tolist() == [3, 1, 4]
    assert read_idx(str(write(content, "as-text"))).tolist() == [3, 1, 4]


def test_a_gzip_file_of_several_members_is_one_array(write):
    content = encode(np.arange(6, dtype=np.uint8))
    assert read_idx(write(gzip.compress(content[:7]) + gzip.compress(content[7:]))).tolist() == [0, 1, 2, 3, 4, 5]


def test_more_than_one_chunk(write):
    values = np.random.default_rng(0).integers(0, 256, (3, 1000, 1001), np.uint8)
    assert np.array_equal(read_idx(write(encode(values))), values)
    assert np.array_equal(read_idx(write(gzip.compress(encode(values), 1))), values)


def test_empty_arrays(write):
    assert read_idx(write(header(0x08, 0, 28, 28))).shape == (0, 28, 28)


def test_a_missing_file_is_not_a_format_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        read_idx(tmp_path / "nowhere")


@pytest.mark.parametrize("compress", [bytes, gzip.compress], ids=["plain", "gzipped"])
@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "0 bytes, too few"),
        (b"\0\0\x08", "3 bytes, too few"),
        (b"PK\3\4 and so on", "magic number is 0x504b0304"),
        (b"\0\1\x08\1\0\0\0\0", "magic number is 0x00010801"),
        (header(0x0A, 1) + b"\0", "unknown IDX element type 0x0a; known: 0x08, "),
        (b"\0\0\x08\0\5", "declares 0 axes"),
        (header(0x08, *[1] * 65) + b"\0", "declares 65 axes, expected 1 to 64"),
        (b"\0\0\x08\3\0\0\0\1\0\0\0\1", "12 bytes, too few for the sizes of 3 axes"),
        (header(0x08, 2, 3) + b"12345", r"truncated: .* declares 18 bytes for uint8 \(2, 3\)"),
        (header(0x08, 2, 3) + b"1234567", "trailing bytes: .* declares 18 bytes"),
        (header(0x0C, 2) + b"1234567", r"truncated: .* 16 bytes for int32 \(2,\)"),
        (header(0x08, 40, 100) + bytes(3999), "truncated: .* declares 4012 bytes"),
        (header(0x08, 40, 100) + bytes(4001), "trailing bytes: .* declares 4012 bytes"),
        (header(0x08, 0, 2**32 - 1, 2**32 - 1), "larger than any memory"),
        (header(0x0E, *[2**32 - 1] * 64), "larger than any memory"),
        (header(0x08, 1000, 1000, 1000, 4000), "truncated: .* declares 4000000000020 bytes"),
        (header(0x08, 60000, 28, 28) + bytes(99), "truncated: .* declares 47040016 bytes"),
    ],
)
def test_broken_files_are_refused_by_name(refused, content, match, compress):
    refused(compress(content), match)


def test_a_gzip_file_cannot_promise_more_than_deflate_can_hold(refused):
    stored = gzip.compress(header(0x08, 10**6))
    assert f"can't hold more than {1032 * len(stored)}" in refused(stored, "declares 1000008 bytes")


def test_a_gzip_bomb_is_left_at_the_declared_size(refused):
    refused(gzip.compress(header(0x08, 1000) + bytes(64 << 20)), "trailing bytes: .* declares 1008 bytes")


def test_a_gzip_bomb_that_stops_short_of_its_promise(refused):
    # 8 MB are there and a little more is promised: memory follows what is there.
    noise = np.random.default_rng(0).bytes(160_000)  # so that they don't expand too much
    stored = gzip.compress(header(0x08, 8_020_000) + bytes(7_840_000) + noise)
    refused(stored, "truncated: .* declares 8020008 bytes .* found 8000008", at_most=20 << 20)


def test_a_gzip_bomb_that_keeps_its_promise(write, refused):
    content = header(0x08, 4000, 1000) + bytes(4_000_000)
    stored = gzip.compress(content)
    refused(
        stored, rf"{len(stored)} bytes that expand to {len(content)}, more than 100 times as many; budget=Budget\(exp"
    )
    assert read_idx(write(stored), budget=Budget(expansion=2000)).shape == (4000, 1000)
    with pytest.raises(FormatError, match="4000012 bytes of arrays, more than the 4000011 allowed"):
        read_idx(write(content), budget=Budget(arrays=4_000_011))


class TestDamagedGzip:
    content = header(0x08, 30, 100) + bytes(np.random.default_rng(0).integers(0, 256, 3000, np.uint8))
    stored = gzip.compress(content, mtime=0)

    @pytest.mark.parametrize("length", [2, 9, 10, 500, -9, -8, -4, -1])
    def test_cut_short(self, refused, length):
        refused(self.stored[:length], "gzip data is damaged or cut short|too few for a header")

    def test_wrong_checksum(self, refused):
        refused(self.stored[:-8] + bytes([self.stored[-8] ^ 1]) + self.stored[-7:], "damaged .* CRC check failed")

    def test_wrong_length(self, refused):
        refused(self.stored[:-1] + b"\1", "damaged .* [Ll]ength")

    def test_flipped_byte(self, refused):
        refused(self.stored[:1000] + bytes([self.stored[1000] ^ 0x55]) + self.stored[1001:], "damaged")

    def test_invalid_deflate_block(self, refused):
        refused(self.stored[:10] + b"\xff" * 50, "damaged .* invalid block type")

    def test_unknown_method(self, refused):
        refused(self.stored[:2] + b"\7" + self.stored[3:], "damaged .* method")

    def test_garbage_after_the_end(self, refused):
        refused(self.stored + b"garbage", "damaged .* Not a gzipped file")

    def test_a_checksum_is_checked_even_if_the_size_is_right(self, write):
        wrong = zlib.crc32(self.content) ^ 0xFFFF
        stored = self.stored[:-8] + struct.pack("<II", wrong, len(self.content))
        with pytest.raises(FormatError, match=re.escape("CRC")):
            read_idx(write(stored))

    @pytest.mark.parametrize("length", [1024, 1024 + (1 << 20)], ids=["header", "chunk"])
    def test_the_end_is_checked_if_a_read_stops_exactly_there(self, refused, length):
        content = header(0x08, length - 8) + bytes(length - 8)
        refused(content + b"\0", "trailing bytes", at_most=5 << 20)
        refused(gzip.compress(content + b"\0"), "trailing bytes", at_most=5 << 20)
        stored = gzip.compress(content)
        refused(stored[:-8] + bytes([stored[-8] ^ 1]) + stored[-7:], "CRC check failed", at_most=5 << 20)
