import json
import re
import shutil

import numpy as np
import pytest

import minidl
from minidl.datasets.fashion import CLASS_NAMES


def data_of(path):
    return json.loads(re.search(r'id="data">(.*)</script>', path.read_text("utf-8"))[1])


def test_the_page_is_in_the_folder_of_the_run(command, trained, few_images, tmp_path):
    out = tmp_path / "page.html"
    result = command("explain", trained.path, "--out", out)
    assert (result.code, result.out, result.err) == (0, f"saved to {out}\n", "")
    data = data_of(out)
    assert data["classes"] == list(CLASS_NAMES)
    assert data["labels"] == [number for number in range(10) for _ in range(2)]
    first = next(i for i, label in enumerate(few_images[1].labels) if label == 0)
    assert data["images"]["is_bytes"]
    wanted = explained_bytes(few_images[1].images[first])
    assert data["images"]["data"][0] == wanted


def explained_bytes(image):
    from minidl.explain.encoding import encode_images

    return encode_images(image[np.newaxis])["data"][0]


def test_where_pages_go_by_default(command, tmp_path):
    model = minidl.models.tutorial(seed=0)
    (tmp_path / "run").mkdir()
    model.save(tmp_path / "run" / "model.npz")
    model.save(tmp_path / "net.npz")
    options = "--data", "fashion-mnist-10k", "--images", "0"
    assert command("explain", tmp_path / "run", *options).out == f"saved to {tmp_path / 'run' / 'explain.html'}\n"
    assert command("explain", tmp_path / "net.npz", *options).out == f"saved to {tmp_path / 'net.html'}\n"
    assert data_of(tmp_path / "net.html")["labels"] == []
    assert "<h1>How net sees a picture</h1>" in (tmp_path / "net.html").read_text("utf-8")


def test_open_shows_the_page(command, trained, tmp_path, monkeypatch):
    shown = []
    monkeypatch.setattr("webbrowser.open", shown.append)
    assert command("explain", trained.path, "--out", tmp_path / "a b.html", "--open").code == 0
    assert shown == [(tmp_path / "a b.html").as_uri()]


def test_errors_come_before_any_file(fails, trained, tmp_path):
    minidl.models.tutorial(seed=0).save(tmp_path / "net.npz")
    assert "doesn't say what it was trained on; add --data" in fails("explain", tmp_path / "net.npz")
    assert "isn't a file in an existing folder" in fails(
        "explain", trained.path, "--out", tmp_path / "none" / "page.html"
    )
    assert "at least 0, got '-1'" in fails("explain", trained.path, "--images", "-1")
    assert "none: No such file" in fails("explain", tmp_path / "none")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["net.npz"]


@pytest.mark.parametrize(
    ("layers", "shape", "message"),
    [
        (
            [minidl.Flatten(), minidl.Dense(10)],
            (3, 4, 4),
            "inputs (3, 4, 4), and the images of fashion-mnist-10k are (1, 2",
        ),
        ([minidl.Flatten(), minidl.Dense(3)], (1, 28, 28), "fashion-mnist-10k has 10 classes and the model 3, and "),
        (
            [minidl.Reshape((28, 28)), minidl.Conv1D(2, 3), minidl.Flatten(), minidl.Dense(10)],
            (1, 28, 28),
            "layer 1, Conv1D, can't be explained (it takes sequences)",
        ),
        (
            [minidl.PixelUnshuffle(2)],
            (1, 64, 64),
            "a model that gives scores (classes,), got (4, 32, 32); for a model that gives maps, use minidl.explain",
        ),
    ],
)
def test_models_that_do_not_fit(fails, tmp_path, layers, shape, message):
    minidl.Sequential(layers, input_shape=shape, seed=0).save(tmp_path / "net.npz")
    assert message in fails("explain", tmp_path / "net.npz", "--data", "fashion-mnist-10k")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["net.npz"]


def test_a_run_on_data_of_its_own_and_a_model_with_arguments(command, few_images, tmp_path):
    train, test = (part[part.labels < 3] for part in few_images)
    np.savez(tmp_path / "few.npz", x_train=train.images, y_train=train.labels, x_test=test.images, y_test=test.labels)
    config = tmp_path / "config.toml"
    config.write_text(f'model = {{name = "mobilenet", width = 0.1}}\ndata = "{tmp_path / "few.npz"}"\nepochs = 1\n')
    run = tmp_path / "run"
    assert command("train", "--config", config, "--out", run, "--backend", "vectorized").err == ""
    assert command("explain", run).err == ""
    page = run / "explain.html"
    assert data_of(page)["classes"] == ["0", "1", "2"]
    assert "<h1>How mobilenet sees a picture</h1>" in page.read_text("utf-8")


