import json
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

import minidl
from minidl.__main__ import main

PACKAGED = minidl.datasets.fashion_mnist_10k
COUNT = 200


def first_images():
    return tuple(
        minidl.datasets.Dataset(part.images[:COUNT], part.labels[:COUNT], part.class_names) for part in PACKAGED()
    )


@pytest.fixture(scope="session")
def few_images():
    """Train and test data cut to what a test has time for."""
    return first_images()


@contextmanager
def little_work(few_images):
    with minidl.use_backend("vectorized"), pytest.MonkeyPatch.context() as patch:
        patch.setattr(minidl.datasets.fashion, "fashion_mnist_10k", lambda: few_images)
        yield


@pytest.fixture(autouse=True)
def in_little_time(few_images):
    """The command line trains on those few, on a backend that needn't be compiled."""
    with little_work(few_images):
        yield


@pytest.fixture
def command(capsys):
    """Run a command line in this process and return its exit code and what it wrote."""

    def run(*arguments):
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return SimpleNamespace(code=code, out=out, err=err)

    return run


@pytest.fixture
def fails(command):
    """Run a command line that must fail as errors do: exit code 2, one line on stderr, nothing on stdout."""

    def run(*arguments):
        result = command(*arguments)
        assert (result.code, result.out) == (2, "")
        assert result.err.startswith("minidl: error: ")
        assert result.err.endswith("\n")
        assert result.err[:-1].isprintable(), "more than a line, or control characters"
        return result.err

    return run


@pytest.fixture(scope="session")
def trained(few_images, tmp_path_factory):
    """A run of two epochs, which tests only read: its folder, that as text, and its history."""
    folder = tmp_path_factory.mktemp("runs") / "trained"
    arguments = ["train", "--model", "tutorial", "--epochs", "2", "--batch-size", "32", "--seed", "3"]
    with little_work(few_images):
        assert main([*arguments, "--out", str(folder)]) == 0
    history = json.loads((folder / "history.json").read_text())
    return SimpleNamespace(folder=folder, history=history, path=str(folder))
