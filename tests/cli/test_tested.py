"""Other data than the run's: classes go by their names, and what is tested is said."""

import json
import shutil

import numpy as np
import pytest

import minidl
from tests.cli.test_images import QUICK, arrays, save_pictures, train

LINES = {"ant": 0, "bee": 3, "cat": 6}
"""The line that is bright in the pictures of a class."""


def make(folder, *names, count=6):
    for name in names:
        save_pictures(folder / name, count, of=LINES.get(name, 7))
    return folder


def save_expert(path, names):
    """A model of images (1, 8, 8) that tells these classes apart without training: by the line that is bright."""
    model = minidl.Sequential([minidl.Flatten(), minidl.Dense(len(names))], input_shape=(1, 8, 8), seed=0)
    weight = np.zeros((len(names), 8, 8), np.float32)
    for number, name in enumerate(names):
        weight[number, LINES[name]] = 1
    model.load_state_dict({"1.weight": weight.reshape(len(names), 64), "1.bias": np.zeros(len(names), np.float32)})
    model.save(path)


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    return tmp_path_factory.mktemp("kept")


@pytest.fixture
def run(command, kept):
    """A run that tells its three classes apart."""
    if not (kept / "run").exists():
        data = make(kept / "pictures", *LINES, count=20)
        assert train(command, kept / "run", data, "--epochs", "1").code == 0
        save_expert(kept / "run" / "model.npz", ["ant", "bee", "cat"])
    return kept / "run"


def evaluated(command, run, data):
    result = command("evaluate", run, "--data", data, "--json")
    assert result.code == 0, result.err
    return json.loads(result.out), result.err


def test_all_of_a_folder_of_other_pictures(command, run, tmp_path):
    data = make(tmp_path / "new", *LINES)
    found, err = evaluated(command, run, data)
    assert (found["split"], found["images"], found["accuracy"], err) == ("all", 18, 1.0, "")
    assert command("evaluate", run, "--data", data).out.splitlines()[0] == f"{data}, all of its 18 images"


def test_fewer_classes(command, run, tmp_path):
    data = make(tmp_path / "new", "bee", "cat")
    found, err = evaluated(command, run, data)
    assert (found["images"], found["accuracy"]) == (12, 1.0)
    assert err == f"minidl: warning: {data} has no test images of the classes ant\n"
    found, _ = evaluated(command, run, make(tmp_path / "one", "cat"))
    assert (found["images"], found["accuracy"]) == (6, 1.0)


def test_other_classes(fails, run, tmp_path):
    data = make(tmp_path / "new", "bee", "dog")
    for command_name in ("evaluate", "explain"):
        error = fails(command_name, run, "--data", data)
        assert f"{data}: the run doesn't know the classes dog; its own are ant, bee, cat" in error
    assert "the run doesn't know the classes train" in fails("evaluate", run, "--data", make(tmp_path / "t", "trains"))
    error = fails("evaluate", run, "--data", "fashion-mnist-10k")
    assert "fashion-mnist-10k: the run doesn't know the classes T-shirt/top, Trouser" in error


def test_a_folder_in_parts(command, fails, run, tmp_path):
    data = tmp_path / "parts"
    for part, count in (("train", 3), ("val", 2)):
        make(data / part, *LINES, count=count)
    found, _ = evaluated(command, run, data)
    assert (found["split"], found["images"], found["accuracy"]) == ("validation", 6, 1.0)
    make(data / "test", *LINES, count=4)
    found, _ = evaluated(command, run, data)
    assert (found["split"], found["images"]) == ("test", 12)
    shutil.move(data / "train" / "ant", data / "train" / "ape")  # the order stays
    for part in ("val", "test"):
        shutil.move(data / part / "ant", data / part / "ape")
    assert "the run doesn't know the classes ape; its own" in fails("evaluate", run, "--data", data)


def test_arrays_go_by_the_runs_numbers(command, fails, run, tmp_path):
    whole = minidl.datasets.from_folder(make(tmp_path / "new", *LINES), grey=True)
    np.savez(tmp_path / "new.npz", images=whole.images, labels=whole.labels)
    assert evaluated(command, run, tmp_path / "new.npz")[0]["accuracy"] == 1.0
    np.savez(tmp_path / "more.npz", images=whole.images, labels=whole.labels + 1)
    assert "expected labels from 0 to 2, got 1 to 3" in fails("evaluate", run, "--data", tmp_path / "more.npz")


