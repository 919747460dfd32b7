"""Models that come trained, by their names."""

import json

import numpy as np
import pytest

import minidl
from minidl.models import WEIGHTS


def test_predicts_a_picture(command, tmp_path):
    image = pytest.importorskip("PIL.Image", reason="needs the extra `data`")
    images = minidl.datasets.fashion_mnist_10k()[1]
    image.fromarray((images.images[1, 0] * 255).astype(np.uint8)).save(tmp_path / "garment.png")
    result = command("predict", "lenet:fashion-mnist", tmp_path / "garment.png", "--json")
    assert (result.code, result.err) == (0, "")
    model = minidl.models.lenet(weights="fashion-mnist")
    [(name, probability), *_] = model.classify(tmp_path / "garment.png")
    [found] = json.loads(result.out)
    assert found["name"] == name == images.class_names[images.labels[1]]
    assert found["probability"] == pytest.approx(probability, abs=1e-6)


def test_evaluates_what_it_was_trained_on(command, few_images, monkeypatch):
    monkeypatch.setattr(minidl.datasets.fashion, "fashion_mnist", lambda: few_images)
    result = command("evaluate", "cnn:fashion-mnist", "--json")
    assert (result.code, result.err) == (0, "")
    found = json.loads(result.out)
    assert (found["data"], found["split"], found["images"]) == ("fashion-mnist", "test", 200)
    assert found["accuracy"] > 0.88


def test_warns_of_images_that_it_was_trained_on(command):
    result = command("evaluate", "lenet:fashion-mnist", "--data", "fashion-mnist-10k")
    assert result.code == 0
    assert "trained on fashion-mnist, which includes the test images of fashion-mnist-10k" in result.err


def test_training_begins_with_them(command, tmp_path):
    arguments = ["train", "--init", "lenet:fashion-mnist", "--epochs", "1", "--lr", "1e-5", "--json"]
    result = command(*arguments, "--out", tmp_path / "run")
    assert result.code == 0
    assert "10 of 10 arrays from lenet:fashion-mnist" in result.err
    assert json.loads(result.out)["test_accuracy"] > 0.85
    assert 'init = "lenet:fashion-mnist"' in (tmp_path / "run" / "config.toml").read_text("utf-8")


def test_summary_and_export(command, tmp_path):
    assert "61,706" in command("summary", "lenet:fashion-mnist").out
    assert command("export", "lenet:fashion-mnist", tmp_path / "model.npz").code == 0
    assert minidl.load(tmp_path / "model.npz").preprocessing.size == (28, 28)


@pytest.mark.parametrize(
    "arguments",
    [["predict", "{}", "photo.jpg"], ["evaluate", "{}"], ["summary", "{}"], ["train", "--init", "{}"]],
    ids=lambda arguments: arguments[0],
)
def test_unknown_weights(fails, arguments, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photo.jpg").write_bytes(b"")
    error = fails(*(each.format("lenet:imagenet") for each in arguments))
    assert f"lenet: there are no weights 'imagenet'; there are {', '.join(WEIGHTS)}" in error


def test_a_shape_is_refused(fails):
    assert "only for ONNX files" in fails("evaluate", "lenet:fashion-mnist", "--input-shape", "1x28x28")
