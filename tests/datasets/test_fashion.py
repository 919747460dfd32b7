import gzip
import hashlib
from pathlib import Path

import numpy as np
import pytest

import minidl.datasets
from minidl.datasets import fashion, fashion_mnist, fashion_mnist_10k, read_idx
from minidl.errors import FormatError

DEBIAN = Path("/usr/share/datasets/fashion-mnist")
needs_debian = pytest.mark.skipif(
    not (DEBIAN / "train-images-idx3-ubyte.gz").exists(), reason="needs the Debian package dataset-fashion-mnist"
)


def pixel_sum(images):
    return int(np.rint(images * np.float32(255)).sum(dtype=np.int64))


@pytest.fixture(scope="module")
def ten_thousand():
    return fashion_mnist_10k()


def test_exported_names():
    named = ["cifar10", "fashion_mnist", "fashion_mnist_10k", "mnist"]
    others = ["Splits", "from_folder", "from_idx", "from_npz", "from_path", "from_splits", "read_cifar10", "read_idx"]
    assert sorted(minidl.datasets.__all__) == sorted(["Dataset", "Pictures", "Preprocessing", *named, *others])


def test_the_packaged_images_are_those_they_should_be(ten_thousand):
    train, test = ten_thousand
    for data in (train, test):
        assert data.images.shape == (5000, 1, 28, 28)
        assert data.images.dtype == np.float32
        assert data.labels.dtype == np.int64
        assert data.images.min() == 0
        assert data.images.max() == 1
        assert not data.images.flags.writeable
        assert not data.labels.flags.writeable
        assert len(data.class_names) == 10
    assert train.labels[:10].tolist() == [9, 0, 0, 3, 0, 2, 7, 2, 5, 5]
    assert test.labels[:10].tolist() == [4, 0, 7, 9, 9, 9, 4, 4, 3, 4]
    assert test.labels[-5:].tolist() == [7, 5, 0, 6, 6]
    assert np.bincount(train.labels).tolist() == [457, 556, 504, 501, 488, 493, 493, 512, 490, 506]
    assert np.bincount(test.labels).tolist() == [485, 471, 512, 518, 486, 496, 528, 510, 500, 494]
    assert pixel_sum(train.images) == 286031984
    assert pixel_sum(test.images) == 286356803
    assert pixel_sum(train.images[0]) == 76247
    assert pixel_sum(test.images[-1]) == 79936


def test_the_first_image_is_an_ankle_boot(ten_thousand):
    train, _ = ten_thousand
    assert train.class_names[train.labels[0]] == "Ankle boot"
    row = [0, 0, 1, 4, 6, 7, 2, 0, 0, 0, 0, 0, 237, 226, 217, 223, 222, 219, 222, 221, 216, 223, 229, 215, 218, 255, 77]
    assert train.images[0, 0, 14, :27].tolist() == [float(np.float32(byte / 255)) for byte in row]


def test_class_names(ten_thousand):
    official = "T-shirt/top, Trouser, Pullover, Dress, Coat, Sandal, Shirt, Sneaker, Bag, Ankle boot"
    assert ", ".join(ten_thousand[0].class_names) == official


def test_the_packaged_files_are_small_and_reproducible():
    total = 0
    for name, digest in fashion.PACKAGED_DIGESTS.items():
        stored = Path(fashion.PACKAGED_FOLDER, f"{name}.gz").read_bytes()
        assert hashlib.sha256(gzip.decompress(stored)).hexdigest() == digest
        # No flags (so no file name) and no time, in the header of RFC 1952.
        assert stored[:8] == bytes.fromhex("1f8b0800 00000000".replace(" ", ""))
        total += len(stored)
    assert total < 4.5e6


def test_the_licence_travels_with_the_packaged_files():
    text = Path(fashion.PACKAGED_FOLDER, "FASHION_MNIST_LICENSE").read_text(encoding="utf-8")
    assert "Copyright (c) 2017 Zalando SE, https://tech.zalando.com" in text
    assert "https://github.com/zalandoresearch/fashion-mnist" in text
    assert "Permission is hereby granted, free of charge" in text


def test_a_changed_packaged_file_is_refused_by_name(monkeypatch, tmp_path, put):
    contents = {
        name: gzip.decompress(Path(fashion.PACKAGED_FOLDER, f"{name}.gz").read_bytes())
        for name in fashion.PACKAGED_DIGESTS
    }
    name = "fashion-mnist-10k-labels-idx1-ubyte"
    contents[name] = contents[name][:-1] + b"\0"
    monkeypatch.setattr(fashion, "PACKAGED_FOLDER", put(tmp_path / "changed", contents, zipped=False))
    with pytest.raises(FormatError, match=f"{name}: not the original file: the SHA-256"):
        fashion_mnist_10k()


@needs_debian
def test_the_packaged_images_are_the_first_of_the_official_order(ten_thousand):
    images = read_idx(DEBIAN / "train-images-idx3-ubyte.gz")[:10000]
    labels = read_idx(DEBIAN / "train-labels-idx1-ubyte.gz")[:10000]
    found = np.concatenate([part.images for part in ten_thousand])[:, 0]
    assert np.array_equal(found, images / np.float32(255))
    assert np.array_equal(np.concatenate([part.labels for part in ten_thousand]), labels)


@needs_debian
def test_the_whole_data_set():
    train, test = fashion_mnist(DEBIAN)
    assert train.images.shape == (60000, 1, 28, 28)
    assert test.images.shape == (10000, 1, 28, 28)
    assert np.bincount(train.labels).tolist() == [6000] * 10
    assert np.bincount(test.labels).tolist() == [1000] * 10
    assert train.labels[:10].tolist() == [9, 0, 0, 3, 0, 2, 7, 2, 5, 5]
    assert test.labels[:10].tolist() == [9, 2, 1, 1, 6, 1, 4, 6, 5, 7]
    assert pixel_sum(train.images) == 3431114169
    assert pixel_sum(test.images) == 573469082
    assert pixel_sum(train.images[-1]) == 16684
    assert pixel_sum(test.images[0]) == 33456
