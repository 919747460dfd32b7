import json
import os

import pytest

import minidl
from minidl.cli.messages import UsageError
from minidl.cli.run import json_text, new_run, read_config
from minidl.errors import FormatError

QUICK = ("train", "--model", "tutorial", "--epochs", "1")
FILES = ["model.npz", "config.toml", "training.npz", "history.csv", "history.json", "snapshots.npz"]


@pytest.fixture
def no_data(monkeypatch):
    """Whoever asks for data fails the test: a bad path is known before."""

    def load():
        raise AssertionError("work was done")

    monkeypatch.setattr(minidl.datasets.fashion, "fashion_mnist_10k", load)


@pytest.mark.parametrize("name", FILES)
def test_no_run_is_overwritten(fails, no_data, tmp_path, name):
    (tmp_path / name).write_text("precious")
    assert f"{tmp_path} already holds a run ({name})" in fails(*QUICK, "--out", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "precious"


def test_a_folder_with_other_things_will_do(command, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    assert command(*QUICK, "--out", tmp_path).code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*FILES, "notes.txt"])


@pytest.mark.parametrize("out", ["file", "file/folder"])
def test_a_path_that_cannot_be_a_folder(fails, no_data, tmp_path, out):
    (tmp_path / "file").write_text("")
    assert str(tmp_path / out) in fails(*QUICK, "--out", tmp_path / out)


def test_a_folder_that_cannot_be_written_to(fails, no_data, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert "Permission denied" in fails(*QUICK, "--out", tmp_path)


def begin_and_raise(folder, files, error):
    with new_run(str(folder), "lenet") as run:
        for name in files:
            (run.folder / name).write_text("")
        raise error


@pytest.mark.parametrize("before", [None, [], ["notes.txt"]])
def test_a_run_that_fails_before_its_first_model_leaves_the_folder_as_it_was(tmp_path, before):
    folder = tmp_path / "run"
    if before is not None:
        folder.mkdir()
        for name in before:
            (folder / name).write_text("mine")
    with pytest.raises(RuntimeError):
        begin_and_raise(folder, ["config.toml"], RuntimeError)
    assert (None if not folder.exists() else [path.name for path in folder.iterdir()]) == before


def test_an_interrupted_run_keeps_its_model(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        begin_and_raise(tmp_path / "run", ["config.toml", "model.npz"], KeyboardInterrupt)
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["config.toml", "model.npz"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not the configuration of a run"),
        (b"\xff\xfe", "not TOML"),
        (b"a = " + b"[" * 100_000, "not TOML"),
        (b'{"data": "fashion-mnist"}', "not TOML"),
        (b'data = ["fashion-mnist"]', "not the configuration of a run"),
        (b"[data]\npath = 3", "not the configuration of a run"),
        (b'data = "fashion-mist"', "unknown data set 'fashion-mist'; did you mean fashion-mnist?"),
        (b"#" + b" " * 2**20, "more than the 1048576 bytes"),
    ],
)
def test_a_configuration_that_is_none(tmp_path, content, message):
    path = tmp_path / "config.toml"
    path.write_bytes(content)
    with pytest.raises(FormatError, match=r"config\.toml") as caught:
        read_config(path)
    assert message in str(caught.value)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_for_a_configuration_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "config.toml")
    with pytest.raises(UsageError, match="not a regular file"):
        read_config(tmp_path / "config.toml")


def test_json_has_null_for_what_it_has_no_word_for():
    value = {"loss": [1.5, float("nan"), float("inf")], "more": (-float("inf"), 3, "x", None)}
    assert json.loads(json_text(value)) == {"loss": [1.5, None, None], "more": [None, 3, "x", None]}
