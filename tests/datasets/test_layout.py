"""Which folders are taken for classes, and which never."""

import os
import re

import pytest

from minidl.datasets import layout
from minidl.errors import FormatError

links = pytest.mark.skipif(os.name != "posix", reason="needs symbolic links")


@pytest.fixture
def tree(tmp_path):
    """Make empty files, with their folders, in a new folder."""

    def make(*files):
        root = tmp_path / "root"
        for file in files:
            path = root / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        return root

    return make


@pytest.mark.parametrize("name", ["train", "Training", "TRAIN", "train_set", "training-images", "trainset"])
def test_names_of_parts(name):
    assert layout.part_called(name) == "train"
    assert layout.part_called("x" + name) is None


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("val", "validation"),
        ("Valid", "validation"),
        ("validation", "validation"),
        ("test", "test"),
        ("TESTING", "test"),
        ("invalid", None),
        ("trainer", None),
        ("tests", None),
        ("set", None),
    ],
)
def test_names_of_other_parts(name, part):
    assert layout.part_called(name) == part


@pytest.mark.parametrize(
    "files",
    [
        ("train/a/1.png", "val/a/1.png"),
        ("Train/a/1.png", "VALID/a/1.png"),
        ("training/a/1.png", "testing/a/1.png"),
        ("train/1.png", "test/1.png"),
        ("test/1.png", "cat/1.png", "dog/1.png"),
        ("train/a/1.png",),
        ("train2017/a/1.png", "val2017/a/1.png"),
        ("seg_train/a/1.png", "seg_test/a/1.png", "seg_pred/1.png"),
    ],
)
def test_parts_are_not_classes(tree, files):
    root = tree(*files)
    names = sorted({file.split("/")[0] for file in files})
    part = next(name for name in names if name not in ("cat", "dog", "seg_pred"))
    with pytest.raises(FormatError, match=r"looks? like a? ?parts? of a data set, not like") as caught:
        layout.class_folders(root, None)
    assert f"from_folder({str(root / part)!r})" in str(caught.value)
    assert layout.class_folders(root, names) == tuple(names)  # who says so means it


def test_words_that_are_part_of_a_name(tree):
    root = tree("bullet_train/1.png", "crash-test/1.png", "invalid/1.png", "restraint/1.png", "vale/1.png")
    assert len(layout.class_folders(root, None)) == 5


def test_parts_within_classes(tree):
    root = tree("cat/train/1.png", "cat/test/2.png", "dog/train/1.png", "dog/test/1.png")
    with pytest.raises(FormatError, match=r"cat: expected pictures of a class, got folders called like.* test, train;"):
        layout.class_folders(root, None)
    assert layout.class_folders(root, ["cat", "dog"]) == ("cat", "dog")


def test_one_folder_is_refused_with_what_is_in_it(tree):
    root = tree("one/cat/1.png", "one/dog/1.png")
    with pytest.raises(FormatError, match=re.escape(f"got 'one' alone; there are 'cat', 'dog' in that: read {root}")):
        layout.class_folders(root, None)
    assert layout.class_folders(root / "one", None) == ("cat", "dog")
    assert layout.class_folders(root, ["one"]) == ("one",)


def test_a_folder_without_folders(tree):
    with pytest.raises(FileNotFoundError, match="got none; pictures that lie there have no class"):
        layout.class_folders(tree("1.png", "2.png"), None)


def test_a_file(tree):
    with pytest.raises(NotADirectoryError, match="expected a folder, got a file"):
        layout.class_folders(tree("1.png") / "1.png", None)


def test_what_programs_leave_behind_is_no_class_and_no_picture(tree):
    root = tree(
        "a/1.png", "a/._1.png", "a/.hidden/2.png", "a/Thumbs.db", "a/__MACOSX/._1.png", "a/@eaDir/1.png", "b/2.jpg"
    )
    for folder in ("__MACOSX", ".ipynb_checkpoints", "deep/.ipynb_checkpoints", "deep/__MACOSX/deeper", "deep/@eaDir"):
        tree(f"a/{folder}/1-checkpoint.png")
    tree("a/deep/._2.png", "a/deep/.2.png", ".ipynb_checkpoints/1.png")
    tree("__MACOSX/a/._1.png", ".git/x.png", "@eaDir/a/1.png")
    assert layout.class_folders(root, None) == ("a", "b")
    assert layout.pictures_in(root / "a") == [root / "a" / "1.png"]


