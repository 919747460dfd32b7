import os
import sys
from pathlib import Path

import pytest

from minidl.datasets import fashion_mnist, locate
from minidl.errors import FormatError


@pytest.fixture
def places(tiny, put, tmp_path, monkeypatch):
    """Every place in the order of the search, each with all the files."""
    monkeypatch.setenv("MINIDL_DATA", str(tmp_path / "data"))
    folders = ["data", "data/fashion-mnist", "cache/minidl/fashion-mnist", "system/fashion-mnist"]
    return [put(tmp_path / folder, tiny) for folder in folders]


def first_read(monkeypatch):
    """Return the folder that the data set comes from."""
    seen = []
    read = locate.read_folder
    monkeypatch.setattr(
        locate, "read_folder", lambda collection, folder: seen.append(folder) or read(collection, folder)
    )
    assert fashion_mnist()[0].labels.tolist() == [9, 8, 7]
    return seen[0]


@pytest.mark.parametrize("gone", range(4))
def test_the_order_of_the_search(places, monkeypatch, gone):
    for place in places[:gone]:  # one missing file is enough to pass a folder by
        (place / "t10k-labels-idx1-ubyte.gz").unlink()
    assert first_read(monkeypatch) == places[gone]


def test_an_unset_empty_or_wrong_variable_is_passed_by(places, monkeypatch):
    for value in ("", "/nowhere/at/all"):
        monkeypatch.setenv("MINIDL_DATA", value)
        assert first_read(monkeypatch) == places[2]
    monkeypatch.delenv("MINIDL_DATA")
    assert first_read(monkeypatch) == places[2]


def test_the_variable_may_name_the_home(tiny, put, tmp_path, monkeypatch):
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    monkeypatch.setenv("MINIDL_DATA", "~/data")
    folder = put(tmp_path / "home" / "data", tiny)
    assert first_read(monkeypatch) == folder


def test_a_damaged_file_is_an_error_not_a_reason_to_look_elsewhere(places):
    (places[0] / "train-labels-idx1-ubyte.gz").write_bytes(b"damaged")
    with pytest.raises(FormatError, match="magic number") as caught:
        fashion_mnist()
    assert str(places[0] / "train-labels-idx1-ubyte.gz") in str(caught.value)


def test_without_pooch_the_error_says_what_helps(tiny, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "pooch", None)
    monkeypatch.setenv("MINIDL_DATA", str(tmp_path / "data"))
    with pytest.raises(FileNotFoundError, match="can't be downloaded without pooch") as caught:
        fashion_mnist()
    assert isinstance(caught.value.__cause__, ImportError)
    message = str(caught.value)
    for folder in ("data", "data/fashion-mnist", "cache/minidl/fashion-mnist", "system/fashion-mnist"):
        assert str(tmp_path / folder) in message
    for remedy in ('pip install "minidl[data]"', "apt-get install dataset-fashion-mnist", "MINIDL_DATA=folder"):
        assert remedy in message
    for name in tiny:
        assert name in message
    assert not (tmp_path / "cache").exists()


class TestCacheFolder:
    def test_xdg_variable(self, tmp_path):
        assert locate.cache_folder() == tmp_path / "cache" / "minidl"

    @pytest.mark.parametrize("value", ["", "relative/path"])
    @pytest.mark.parametrize(
        ("platform", "expected"),
        [
            ("linux", "home/.cache/minidl"),
            ("darwin", "home/Library/Caches/minidl"),
            ("win32", "home/AppData/Local/minidl/Cache"),
        ],
    )
    def test_the_usual_place(self, monkeypatch, tmp_path, value, platform, expected):
        monkeypatch.setenv("XDG_CACHE_HOME", value)
        monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
        monkeypatch.delenv("LOCALAPPDATA", raising=False)
        monkeypatch.setattr(sys, "platform", platform)
        assert locate.cache_folder() == tmp_path / expected

    def test_local_app_data(self, monkeypatch, tmp_path):
        monkeypatch.delenv("XDG_CACHE_HOME")
        monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
        monkeypatch.setattr(sys, "platform", "win32")
        assert locate.cache_folder() == tmp_path / "local" / "minidl" / "Cache"

    def test_without_a_home_there_is_no_folder_called_tilde(self, monkeypatch):
        monkeypatch.delenv("XDG_CACHE_HOME")
        monkeypatch.setattr(os.path, "expanduser", lambda path: path)
        folder = locate.cache_folder()
        assert folder.is_absolute()
        assert "~" not in Path(folder).parts