def test_the_runs_own_folder_by_another_way(command, run, kept, tmp_path):
    own = json.loads(command("evaluate", run, "--json").out)
    assert (own["split"], own["images"]) == ("test", 12)
    shutil.copytree(kept / "pictures", tmp_path / "copy")
    (tmp_path / "link").symlink_to(kept / "pictures")
    for data in (kept / "pictures", tmp_path / "link", tmp_path / "copy"):
        found, err = evaluated(command, run, data)
        assert err == ""
        assert {**found, "data": ""} == {**own, "data": ""}, "images that were trained on are tested with"


def test_the_runs_own_folder_has_changed(command, run, kept, tmp_path):
    folder = shutil.copytree(run, tmp_path / "run")
    data = shutil.copytree(kept / "pictures", tmp_path / "pictures")
    config = (folder / "config.toml").read_text().replace(str(kept / "pictures"), str(data))
    (folder / "config.toml").write_text(config)
    assert command("evaluate", folder).err == ""
    shutil.copy(data / "ant" / "0.png", data / "ant" / "more.png")
    assert "has changed since the run began, with 48 images to train on" in command("evaluate", folder).err


def test_a_run_that_says_less(command, run, tmp_path):
    """Runs from before names and marks were kept, or edited ones, work as far as they say what they were."""
    folder = shutil.copytree(run, tmp_path / "run")
    text = (folder / "config.toml").read_text()
    head = text[: text.index("[versions]")]
    (folder / "config.toml").write_text(head + "versions = 3\n" if "[" not in head else head)
    assert command("evaluate", folder).err == ""
    lines = [line for line in head.splitlines() if not line.startswith("class_names")]
    (folder / "config.toml").write_text("\n".join(lines))
    assert evaluated(command, folder, make(tmp_path / "new", *LINES))[0]["accuracy"] == 1.0
    result = command("evaluate", folder, "--data", make(tmp_path / "two", "ant", "cat"))
    assert (result.code, result.out) == (2, "")
    assert "has 2 classes and the model 3" in result.err
    assert "doesn't name them" in result.err


def test_pictures_are_read_as_the_runs_are(command, tmp_path):
    data = make(tmp_path / "pictures", *LINES, count=10)
    options = ("--set", "data.grey=true", "--set", "data.size=[7, 9]")
    assert command(*QUICK, "--data", data, *options, "--out", tmp_path / "run").code == 0
    found, _ = evaluated(command, tmp_path / "run", make(tmp_path / "new", *LINES))
    assert found["images"] == 18


def test_another_order_of_names(command, kept, run, tmp_path):
    """A run whose classes aren't in the order of the alphabet knows them by their names all the same."""
    names = ("--set", 'data.class_names=["cat", "ant", "bee"]')
    assert train(command, tmp_path / "run", kept / "pictures", *names, "--epochs", 1).code == 0
    save_expert(tmp_path / "run" / "model.npz", ["cat", "ant", "bee"])
    new = make(tmp_path / "new", *LINES)
    assert evaluated(command, tmp_path / "run", new)[0]["accuracy"] == 1.0
    pixels = np.zeros((1, 8, 8), np.uint8)
    pixels[0, LINES["bee"]] = 255
    np.save(tmp_path / "bee.npy", pixels)
    (found,) = json.loads(command("predict", tmp_path / "run", tmp_path / "bee.npy", "--json").out)
    assert (found["class"], found["name"]) == (2, "bee")


def test_names_that_are_not_the_model_s(fails, run, tmp_path):
    folder = shutil.copytree(run, tmp_path / "run")
    save_expert(folder / "model.npz", ["ant", "bee"])
    assert f"{folder} names 3 classes, but its model has 2" in fails("evaluate", folder)


def test_a_report_of_fewer_classes(command, run, tmp_path):
    pytest.importorskip("matplotlib")
    data, page = make(tmp_path / "new", "bee", "cat"), tmp_path / "page.html"
    result = command("report", run, "--data", data, "--out", page, "--no-timings", "--json")
    assert json.loads(result.out)["split"] == "all"
    text = page.read_text("utf-8")
    assert "<b>100.00%</b><span>accuracy on 12 images; 50.0% by chance</span>" in text
    assert "cat" in text


def test_a_model_without_a_run(command, fails, run, kept, tmp_path):
    shutil.copy(run / "model.npz", tmp_path)
    found, _ = evaluated(command, tmp_path / "model.npz", arrays(tmp_path, [0, 1, 2] * 3))
    assert found["split"] == "test"
    assert "has 2 classes and the model 3" in fails(
        "evaluate", tmp_path / "model.npz", "--data", arrays(tmp_path, [0, 1] * 3, "two.npz")
    )
