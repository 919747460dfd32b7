"""How weights of the ready models are made, in small."""

import hashlib

import numpy as np
import pytest

import minidl as ml
from benchmarks import recipes, weights
from minidl.datasets import cifar
from minidl.models import WEIGHTS


def test_all_that_come_with_minidl_can_be_made_again():
    assert set(WEIGHTS) <= set(weights.names())
    assert {"resnet20:fashion-mnist", "mobilenet:fashion-mnist", "resnet20:cifar-10"} <= set(weights.names())


def test_a_file_is_made_and_its_line(monkeypatch, tmp_path, capsys):
    small = [part[:96] for part in recipes.data(quick=True)]
    monkeypatch.setattr(recipes, "data", lambda quick: small)
    with ml.use_backend("vectorized"):
        weights.main(["lenet:fashion-mnist", "--quick", "--epochs", "1", "--out", str(tmp_path)])
        model = ml.load(tmp_path / "lenet-fashion-mnist.npz")
        reached = (model.predict(small[1].images).argmax(axis=1) == small[1].labels).mean()
    content = (tmp_path / "lenet-fashion-mnist.npz").read_bytes()
    line = capsys.readouterr().out
    assert hashlib.sha256(content).hexdigest() in line
    assert f"{len(content):_}, {reached:.4f}" in line
    assert model.preprocessing.class_names == small[0].class_names
    assert {array.value.dtype for _, array in model.named_state()} == {np.dtype(np.float32)}


def test_a_training_that_was_interrupted_goes_on(monkeypatch, tmp_path):
    small = [part[:96] for part in recipes.data(quick=True)]

    def train(checkpoint):
        model = ml.models.lenet(seed=0)
        result = recipes.fit(model, recipes.RECIPES["lenet"], *small, epochs=3, checkpoint=checkpoint, verbose=0)
        return result["curve"], model.state_dict()

    def stop(self, epoch, logs):
        saved(self, epoch, logs)
        if epoch == 1:
            raise KeyboardInterrupt

    with ml.use_backend("vectorized"):
        whole = train(None)
        saved = ml.TrainingCheckpoint.on_epoch_end
        with monkeypatch.context() as patched:
            patched.setattr(ml.TrainingCheckpoint, "on_epoch_end", stop)
            with pytest.raises(KeyboardInterrupt):
                train(tmp_path / "training.npz")
        curve, state = train(tmp_path / "training.npz")
    assert curve == whole[0]
    assert all(np.array_equal(state[name], whole[1][name]) for name in whole[1])


def test_variances_keep_their_bits(tmp_path):
    model = ml.models.resnet20(input_shape=(1, 8, 8), seed=0)
    weights.write(model, tmp_path / "model.npz")
    arrays = ml.load_arrays(tmp_path / "model.npz")
    assert {(array.ndim > 1, array.dtype.name) for array in arrays.values()} == {(True, "float16"), (False, "float32")}


def test_copies_of_cifar_in_a_folder(tmp_path):
    image = pytest.importorskip("PIL.Image", reason="needs the extra `data`")
    for part in ("train", "test"):
        for name in cifar.CLASS_NAMES:
            (tmp_path / part / name).mkdir(parents=True)
            image.new("RGB", (32, 32)).save(tmp_path / part / name / "0.png")
    train, test = weights.load("cifar-10", str(tmp_path))
    assert (train.images.shape, len(test), train.class_names[1]) == ((10, 3, 32, 32), 10, "automobile")
