import gzip
import re

import numpy as np
import pytest

from minidl.datasets import fashion_mnist, files
from minidl.errors import FormatError


@pytest.mark.parametrize("zipped", [True, False])
def test_files_are_read_gzipped_or_not(tiny, put, tmp_path, zipped):
    train, test = fashion_mnist(put(tmp_path / "here", tiny, zipped=zipped))
    assert train.labels.tolist() == [9, 8, 7]
    assert test.labels.tolist() == [9, 8]
    for data, name in ((train, "train-images-idx3-ubyte"), (test, "t10k-images-idx3-ubyte")):
        pixels = np.frombuffer(tiny[name], np.uint8, offset=16).reshape(-1, 1, 28, 28)
        assert np.array_equal(data.images, pixels / np.float32(255))


def test_gzipped_and_plain_files_may_be_mixed(tiny, put, tmp_path):
    names = list(tiny)
    put(tmp_path / "here", {name: tiny[name] for name in names[:2]})
    put(tmp_path / "here", {name: tiny[name] for name in names[2:]}, zipped=False)
    assert fashion_mnist(str(tmp_path / "here"))[1].labels.tolist() == [9, 8]


def test_a_given_folder_is_the_only_one_looked_at(tiny, put, tmp_path, monkeypatch):
    monkeypatch.setenv("MINIDL_DATA", str(put(tmp_path / "complete", tiny)))
    folder = put(tmp_path / "here", {name: content for name, content in tiny.items() if "labels" not in name})
    message = f"Fashion-MNIST: {folder} hasn't got train-labels-idx1-ubyte, t10k-labels-idx1-ubyte (with or without"
    with pytest.raises(FileNotFoundError, match=re.escape(message)):
        fashion_mnist(folder)


@pytest.mark.parametrize("name", ["train-images-idx3-ubyte", "t10k-labels-idx1-ubyte"])
def test_another_content_is_refused_by_name(tiny, put, tmp_path, name):
    tiny[name] = tiny[name][:-1] + bytes([tiny[name][-1] ^ 1])
    folder = put(tmp_path / "here", tiny)
    with pytest.raises(
        FormatError, match=r"not the original file: the SHA-256 of its content is [0-9a-f]{64}"
    ) as caught:
        fashion_mnist(folder)
    assert str(caught.value).startswith(f"{folder / name}.gz: ")


def test_broken_files_are_refused_by_name(tiny, put, tmp_path):
    folder = put(tmp_path / "here", tiny)
    path = folder / "t10k-images-idx3-ubyte.gz"
    whole = path.read_bytes()
    content = gzip.decompress(whole)
    for broken, match in (
        (whole[:-20], "damaged or cut short"),
        (gzip.compress(content[:-1]), "truncated"),
        (gzip.compress(content + b"\0"), "trailing bytes"),
        (b"<html>404</html>", "magic number"),
        (b"", "too few"),
    ):
        path.write_bytes(broken)
        with pytest.raises(FormatError, match=match) as caught:
            fashion_mnist(folder)
        assert str(caught.value).startswith(f"{path}: ")


def test_a_file_too_long_for_any_data_set_is_refused_by_its_header(tiny, put, tmp_path, monkeypatch):
    monkeypatch.setattr(files, "LONGEST_FILE", 2000)
    with pytest.raises(FormatError, match=r"train-images.*declares 2368 bytes.*more than the 2000 allowed"):
        fashion_mnist(put(tmp_path / "here", tiny))
