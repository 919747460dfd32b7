import gzip
import re
import struct

import numpy as np
import pytest

from minidl.datasets import from_idx, from_npz
from minidl.errors import FormatError

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 4, 5), np.uint8)
LABELS = np.array([0, 2, 1, 2, 0, 1], np.uint8)


def write_idx(path, array, code=0x08):
    path.write_bytes(bytes([0, 0, code, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes())
    return path


def test_idx(tmp_path):
    images, labels = write_idx(tmp_path / "images", PIXELS), write_idx(tmp_path / "labels", LABELS)
    data = from_idx(images, labels)
    np.testing.assert_array_equal(data.images, PIXELS[:, None] / np.float32(255))
    assert data.labels.tolist() == LABELS.tolist()
    assert data.class_names == ("0", "1", "2")
    assert from_idx(str(images), labels, class_names=["a", "b", "c", "d"]).class_names == ("a", "b", "c", "d")
    images.write_bytes(gzip.compress(images.read_bytes()))
    np.testing.assert_array_equal(from_idx(images, labels).images, data.images)
    colours = write_idx(tmp_path / "colours", np.stack([PIXELS] * 3, axis=1))
    np.testing.assert_array_equal(from_idx(colours, labels).images[:, 2], data.images[:, 0])
    floats = write_idx(tmp_path / "floats", (PIXELS / 7).astype(">f8"), 0x0E)
    np.testing.assert_array_equal(from_idx(floats, labels).images[:, 0], (PIXELS / 7).astype(np.float32))


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz(tmp_path, save):
    path = tmp_path / "data.npz"
    colours = np.stack([PIXELS, PIXELS[::-1], PIXELS // 2], axis=-1)
    save(path, images=PIXELS, labels=LABELS, x_train=colours, y_train=LABELS[:, None].astype(np.int64))
    np.testing.assert_array_equal(from_npz(path).images, PIXELS[:, None] / np.float32(255))
    data = from_npz(path, images="x_train", labels="y_train", channels_last=True, class_names=("a", "b", "c"))
    np.testing.assert_array_equal(data.images, colours.transpose(0, 3, 1, 2) / np.float32(255))
    assert data.labels.tolist() == LABELS.tolist()
    assert data.images.flags.writeable is False


@pytest.mark.parametrize(
    ("arrays", "options", "message"),
    [
        ({"images": PIXELS}, {}, "it has no array 'labels'; known: images"),
        ({"image": PIXELS, "labels": LABELS}, {}, "it has no array 'images'; did you mean image?"),
        ({"images": PIXELS[0], "labels": LABELS}, {}, "images: expected images (n, h, w) or (n, c, h, w) in bytes or"),
        ({"images": PIXELS.astype(int), "labels": LABELS}, {}, "in bytes or floats, got int64 (6, 4, 5)"),
        ({"images": PIXELS, "labels": LABELS[:5]}, {}, "labels: expected one label for each of the 6 images, got 5"),
        ({"images": PIXELS, "labels": LABELS / 1}, {}, "labels: expected labels (n,) as integers, got float64 (6,)"),
        ({"images": PIXELS, "labels": np.eye(6, dtype=int)}, {}, "as integers, got int64 (6, 6)"),
        ({"images": PIXELS, "labels": LABELS}, {"class_names": ["a"]}, "expected labels from 0 to 0, got 0 to 2"),
        ({"images": PIXELS, "labels": LABELS - np.int64(1)}, {}, "expected labels from 0 to 1, got -1 to 1"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(tmp_path, arrays, options, message):
    path = tmp_path / "data.npz"
    np.savez(path, **arrays)
    with pytest.raises(FormatError, match=re.escape(message)) as caught:
        from_npz(path, **options)
    assert str(caught.value).startswith(f"{path}: ")


@pytest.mark.parametrize(("shape", "is_last"), [((6, 32, 32, 3), False), ((6, 3, 32, 32), True), ((6, 8, 8, 4), False)])
def test_channels_that_stand_elsewhere(tmp_path, shape, is_last):
    np.savez(tmp_path / "data.npz", images=np.zeros(shape, np.uint8), labels=LABELS)
    with pytest.raises(
        FormatError, match="whose channels seem to be elsewhere; channels_last=True or False says whether"
    ):
        from_npz(tmp_path / "data.npz", channels_last=is_last)
    found = from_npz(tmp_path / "data.npz", channels_last=not is_last).images.shape
    assert sorted(found[1:]) == sorted(shape[1:])
    assert found[1] in (3, 4)


def test_names_that_are_not_different(tmp_path):
    np.savez(tmp_path / "data.npz", images=PIXELS, labels=LABELS)
    with pytest.raises(ValueError, match="class_names: expected each name once, got 'a' twice"):
        from_npz(tmp_path / "data.npz", class_names=["a", "b", "a"])
    with pytest.raises(TypeError, match="class_names: expected a sequence of strings, got 'abc'"):
        from_npz(tmp_path / "data.npz", class_names="abc")


def test_pickles_are_refused(tmp_path):
    path = tmp_path / "data.npz"
    np.savez(path, images=np.array([{}, None], object), labels=LABELS[:2])
    with pytest.raises(FormatError):
        from_npz(path)
    path.write_bytes(b"no archive")
    with pytest.raises(FormatError, match=re.escape(str(path))):
        from_npz(path)


def test_real_digits(tmp_path):
    datasets = pytest.importorskip("sklearn.datasets")
    digits = datasets.load_digits()
    np.savez(tmp_path / "digits.npz", images=(digits.images / 16).astype(np.float32), labels=digits.target)
    data = from_npz(tmp_path / "digits.npz")
    assert repr(data) == "Dataset(1797 images (1, 8, 8), 10 classes)"
    train, test = data.split(0.2, seed=0)
    assert (len(train), len(test)) == (1437, 360)
    exact = data.class_counts() * 360 / 1797
    assert (abs(test.class_counts() - exact) < 1).all()
