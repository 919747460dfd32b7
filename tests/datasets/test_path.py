"""Data sets of one's own, in two parts."""

import numpy as np
import pytest

import minidl
from minidl.datasets import from_path


def pixels(n, value=0, channels=()):
    return np.full((n, *channels, 4, 4), value, np.uint8)


def save_pictures(folder, count, value, size=4):
    image = pytest.importorskip("PIL.Image")
    folder.mkdir(parents=True)
    for number in range(count):
        image.fromarray(np.full((size, size), value, np.uint8)).save(folder / f"{number}.png")


def test_a_file_in_two_parts(tmp_path):
    arrays = {"x_train": pixels(5, 51), "y_train": np.arange(5) % 2, "x_test": pixels(3, 102), "y_test": np.arange(3)}
    np.savez(tmp_path / "data.npz", **arrays)
    train, test = from_path(tmp_path / "data.npz")
    assert (len(train), len(test)) == (5, 3)
    assert train.class_names == test.class_names == ("0", "1", "2")
    np.testing.assert_array_equal(train.images, np.full((5, 1, 4, 4), 0.2, np.float32))
    np.testing.assert_array_equal(test.labels, [0, 1, 2])


def test_a_file_in_one_part_is_split_alike_each_time(tmp_path):
    labels = np.repeat([0, 1], 10)
    images = np.arange(20, dtype=np.uint8)[:, np.newaxis, np.newaxis] + pixels(20)
    np.savez(tmp_path / "data.npz", images=images, labels=labels)
    train, test = from_path(tmp_path / "data.npz", class_names=["no", "yes"])
    assert (train.class_counts().tolist(), test.class_counts().tolist()) == ([8, 8], [2, 2])
    assert train.class_names == ("no", "yes")
    both = np.concatenate([train.images, test.images])[:, 0, 0, 0]
    assert sorted(np.rint(both * 255).tolist()) == list(range(20))
    again = from_path(tmp_path / "data.npz")
    np.testing.assert_array_equal(again[1].images, test.images)
    assert len(from_path(tmp_path / "data.npz", test_size=10)[1]) == 10


def test_channels_last(tmp_path):
    parts = {"x_train": np.zeros((2, 4, 5, 3)), "y_train": [0, 1], "x_test": np.zeros((2, 4, 5, 3)), "y_test": [0, 1]}
    np.savez(tmp_path / "data.npz", **parts)
    assert from_path(tmp_path / "data.npz", channels_last=True)[1].images.shape == (2, 3, 4, 5)


def test_a_folder_in_two_parts(tmp_path):
    for part, value in {"train": 255, "test": 0}.items():
        for name in ("cat", "dog"):
            save_pictures(tmp_path / part / name, 2, value)
    train, test = from_path(tmp_path, grey=True)
    assert (train.images.min(), test.images.max()) == (1, 0)
    assert train.images.shape == test.images.shape == (4, 1, 4, 4)
    assert test.class_names == ("cat", "dog")


def test_a_folder_in_one_part(tmp_path):
    save_pictures(tmp_path / "cat", 5, 255)
    save_pictures(tmp_path / "dog", 5, 0, size=6)
    train, test = from_path(tmp_path, size=3, test_size=0.4)
    assert (train.class_counts().tolist(), test.class_counts().tolist()) == ([3, 3], [2, 2])
    np.testing.assert_array_equal(test.images.mean(axis=(1, 2, 3)), 1 - test.labels)


def test_errors(tmp_path):
    with pytest.raises(FileNotFoundError):
        from_path(tmp_path / "none.npz")
    with pytest.raises(FileNotFoundError, match="expected a folder for each class"):
        from_path(tmp_path)
    with pytest.raises(TypeError, match="did you mean grey"):
        from_path(tmp_path, gray=True)
    np.savez(tmp_path / "other.npz", x_train=pixels(2), y_train=[0, 1], x_test=np.zeros((1, 5, 5)), y_test=[0])
    with pytest.raises(minidl.ShapeError, match=r"other\.npz: .*like those to train on, \(1, 4, 4\), got \(1, 5, 5\)"):
        from_path(tmp_path / "other.npz")
