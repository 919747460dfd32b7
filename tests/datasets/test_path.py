"""The user's data sets, in two parts."""

import numpy as np
import pytest

import minidl
from minidl.datasets import from_path, from_splits
from minidl.errors import FormatError
from minidl.saving.budget import Budget


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


@pytest.mark.parametrize(
    ("train", "val", "test"),
    [("train", "val", "test"), ("Training", "VALID", "Testing"), ("train", "validation", None)],
)
def test_a_folder_in_three_parts(tmp_path, train, val, test):
    for part, value in ((train, 255), (val, 51), (test, 0)):
        for name in ("cat", "dog") if part else ():
            save_pictures(tmp_path / part / name, 5, value)
    (tmp_path / "notes").mkdir()
    parts = from_splits(tmp_path, grey=True)
    np.testing.assert_array_equal(parts.train.images, 1)
    np.testing.assert_array_equal(parts.validation.images, np.full((10, 1, 4, 4), 0.2, np.float32))
    assert all(part.class_names == ("cat", "dog") for part in parts)
    if test is None:  # a fifth of each class of those to train on
        assert (parts.train.class_counts().tolist(), parts.test.class_counts().tolist()) == ([4, 4], [1, 1])
        assert parts.test.images.min() == 1
    else:
        assert (len(parts.train), len(parts.test), parts.test.images.max()) == (10, 10, 0)
    assert [len(part) for part in from_path(tmp_path)] == [len(parts.train), len(parts.test)]


def test_a_folder_without_a_part_to_validate_with(tmp_path):
    for part in ("train", "test"):
        for name in ("cat", "dog"):
            save_pictures(tmp_path / part / name, 2, 0)
    assert from_splits(tmp_path).validation is None


def test_a_file_in_three_parts(tmp_path):
    arrays = {"x_train": pixels(5, 51), "y_train": [0, 1] * 2 + [0], "x_val": pixels(2, 102), "y_val": [0, 2]}
    np.savez(tmp_path / "data.npz", **arrays, x_test=pixels(3), y_test=[0, 0, 1])
    parts = from_splits(tmp_path / "data.npz")
    assert [len(part) for part in parts] == [5, 2, 3]
    assert all(part.class_names == ("0", "1", "2") for part in parts)
    np.testing.assert_array_equal(parts.validation.images, np.full((2, 1, 4, 4), 0.4, np.float32))
    assert parts.validation.labels.tolist() == [0, 2]
    np.savez(tmp_path / "two.npz", **{**arrays, "y_train": [0, 1, 0, 1, 1], "x_valid": pixels(1), "y_valid": [0]})
    with pytest.raises(minidl.FormatError, match="expected the validation images once, got also x_valid"):
        from_splits(tmp_path / "two.npz")


def test_parts_whose_classes_differ(tmp_path):
    for folder in ("train/cat", "train/dog", "val/cat", "val/dog", "test/cat", "test/dog", "test/emu"):
        save_pictures(tmp_path / folder, 1, 0)
    with pytest.raises(minidl.FormatError, match=r"test: expected the classes of .*train, got also emu"):
        from_splits(tmp_path)
    assert len(from_splits(tmp_path, class_names=["cat", "dog"]).test) == 2
    (tmp_path / "test" / "emu").rename(tmp_path / "emu")
    with pytest.raises(minidl.FormatError, match="got emu, test, train, val; move emu elsewhere, or, if all"):
        from_splits(tmp_path)
    (tmp_path / "emu").rename(tmp_path / ".emu")
    (tmp_path / "val" / "dog").rename(tmp_path / "val" / ".dog")
    with pytest.raises(FileNotFoundError, match="val: it has no folder dog; there are cat"):
        from_splits(tmp_path)


def test_parts_without_one_to_train_on(tmp_path):
    for folder in ("cat", "dog", "test"):
        save_pictures(tmp_path / folder, 2, 0)
    with pytest.raises(minidl.FormatError, match="test looks like a part of a data set, not like classes"):
        from_splits(tmp_path)
    names = ("cat", "dog", "test")
    assert from_splits(tmp_path, class_names=names, test_size=3).train.class_names == names


def test_parts_of_other_sizes(tmp_path):
    for part, size in (("train", 4), ("val", 5), ("test", 4)):
        for name in ("cat", "dog"):
            save_pictures(tmp_path / part / name, 1, 0, size)
    with pytest.raises(minidl.ShapeError, match=r"expected validation images like those to train on, \(3, 4, 4\), got"):
        from_splits(tmp_path)


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


def test_a_budget_holds_for_each_file(tmp_path):
    images, labels = np.zeros((4, 3, 3), np.uint8), np.array([0, 1, 0, 1])
    for names in (("x_train", "y_train"), ("images", "labels")):
        np.savez(tmp_path / "data.npz", **dict(zip(names, (images, labels), strict=True)))
        for read in (from_path, from_splits):
            with pytest.raises(FormatError, match=r"data\.npz: .* bytes of arrays, more than the 100 allowed"):
                read(tmp_path / "data.npz", budget=Budget(arrays=100))
            assert len(read(tmp_path / "data.npz", budget=Budget(arrays=1000), test_size=2)[0]) == 2
