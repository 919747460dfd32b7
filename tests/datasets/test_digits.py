import gzip
import hashlib
import os
import struct
import sys
from pathlib import Path

import numpy as np
import pytest

from minidl.datasets import digits, fashion, fashion_mnist, mnist, read_idx
from minidl.errors import FormatError

COPY = Path(os.environ.get("MINIDL_DATA", "/nowhere"), "mnist")


@pytest.fixture
def small(monkeypatch):
    """Four small IDX files in the place of MNIST's: three training images and two test images."""
    rng = np.random.default_rng(1)
    contents = {}
    for part, count in (("train", 3), ("t10k", 2)):
        pixels = rng.integers(0, 256, (count, 28, 28), np.uint8)
        contents[f"{part}-images-idx3-ubyte"] = struct.pack(">4I", 0x803, count, 28, 28) + pixels.tobytes()
        contents[f"{part}-labels-idx1-ubyte"] = struct.pack(">2I", 0x801, count) + bytes(range(4, 4 + count))
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    monkeypatch.setattr(digits, "DIGESTS", digests)
    return contents


@pytest.mark.parametrize("zipped", [True, False])
def test_values(small, put, tmp_path, zipped):
    train, test = mnist(put(tmp_path / "here", small, zipped=zipped))
    pixels = np.frombuffer(small["train-images-idx3-ubyte"], np.uint8, offset=16).reshape(3, 1, 28, 28)
    np.testing.assert_array_equal(train.images, pixels / np.float32(255))
    assert train.labels.tolist() == [4, 5, 6]
    assert test.labels.tolist() == [4, 5]
    assert train.class_names == ("0", "1", "2", "3", "4", "5", "6", "7", "8", "9")


def test_it_is_downloaded_and_cached(small, put, serve, tmp_path, monkeypatch):
    pytest.importorskip("pooch", reason="needs the extra `data`")
    server = serve(put(tmp_path / "served", small))
    monkeypatch.setattr(digits, "ADDRESS", server.address)
    assert mnist()[0].labels.tolist() == [4, 5, 6]
    server.stop()
    assert mnist()[1].labels.tolist() == [4, 5]
    for name, content in small.items():
        assert gzip.decompress((tmp_path / "cache" / "minidl" / "mnist" / f"{name}.gz").read_bytes()) == content


def test_files_of_fashion_mnist_are_not_taken_for_it(small, tiny, put, tmp_path, monkeypatch):
    """Both have files of the same names, so MNIST is looked for in a folder of its own."""
    assert set(fashion.DIGESTS) == set(digits.DIGESTS)
    monkeypatch.setenv("MINIDL_DATA", str(put(tmp_path / "data", tiny)))
    put(tmp_path / "data" / "mnist", small)
    assert mnist()[0].labels.tolist() == [4, 5, 6]
    assert fashion_mnist()[0].labels.tolist() == [9, 8, 7]
    with pytest.raises(FormatError, match="not the original file"):
        mnist(tmp_path / "data")


def test_what_helps_where_there_is_none(monkeypatch):
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(FileNotFoundError, match="MNIST is in none of") as caught:
        mnist()
    assert "a folder whose folder mnist holds train-images-idx3-ubyte, " in str(caught.value)
    assert "apt-get" not in str(caught.value)


@pytest.mark.skipif(not (COPY / "train-images-idx3-ubyte").exists(), reason="needs MNIST in $MINIDL_DATA/mnist")
def test_the_originals():
    train, test = mnist(COPY)
    assert (len(train), len(test)) == (60000, 10000)
    assert train.labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert test.labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    assert train.class_counts().tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert read_idx(COPY / "t10k-labels-idx1-ubyte").tolist() == test.labels.tolist()