def test_photos_that_are_not_read_are_told_of(tree, monkeypatch):
    monkeypatch.setattr(layout.formats, "is_installed", lambda name: False)
    root = tree("a/1.png", "a/deep/IMG_2.HEIC", "a/IMG_3.heic", "b/IMG_4.heic", "a/notes.txt", "a/z.jxl")
    wanted = (
        r"a: 3 files such as IMG_3\.heic are ignored, since \.heic, \.jxl can't be read; \.heic: pip install pillow-"
    )
    with pytest.warns(UserWarning, match=wanted) as caught:
        assert layout.pictures_in(root / "a") == [root / "a" / "1.png"]
    assert len(caught) == 1
    with pytest.raises(
        FileNotFoundError, match=r"b: no pictures in it .*; 1 files such as IMG_4.*: pip install pillow-h"
    ):
        layout.pictures_in(root / "b")
    monkeypatch.setattr(layout.formats, "is_installed", lambda name: name == "pillow_heif")
    assert layout.pictures_in(root / "b") == [root / "b" / "IMG_4.heic"]


def test_names_that_differ_in_case_alone(tree):
    root = tree("Cat/1.png", "dog/1.png")
    (root / "cat").mkdir(exist_ok=True)
    if len(list(root.iterdir())) == 2:
        pytest.skip("this file system takes no heed of case")
    with pytest.raises(FormatError, match="the folders 'Cat' and 'cat' have the same name but for its case"):
        layout.class_folders(root, None)
    assert layout.class_folders(root, ["Cat", "cat"]) == ("Cat", "cat")


def test_names_whose_accents_are_written_in_two_ways(tree):
    root = tree("caf\u00e9/1.png", "cafe\u0301/1.png")
    if len(list(root.iterdir())) == 1:
        pytest.skip("this file system takes them for one")
    with pytest.raises(FormatError, match="or accents' form"):
        layout.class_folders(root, None)


@pytest.mark.parametrize(
    ("names", "error", "message"),
    [
        (["a", "a"], ValueError, "expected each name once, got 'a' twice"),
        ("ab", TypeError, "expected a sequence of strings, got 'ab'"),
        ([0, 1], TypeError, r"expected a sequence of strings, got \[0, 1\]"),
        ([], ValueError, "expected at least one name"),
        (["a", "c"], FileNotFoundError, "it has no folder c; there are a, b; pictures that lie there have no class"),
        (["a", "../root/b"], FileNotFoundError, "it has no folder ../root/b"),
    ],
)
def test_wrong_class_names(tree, names, error, message):
    with pytest.raises(error, match=message):
        layout.class_folders(tree("a/1.png", "b/1.png", "2.png"), names)


@links
def test_links_are_followed_once(tree, tmp_path):
    root = tree("a/1.png", "c/1.png")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "2.png").touch()
    (root / "b").symlink_to(tmp_path / "elsewhere")
    (root / "a" / "more").symlink_to(tmp_path / "elsewhere")
    (root / "a" / "round").symlink_to(root / "a")
    (root / "a" / "same").symlink_to(tmp_path / "elsewhere")
    assert layout.class_folders(root, None) == ("a", "b", "c")
    assert layout.pictures_in(root / "a") == [root / "a" / "1.png", root / "a" / "more" / "2.png"]
    assert layout.pictures_in(root / "b") == [root / "b" / "2.png"]


@links
def test_two_classes_that_are_one_folder(tree):
    root = tree("a/1.png", "b/1.png")
    (root / "c").symlink_to(root / "a")
    with pytest.raises(FormatError, match="the folders a and c are links to the same one"):
        layout.class_folders(root, None)


@links
def test_links_that_lead_nowhere(tree):
    root = tree("a/1.png", "b/1.png")
    (root / "a" / "2.png").symlink_to(root / "gone.png")
    with pytest.raises(FileNotFoundError, match=r"2\.png: a link that leads nowhere"):
        layout.pictures_in(root / "a")
    (root / "c").symlink_to(root / "gone")
    with pytest.raises(FileNotFoundError, match="c: a link that leads nowhere"):
        layout.class_folders(root, None)


def test_two_folders_of_one_part(tree):
    root = tree("train/a/1.png", "training/a/1.png")
    with pytest.raises(FormatError, match="expected one folder for train, got train and training"):
        layout.parts_among(root, ["train", "training"])
    assert layout.parts_among(root, ["x", "Test", "val", "Train"]) == {
        "train": "Train",
        "validation": "val",
        "test": "Test",
    }