def test_the_page_reads_pictures_as_the_run_does(command, trained, tmp_path):
    out = tmp_path / "page.html"
    assert command("explain", trained.path, "--out", out, "--images", "0").code == 0
    assert data_of(out)["reading"] == {"is_known": True, "resize": "squash", "background": "rgb(255, 255, 255)"}


def test_a_file_without_a_record_is_given_that_of_the_data(command, tmp_path):
    image = pytest.importorskip("PIL.Image")
    for name in ("one", "two"):
        for number in range(5):
            path = tmp_path / "photos" / name / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            image.new("RGB", (9, 8), (number, 2, 3)).save(path)
    minidl.Sequential([minidl.Flatten(), minidl.Dense(2)], input_shape=(3, 8, 9), seed=0).save(tmp_path / "net.npz")
    assert command("explain", tmp_path / "net.npz", "--data", tmp_path / "photos").code == 0
    assert data_of(tmp_path / "net.html")["reading"]["is_known"]


def test_epochs_are_those_that_the_run_kept(command, trained, few_images, tmp_path):
    out = tmp_path / "page.html"
    assert command("explain", trained.path, "--epochs", "--out", out).err == ""
    found = data_of(out)["epochs"]
    assert found["numbers"] == [0, 1, 2]
    assert found["shown"] == 2
    columns = [name for name in trained.history if name != "epoch" and not name.startswith("test_")]
    assert found["logs"][2] == {name: trained.history[name][1] for name in columns}
    assert found["labels"] == [0, 2, 5, 7]
    kept = np.load(trained.folder / "snapshots.npz")
    held = few_images[0].split(0.1, seed=3)[1]
    for place, label in enumerate(found["labels"]):
        image = held.images[np.flatnonzero(held.labels == label)[0]]
        np.testing.assert_array_equal(kept["images"][place], np.rint(255 * image))


def test_a_run_without_epochs_is_told_what_to_do(fails, trained, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(trained.folder, run)
    (run / "snapshots.npz").unlink()
    again = f"train it again: minidl train --config {run / 'config.toml'} --out FOLDER"
    said = fails("explain", run, "--epochs")
    assert f"argument --epochs: {run} has no snapshots.npz" in said
    assert said.endswith(f"{again}\n")
    assert not (run / "explain.html").exists()
    minidl.models.tutorial(seed=0).save(tmp_path / "net.npz")
    said = fails("explain", tmp_path / "net.npz", "--data", "fashion-mnist-10k", "--epochs")
    assert "argument --epochs: expected the folder of a run, as minidl train makes it" in said
    assert not (tmp_path / "net.html").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"nonsense", "snapshots.npz: not a zip archive"),
        ("model.npz", "snapshots.npz: not the snapshots of a training"),
        ("other", "snapshots.npz: these are snapshots of another network than the model's"),
    ],
)
def test_bad_snapshots_are_met_before_any_work(fails, trained, tmp_path, monkeypatch, content, message):
    run = tmp_path / "run"
    shutil.copytree(trained.folder, run)
    if content == "other":
        minidl.models.lenet(seed=0).save(run / "model.npz")
    elif content == "model.npz":
        shutil.copy(run / content, run / "snapshots.npz")
    else:
        (run / "snapshots.npz").write_bytes(content)
    monkeypatch.setattr("minidl.cli.explain.tested", None)
    assert message in fails("explain", run, "--epochs")
    assert not (run / "explain.html").exists()


def test_what_no_page_explains_is_trained_without_snapshots(command, tmp_path):
    net = tmp_path / "net.py"
    net.write_text(
        "import minidl as ml\n"
        "def build(input_shape, classes, seed):\n"
        "    layers = [ml.Reshape((28, 28)), ml.Conv1D(4, 3), ml.GlobalMaxPool1D(), ml.Dense(classes)]\n"
        "    return ml.Sequential(layers, input_shape=input_shape, seed=seed)\n"
    )
    result = command("train", "--model", f"{net}:build", "--epochs", "1", "--out", tmp_path / "run")
    assert (result.code, result.err) == (0, "")
    assert not (tmp_path / "run" / "snapshots.npz").exists()
