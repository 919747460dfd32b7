import csv
import json
import platform
import re
import sys
import tomllib
from importlib.metadata import version

import numpy as np
import pytest

import minidl


def read_config(folder):
    return tomllib.loads((folder / "config.toml").read_text())


QUICK = ("train", "--model", "tutorial", "--epochs", "1")


def test_trains_lenet_by_default(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = command("train")
    assert (result.code, result.err) == (0, "")
    (folder,) = (tmp_path / "runs").iterdir()
    assert re.fullmatch(r"lenet-\d{8}-\d{6}", folder.name)
    config = read_config(folder)
    assert (config["model"], config["data"], config["epochs"]) == ("lenet", "fashion-mnist-10k", 5)
    assert minidl.load(folder / "model.npz").predict(np.zeros((2, 1, 28, 28), np.float32)).shape == (2, 10)


@pytest.mark.compiled
def test_a_network_for_coloured_images_is_made_for_those_of_the_data(command, tmp_path):
    assert command("train", "--model", "vgg", "--epochs", "1", "--out", tmp_path / "run").code == 0
    model = minidl.load(tmp_path / "run" / "model.npz")
    assert model.input_shape == (1, 28, 28)
    assert model[0].weight.value.shape == (32, 1, 3, 3)


def test_two_runs_in_a_second_have_two_folders(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("time.strftime", lambda _: "20250131-120000")
    for _ in range(2):
        assert command(*QUICK).code == 0
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == [
        "tutorial-20250131-120000",
        "tutorial-20250131-120000-2",
    ]


def test_prints_a_plain_line_for_each_epoch_and_the_final_test_accuracy(command, tmp_path):
    result = command("train", "--model", "tutorial", "--epochs", "3", "--out", tmp_path / "run")
    first, *epochs, accuracy, note, saved = result.out.splitlines()
    parts = "180 images to train on, 20 to validate with (val_), 200 to test with at the end"
    assert first == f"tutorial on fashion-mnist-10k: {parts}"
    assert [line.split()[:2] for line in epochs] == [["epoch", f"{number}/3"] for number in (1, 2, 3)]
    assert all(" loss " in line and " val_accuracy " in line for line in epochs)
    assert "\r" not in result.out
    assert "\x1b" not in result.out
    history = json.loads((tmp_path / "run" / "history.json").read_text())
    assert accuracy == f"test accuracy {history['test_accuracy'][0]:.4f}, of 200 images"
    assert note.startswith("note: it has learned nothing yet: accuracy ")  # of so few images in so few epochs
    assert saved == f"saved to {tmp_path / 'run'}"


def test_the_folder_has_exactly_the_files_of_a_run(trained):
    assert sorted(path.name for path in trained.folder.iterdir()) == [
        "config.toml",
        "history.csv",
        "history.json",
        "model.npz",
        "snapshots.npz",
        "training.npz",
    ]


def test_both_histories_hold_the_same_numbers(trained):
    columns = ["epoch", "loss", "accuracy", "val_loss", "val_accuracy"]
    assert list(trained.history) == [*columns, "test_loss", "test_accuracy"]
    assert trained.history["epoch"] == [0, 1]
    with open(trained.folder / "history.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {name: [float(row[name]) for row in rows] for name in rows[0]} == {
        name: trained.history[name] for name in columns
    }


def test_does_what_the_library_does_with_the_same_arguments(trained, few_images):
    whole, test = few_images
    train, validation = whole.split(0.1, seed=3)
    model = minidl.models.tutorial(seed=3)
    history = model.fit(
        train.images,
        train.labels,
        loss=minidl.CrossEntropy(),
        optimizer=minidl.Adam(model.parameters(), lr=1e-3),
        epochs=2,
        batch_size=32,
        validation_data=(validation.images, validation.labels),
        metrics=[minidl.Accuracy()],
        seed=3,
        verbose=0,
    )
    tested = model.evaluate(test.images, test.labels, loss=minidl.CrossEntropy(), metrics=[minidl.Accuracy()])
    assert trained.history == {
        "epoch": [0, 1],
        **history,
        "test_loss": [tested["loss"]],
        "test_accuracy": [tested["accuracy"]],
    }
    kept = minidl.load(trained.folder / "model.npz").state_dict()
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(kept[name], value)


def test_the_configuration_is_resolved(trained):
    assert read_config(trained.folder) == {
        "model": "tutorial",
        "data": "fashion-mnist-10k",
        "epochs": 2,
        "batch_size": 32,
        "loss": {"name": "cross-entropy", "label_smoothing": 0},
        "optimizer": {
            "name": "adam",
            "lr": 0.001,
            "betas": [0.9, 0.999],
            "eps": 1e-8,
            "weight_decay": 0,
            "amsgrad": False,
        },
        "seed": 3,
        "validation_split": 0.1,
        "backend": minidl.backend_name(),
        "versions": {
            "minidl": minidl.__version__,
            "numpy": np.__version__,
            "numba": version("numba"),
            "python": platform.python_version(),
            "data": "200 images to train on, 0 to validate with, 200 to test with",
        },
    }


@pytest.mark.parametrize(("given", "lr"), [((), 0.01), (("--lr", "0.05"), 0.05)])
def test_the_optimizer_and_its_rate(command, tmp_path, given, lr):
    assert command(*QUICK, "--optimizer", "sgd", *given, "--out", tmp_path / "run").code == 0
    assert read_config(tmp_path / "run")["optimizer"] == {
        "name": "sgd",
        "lr": lr,
        "momentum": 0.9,
        "dampening": 0,
        "nesterov": False,
        "weight_decay": 0,
    }


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(command, tmp_path):
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        assert command(*QUICK, "--seed", seed, "--out", tmp_path / name).code == 0
    for file in ("model.npz", "config.toml", "training.npz", "history.csv", "history.json"):
        first, again, other = ((tmp_path / name / file).read_bytes() for name in "abc")
        assert first == again
        assert first != other


@pytest.mark.filterwarnings("default:the loss is nan")
def test_a_loss_that_is_no_number_is_still_valid_json(command, tmp_path, few_images, monkeypatch):
    train, _ = few_images
    nothing = minidl.datasets.Dataset(np.full_like(train.images, np.nan), train.labels, train.class_names)
    monkeypatch.setattr(minidl.datasets.fashion, "fashion_mnist_10k", lambda: (nothing, nothing))
    with np.errstate(all="ignore"):
        done = command(*QUICK, "--out", tmp_path / "run")
    assert done.code == 0
    assert "warning: the loss is nan in batch 1 of epoch 1: " in done.err

    def refuse(word):
        raise AssertionError(f"{word} isn't JSON")

    history = json.loads((tmp_path / "run" / "history.json").read_text(), parse_constant=refuse)
    assert history["val_loss"] == [None]


def test_braces_in_a_path_are_meant_literally(command, tmp_path):
    assert command(*QUICK, "--out", tmp_path / "{epoch}").code == 0
    assert (tmp_path / "{epoch}" / "model.npz").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--model", "lenett"), "argument --model: invalid choice 'lenett'; did you mean lenet?"),
        (("--schedule", "cosin"), "argument --schedule: invalid choice 'cosin'; did you mean cosine?"),
        (("--optimizer", "adm"), "did you mean adam?"),
        (("--backend", "compild"), "did you mean compiled?"),
        (("--epochs", "0"), "argument --epochs: expected a whole number of at least 1, got '0'"),
        (("--epochs", "-3"), "got '-3'"),
        (("--epochs", "2.5"), "got '2.5'"),
        (("--batch-size", "0"), "argument --batch-size: expected a whole number of at least 1"),
        (("--lr", "-1"), "argument --lr: expected a number above 0, got '-1'"),
        (("--lr", "0"), "got '0'"),
        (("--lr", "nan"), "got 'nan'"),
        (("--lr", "inf"), "got 'inf'"),
        (("--lr", "fast"), "got 'fast'"),
        (("--seed", "-1"), "argument --seed: expected a whole number of at least 0"),
        (("--threads", "0"), "argument --threads: expected a whole number of at least 1"),
        (("--epoch", "3"), "unknown option --epoch; did you mean --epochs?"),
        (("--epok=3",), "unknown option --epok; did you mean --epochs?"),
        (("--epochs",), "expected one argument"),
        (("surplus",), "unexpected argument 'surplus'"),
    ],
)
def test_bad_arguments(fails, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    error = fails("train", *arguments)
    assert message in error
    assert "see minidl train --help" in error
    assert not any(tmp_path.iterdir())


def test_missing_data_leave_no_folder(fails, tmp_path, monkeypatch):
    def nowhere():
        raise FileNotFoundError("Fashion-MNIST is nowhere. Any of these helps:\n  pip install it\n  set MINIDL_DATA")

    monkeypatch.setattr(minidl.datasets.fashion, "fashion_mnist", nowhere)
    error = fails("train", "--data", "fashion-mnist", "--out", tmp_path / "run")
    assert "Any of these helps: pip install it; set MINIDL_DATA" in error
    assert not any(tmp_path.iterdir())


def test_what_tensorboard_shows(command, tmp_path):
    pytest.importorskip("tensorboardX")
    arguments = ("train", "--model", "tutorial", "--epochs", 1, "--tensorboard", "--out", tmp_path / "run")
    assert command(*arguments).code == 0
    assert command("train", "--resume", tmp_path / "run", "--epochs", 2, "--tensorboard").code == 0
    folder = tmp_path / "run" / "tensorboard"
    assert {path.name: len([*path.iterdir()]) for path in folder.iterdir()} == {"train": 2, "validation": 2}


def test_tensorboard_without_its_extra(fails, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    message = fails("train", "--model", "tutorial", "--tensorboard", "--out", tmp_path / "run")
    assert 'pip install "minidl[tensorboard]"' in message
    assert not (tmp_path / "run").exists()
