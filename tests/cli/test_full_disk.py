"""Where a run's files can't be written, the error names the one, and those that are there stay as they were."""

import errno
import os
import shutil
import stat
from pathlib import Path

import pytest

from minidl.saving import atomic

posix = pytest.mark.skipif(os.name == "nt", reason="folders aren't synced there")
FILES = ["config.toml", "model.npz", "history.csv", "snapshots.npz", "training.npz"]
MESSAGE = os.strerror(errno.ENOSPC)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def fills_up(monkeypatch):
    """Have no room on the disk for the file that is the n-th to be written, counted from 0, and those after it."""

    def begin(n):
        real, count = os.fsync, 0

        def fsync(descriptor):
            nonlocal count
            if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
                count += 1
                if count > n:
                    raise OSError(errno.ENOSPC, MESSAGE)
            real(descriptor)

        monkeypatch.setattr(atomic.os, "fsync", fsync)

    return begin


@posix
@pytest.mark.parametrize(("n", "name"), list(enumerate(FILES)))
def test_a_run_that_goes_on(fails_while_training, trained, tmp_path, fills_up, n, name):
    run = Path(shutil.copytree(trained.folder, tmp_path / "run"))
    before = contents(run)
    fills_up(n)
    assert fails_while_training("--resume", run, "--epochs", 3) == f"minidl: error: {run / name}: {MESSAGE}\n"
    after = contents(run)
    assert sorted(after) == sorted(before)
    written = FILES[:n]
    assert [key for key in sorted(before) if before[key] != after[key]] == sorted(written)


@posix
def test_the_last_file(fails_while_training, tmp_path, fills_up):
    run = tmp_path / "run"
    fills_up(7)
    options = ["--model", "tutorial", "--epochs", 1, "--out", run]
    assert fails_while_training(*options) == f"minidl: error: {run / 'history.json'}: {MESSAGE}\n"
    assert sorted(contents(run)) == sorted(FILES)


@posix
@pytest.mark.parametrize("n", [0, 1, 2])
def test_a_new_run_without_a_model_leaves_nothing(fails_while_training, tmp_path, fills_up, n):
    fills_up(n)
    name = ["config.toml", "snapshots.npz", "model.npz"][n]
    options = ["--model", "tutorial", "--epochs", 1, "--out", tmp_path / "run"]
    assert fails_while_training(*options) == f"minidl: error: {tmp_path / 'run' / name}: {MESSAGE}\n"
    assert not any(tmp_path.iterdir())


@pytest.fixture
def fails_while_training(command):
    def run(*arguments):
        result = command("train", *arguments)
        assert result.code == 2
        return result.err

    return run


@posix
@pytest.mark.parametrize("option", ["report", "explain"])
def test_pages(fails, trained, tmp_path, fills_up, option):
    pytest.importorskip("matplotlib", reason="needs the extra `plot`")
    page = tmp_path / "page.html"
    page.write_text("old")
    fills_up(0)
    own = ["--no-timings"] if option == "report" else []
    assert fails(option, trained.folder, "--out", page, *own) == f"minidl: error: {page}: {MESSAGE}\n"
    assert contents(tmp_path) == {"page.html": b"old"}


@posix
def test_probabilities(fails, trained, tmp_path, fills_up, few_images):
    import numpy as np

    np.save(tmp_path / "images.npy", few_images[1].images[:3])
    fills_up(0)
    out = tmp_path / "out.npy"
    assert fails("predict", trained.folder, tmp_path / "images.npy", "--out", out) == (
        f"minidl: error: {out}: {MESSAGE}\n"
    )
    assert sorted(contents(tmp_path)) == ["images.npy"]
