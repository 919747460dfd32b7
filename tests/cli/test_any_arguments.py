"""Whatever is asked of whatever files, a command works or says in one line why not."""

import argparse
import os
import random
import shutil

import numpy as np
import pytest

import minidl as ml
from minidl import cli
from minidl.display.installed import is_installed

BROKEN = [
    ("config.toml", b""),
    ("config.toml", b"\xff"),
    ("config.toml", b'data = {path = ""}'),
    ("config.toml", b'data = {path = "nowhere", class_names = [1]}'),
    ("config.toml", b'data = "fashion-mnist-10k"\nmodel = {a = 1}\nepochs = "x"'),
    ("config.toml", b'data = "fashion-mnist-10k"\nmodel = {name = [1]}\nx = 1979-05-27T07:32:00Z'),
    ("config.toml", b'data = "fashion-mnist-10k"\naugment = [{}]'),
    ("model.npz", b"junk"),
    ("model.npz", None),
    ("training.npz", b"PK\x05\x06" + bytes(18)),
    ("training.npz", None),
    ("history.csv", b"\xff\xfe"),
    ("history.json", b'{"loss": [1e308, -1e308, 1e999]}'),
    ("history.json", b'{"": [1, 2], "<b>$_{$": [1], "loss": [1, 2, 3], "\\udce9": [5]}'),
    ("history.json", b'{"loss": [' + b"1" * 400 + b"]}"),
]
NUMBERS = ["0", "1", "3", "-1", "64", "1e9", "nan", "9" * 400, "9" * 5000, str(2**31), str(2**63), str(2**64)]
WORDS = ["", "x", "-", "--", "=", "lenet", "mnsit", "flip,,", "a\nb", "a\0b", "\x1b[0m", "\udce9", "x" * 5000]
SETTINGS = ["optimizer.lr=1", "augment=[{}]", "model=3", "x.y=1", "data.size=28", f"seed=0x{'f' * 5000}", "epochs=1"]
FILES = ["dense.npz", "conv.npz", "images.npy", "none.npy", "nan.npy", "text.npy", "junk", "folder", "pipe", "loop"]
OUT = ["page.html", "page.png", "out.npy", "new", "folder", "folder/x", "nope/x", "pipe", "a\0b"]


@pytest.fixture(scope="module")
def place(trained, tmp_path_factory):
    """A folder with good and bad files of every kind."""
    place = tmp_path_factory.mktemp("place")
    shutil.copytree(trained.folder, place / "run")
    for i, (name, content) in enumerate(BROKEN):
        run = shutil.copytree(trained.folder, place / f"run{i}")
        if content is None:
            (run / name).unlink()
        else:
            (run / name).write_bytes(content)
        if name == "history.csv":
            (run / "history.json").unlink()
    ml.Sequential([ml.Dense(3)], input_shape=(5,), seed=0).save(place / "dense.npz")
    ml.Sequential([ml.Conv2D(2, 3)], input_shape=(1, 28, 28), seed=0).save(place / "conv.npz")
    np.save(place / "images.npy", np.zeros((3, 28, 28), np.float32))
    np.save(place / "none.npy", np.zeros((0, 28, 28)))
    np.save(place / "nan.npy", np.full((2, 28, 28), np.nan))
    np.save(place / "text.npy", np.array(["a"]))
    (place / "junk").write_bytes(bytes(range(256)) * 4)
    (place / "folder").mkdir()
    (place / "loop").symlink_to("loop")
    if hasattr(os, "mkfifo"):
        os.mkfifo(place / "pipe")
    return place


def parsers(parser, words=()):
    """Each subcommand's words and parser."""
    inner = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not inner:
        return [(list(words), parser)]
    return [found for name, each in inner[0].choices.items() for found in parsers(each, [*words, name])]


def value(chance, action):
    runs = ["run", "run", *(f"run{i}" for i in range(len(BROKEN)))]
    if chance.random() < 0.15:
        return chance.choice([*NUMBERS, *WORDS, *SETTINGS, *FILES, *runs])
    if action.choices:
        return chance.choice(list(action.choices))
    kinds = {"out": OUT, "set": SETTINGS, "data": ["fashion-mnist-10k", *FILES], "images": FILES, "config": runs}
    kinds |= {"run": [*runs, *FILES], "model": [*runs, *FILES, "tutorial"], "resume": runs}
    return chance.choice(kinds.get(action.dest, NUMBERS)) + "/config.toml" * (action.dest == "config")


def command_line(chance, words, parser):
    line = list(words)
    for action in parser._actions:
        if not action.option_strings:
            line.append(value(chance, action))
        elif action.dest not in ("help", "open", "timings", "again") and chance.random() < 0.2:
            line += action.option_strings[:1]
            if action.nargs != 0:
                line.append(value(chance, action))
    if line[0] == "train" and "--resume" not in line:
        line += ["--model", "tutorial", "--epochs", "1", "--out", f"new{chance.random()}"]
    return line + ["--no-timings"] * (line[0] == "report") + ["--text"] * (line[:2] == ["data", "show"])


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of histories with infinities
def test_a_command_works_or_says_why_not(command, place, monkeypatch, seed):
    chance = random.Random(seed)
    monkeypatch.chdir(place)
    # These take long, use the network or start a process.
    left_out = ["warmup", "bench", "info", *["report"] * (not is_installed("matplotlib"))]
    known = [
        (words, parser) for words, parser in parsers(cli.parser()) if words[0] not in left_out and "fetch" not in words
    ]
    codes = set()
    for _ in range(24):
        line = command_line(chance, *chance.choice(known))
        line = ["fashion-mnist-10k" if each in ("mnist", "cifar10", "fashion-mnist") else each for each in line]
        result = command(*line)
        errors = [each for each in result.err.splitlines() if each.startswith("minidl: error: ")]
        assert result.code in (0, 2), line
        assert len(errors) == (result.code == 2), (line, result.err)
        codes.add(result.code)
    assert codes == {0, 2}
