"""Configurations: what they may say, what is refused before any work, and that a run's own trains the same again."""

import json
import re
import tomllib
from pathlib import Path

import numpy as np
import pytest

import minidl
from minidl.cli import choices
from minidl.cli.configuration import KEYS, checked, complete, overridden, setting

PAGE = Path(minidl.__file__).parents[1] / "docs" / "command_line.md"

EVERYTHING = """
model = "tutorial"
epochs = 3
batch_size = 40
seed = 5
average = 0.9
augment = ["flip", {name = "shift", pixels = [1, 2]}, "mixup"]

[loss]
name = "cross-entropy"
label_smoothing = 0.1

[optimizer]
name = "sgd"
lr = 0.05
clip_norm = 1

[optimizer.groups."*.bias"]
weight_decay = 0

[schedule]
name = "one-cycle"
pct_start = 0.5
[schedule.warm_up]
steps = 3

[early_stopping]
monitor = "val_accuracy"
patience = 5

[versions]
anything = "is ignored"
"""


@pytest.fixture
def no_data(monkeypatch):
    def load():
        raise AssertionError("work was done")

    monkeypatch.setattr(minidl.datasets.fashion, "fashion_mnist_10k", load)


@pytest.fixture
def file(tmp_path):
    def write(text):
        path = tmp_path / "lenet.toml"
        path.write_text(text)
        return path

    return write


def config_of(folder):
    return tomllib.loads((folder / "config.toml").read_text())


def test_does_what_the_library_does(command, file, tmp_path, few_images):
    assert command("train", "--config", file(EVERYTHING), "--out", tmp_path / "run").code == 0
    train, test = few_images
    train, validation = train.split(0.1, seed=5)
    model = minidl.models.tutorial(seed=5)
    optimizer = minidl.SGD(
        model.named_parameters(), lr=0.05, momentum=0.9, clip_norm=1, groups={"*.bias": {"weight_decay": 0}}
    )
    cycle = minidl.schedules.OneCycle(optimizer, max_lr=0.05, total_steps=12, pct_start=0.5)
    history = model.fit(
        train.images,
        train.one_hot(),
        loss=minidl.CrossEntropy(label_smoothing=0.1),
        optimizer=optimizer,
        schedule=minidl.schedules.WarmUp(cycle, steps=3),
        augment=[
            minidl.augment.RandomHorizontalFlip(),
            minidl.augment.RandomShift((1, 2)),
            minidl.augment.MixUp(),
        ],
        callbacks=[minidl.AverageWeights(0.9), minidl.EarlyStopping("val_accuracy", patience=5)],
        epochs=3,
        batch_size=40,
        validation_data=(validation.images, validation.labels),
        metrics=[minidl.Accuracy()],
        seed=5,
        verbose=0,
    )
    loss = minidl.CrossEntropy(label_smoothing=0.1)
    tested = model.evaluate(test.images, test.labels, loss=loss, metrics=[minidl.Accuracy()])
    assert json.loads((tmp_path / "run" / "history.json").read_text()) == {
        "epoch": [0, 1, 2],
        **history,
        "test_loss": [tested["loss"]],
        "test_accuracy": [tested["accuracy"]],
    }
    kept = minidl.load(tmp_path / "run" / "model.npz").state_dict()
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(kept[name], value)


def test_a_runs_own_configuration_trains_the_same_bits(command, file, tmp_path):
    assert command("train", "--config", file(EVERYTHING), "--out", tmp_path / "a").code == 0
    assert command("train", "--config", tmp_path / "a" / "config.toml", "--out", tmp_path / "b").code == 0
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name


def test_options_change_what_a_file_says(command, file, tmp_path):
    path = file(EVERYTHING)
    options = ["--epochs", 1, "--lr", 0.2, "--seed", 6, "--augment", "none", "--set", "schedule.pct_start=0.3"]
    assert command("train", "--config", path, *options, "--out", tmp_path / "run").code == 0
    config = config_of(tmp_path / "run")
    assert (config["epochs"], config["seed"], config["batch_size"], config["augment"]) == (1, 6, 40, [])
    assert (config["optimizer"]["lr"], config["optimizer"]["clip_norm"]) == (0.2, 1)
    assert (config["schedule"]["max_lr"], config["schedule"]["pct_start"]) == (0.2, 0.3)
    another = ["--optimizer", "adam", "--schedule", "none", "--epochs", 1]
    assert command("train", "--config", path, *another, "--out", tmp_path / "adam").code == 0
    config = config_of(tmp_path / "adam")
    assert "schedule" not in config
    assert (config["optimizer"]["lr"], "clip_norm" in config["optimizer"]) == (0.001, False)


@pytest.mark.parametrize("name", list(choices.OPTIMIZERS))
def test_each_optimizer(command, tmp_path, name):
    options = ["--model", "tutorial", "--epochs", 1, "--optimizer", name]
    assert command("train", *options, "--out", tmp_path / "run").code == 0
    found = config_of(tmp_path / "run")["optimizer"]
    assert found["name"] == name
    assert found["lr"] == choices.OPTIMIZERS[name].resolved({})["lr"]


@pytest.mark.parametrize("name", list(choices.SCHEDULES))
def test_each_schedule(command, tmp_path, name):
    options = ["--model", "tutorial", "--epochs", 3, "--batch-size", 100, "--schedule", name, "--lr", 0.01]
    result = command("train", *options, "--out", tmp_path / "run", "--json")
    assert result.code == 0
    rates = json.loads((tmp_path / "run" / "history.json").read_text())["lr"]
    wanted = {
        "cosine": [0.01, 0.0075, 0.0025],
        "cosine-restarts": [0.01, 0.01, 0.01],
        "cyclic": [0.01, 0.001, 0.01],
        "exponential": [0.01, 0.009, 0.0081],
        "multi-step": [0.01, 0.001, 0.0001],
        "plateau": [0.01, 0.01, 0.01],
        "polynomial": [0.01, 0.02 / 3, 0.01 / 3],
        "step": [0.01, 0.001, 0.0001],
        "warm-up": [0.01 / 3, 0.01, 0.01],
    }
    if name == "one-cycle":
        assert max(rates) > 0.005 > rates[-1]
    else:
        assert rates == pytest.approx(wanted[name])


@pytest.mark.parametrize("name", list(choices.AUGMENTATIONS))
def test_each_augmentation(command, tmp_path, name):
    plain = ["train", "--model", "tutorial", "--epochs", 1]
    assert command(*plain, "--out", tmp_path / "plain").code == 0
    assert command(*plain, "--augment", name, "--out", tmp_path / "run").code == 0
    assert config_of(tmp_path / "run")["augment"][0]["name"] == name
    assert (tmp_path / "run" / "model.npz").read_bytes() != (tmp_path / "plain" / "model.npz").read_bytes()


def test_a_share_for_validation(command, tmp_path):
    options = ["--model", "tutorial", "--epochs", 1, "--set", "validation_split=0.25"]
    result = command("train", *options, "--out", tmp_path / "run")
    assert "150 images to train on, 50 to validate with (val_), 200 to test with at the end" in result.out
    assert config_of(tmp_path / "run")["validation_split"] == 0.25


def test_a_focal_loss_and_a_width(command, tmp_path):
    options = ["--set", "loss=focal", "--set", "loss.gamma=1", "--set", "model.width=0.1", "--epochs", 1]
    assert command("train", *options, "--model", "mobilenet", "--out", tmp_path / "run").code == 0
    config = config_of(tmp_path / "run")
    assert config["loss"] == {"name": "focal", "gamma": 1, "label_smoothing": 0}
    assert config["model"] == {"name": "mobilenet", "width": 0.1, "stem_stride": 1}
    found = json.loads(command("evaluate", tmp_path / "run", "--json").out)
    assert found["loss"] == json.loads((tmp_path / "run" / "history.json").read_text())["test_loss"][0]


def test_data_of_ones_own(command, tmp_path, few_images):
    train, _ = few_images
    np.savez(tmp_path / "own.npz", images=train.images, labels=train.labels % 3)
    path, run = str(tmp_path / "own.npz"), tmp_path / "run"
    options = ["--set", 'data.class_names=["a", "b", "\\u0007c"]', "--model", "tutorial", "--epochs", 1]
    assert command("train", "--data", path, *options, "--out", run).code == 0
    data = config_of(run)["data"]
    assert (data["path"], data["test_size"], data["class_names"]) == (path, 0.2, ["a", "b", "\x07c"])
    assert minidl.load(run / "model.npz").output_shape((1, 28, 28)) == (3,)
    again = json.loads(command("evaluate", run, "--json").out)
    assert again["loss"] == json.loads((run / "history.json").read_text())["test_loss"][0]
    assert again["images"] == 40
    np.save(tmp_path / "images.npy", train.images)
    names = {line.split()[1] for line in command("predict", run, tmp_path / "images.npy").out.splitlines()}
    assert names <= {"a", "b", r"\x07c"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epoch = 3", "unknown key 'epoch'; did you mean epochs?"),
        ("epochs = 0", "epochs: expected a whole number of at least 1, got 0"),
        ("epochs = true", "epochs: expected a whole number of at least 1, got True"),
        ("batch_size = 2.5", "batch_size: expected a whole number of at least 1, got 2.5"),
        ("validation_split = 1", "validation_split: expected a number from 0 to 1, 1 excluded, got 1"),
        ("average = nan", "average: expected a number from 0 to 1, 1 excluded, got nan"),
        ("model = 3", "model: expected a name or a table, got 3"),
        ('model = "lenett"', "model: unknown name 'lenett'; did you mean lenet?"),
        ('[model]\nname = "lenet"\nwidth = 2', "model: unknown key 'width'; known: name"),
        ('[model]\nname = "mobilenet"\nwidth = -1', "model: width: expected a number above 0, got -1"),
        ('data = "imagenet"', "data: 'imagenet' is neither a data set nor a path"),
        ('[data]\npath = "nowhere"', "data: there is no "),
        ('[data]\npath = "."\nsize = "big"', "data.size: expected a whole number or a list of numbers, got 'big'"),
        ('[data]\npath = "."\nresize = "fit"', "data.resize: expected 'squash' or 'crop' or 'pad', got 'fit'"),
        ('[data]\npath = "."\nresize = [1]', "data.resize: expected 'squash' or 'crop' or 'pad', got [1]"),
        ('[data]\npath = "."\ngray = true', "data: unknown key 'gray'; did you mean grey?"),
        ("[data]\nsize = 3", "data: size is for a path, not for fashion-mnist-10k"),
        ('backend = "compild"', "backend: unknown name 'compild'; did you mean compiled?"),
        ('optimizer = "adm"', "optimizer: unknown name 'adm'; did you mean adam?"),
        ("[optimizer]\nname = 1", "optimizer.name: unknown name 1"),
        ('[optimizer]\nlr = "fast"', "optimizer.lr: expected a number, got 'fast'"),
        ("[optimizer]\nlr = -1", "optimizer: lr: expected a number of at least 0, got -1"),
        ("[optimizer]\nbetas = [0.9]", "optimizer.betas: expected a list of numbers, got [0.9]"),
        ('[optimizer]\nname = "adam"\nlearning_rate = 1', "optimizer: unknown key 'learning_rate'; did you mean lr?"),
        ('[optimizer]\nname = "adam"\nmomentum = 1', "optimizer: unknown key 'momentum'"),
        ("[optimizer]\nmomentum = 1", "optimizer: Adam: unknown argument 'momentum'"),
        ("[optimizer]\ngroups = 1", "optimizer.groups: expected a table, got 1"),
        ("[schedule]\nperiod = 3", "schedule.name: expected one; known: cosine"),
        ('[schedule]\nname = "cosine"\nperiod = 0', "schedule: period: expected an int of at least 1, got 0"),
        ('[schedule]\nname = "cosine"\nper = "day"', 'schedule: per: expected "epoch" or "batch"'),
        ('[schedule]\nname = "step"\nwarm_up = 3', "schedule.warm_up: expected a table, got 3"),
        ('[schedule.warm_up]\nname = "step"', "schedule.warm_up: unknown key 'name'"),
        (
            '[schedule]\nname = "plateau"\nmonitor = "val_los"',
            "schedule.monitor: nothing called 'val_los'",
        ),
        ('optimizer = "rmsprop"\nschedule = "one-cycle"', "schedule: cycle_momentum: the optimizer has no momentum"),
        ('early_stopping = "yes"', "early_stopping: expected a table, got 'yes'"),
        ("[early_stopping]\npatience = 1.5", "early_stopping.patience: expected a whole number, got 1.5"),
        ('augment = "flip"', "augment: expected a list of names or tables, got 'flip'"),
        ('augment = ["flip", "shft"]', "augment[1]: unknown name 'shft'; did you mean shift?"),
        ('augment = [{name = "flip", rate = 2}]', "augment: rate: expected a probability from 0 to 1, got 2"),
        ("loss = 'focl'", "loss: unknown name 'focl'; did you mean focal?"),
        ("model = lenet", "not TOML: Invalid value (at line 1"),
    ],
)
def test_what_is_wrong_is_named_before_any_work(fails, no_data, file, tmp_path, monkeypatch, text, message):
    monkeypatch.chdir(tmp_path)
    path = file(text)
    assert f"{path}: {message}" in fails("train", "--config", path)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--set", "epochs"], "argument --set: expected KEY=VALUE, got 'epochs'"),
        (["--set", "=3"], "expected KEY=VALUE"),
        (["--set", "epochs=many"], "argument --set: epochs: expected a whole number of at least 1, got 'many'"),
        (["--set", "optimizer.mometum=1"], "argument --set: optimizer: unknown key 'mometum'; did you mean momentum?"),
        (["--set", "optimizer.momentum=1"], "the command line: optimizer: Adam: unknown argument 'momentum'"),
        (["--set", "epochs='''"], "argument --set: not TOML"),
        (["--augment", "flip,shft"], "the command line: augment[1]: unknown name 'shft'; did you mean shift?"),
        (["--data", "imagenet"], "data: 'imagenet' is neither a data set nor a path; known: fashion-mnist-10k"),
        (["--config", "none.toml"], "none.toml: No such file"),
        (["--config", "."], "not a regular file"),
    ],
)
def test_wrong_options(fails, no_data, tmp_path, monkeypatch, options, message):
    monkeypatch.chdir(tmp_path)
    assert message in fails("train", *options)
    assert not any(tmp_path.iterdir())


def test_a_schedule_that_is_too_short_leaves_no_folder(fails, tmp_path):
    options = ["--schedule", "one-cycle", "--set", "schedule.total_steps=10", "--epochs", 5]
    message = "one-cycle ends after 10 steps, but 5 epochs have 15; a new training without total_steps takes as many"
    assert message in fails("train", *options, "--out", tmp_path / "run")
    assert not any(tmp_path.iterdir())


def test_a_table_of_another_name_takes_the_place_of_the_old_one():
    old = {"optimizer": {"name": "sgd", "momentum": 0.5}, "epochs": 3}
    assert overridden(old, {"optimizer": {"lr": 1}}) == old | {"optimizer": {"name": "sgd", "momentum": 0.5, "lr": 1}}
    assert overridden(old, {"optimizer": {"name": "adam"}})["optimizer"] == {"name": "adam"}
    assert overridden(old, {"optimizer": {"name": "sgd", "lr": 1}})["optimizer"]["momentum"] == 0.5
    assert old["optimizer"] == {"name": "sgd", "momentum": 0.5}


def test_settings():
    assert setting("optimizer.betas=[0.8, 0.9]") == {"optimizer": {"betas": [0.8, 0.9]}}
    assert setting("model=vgg") == setting('model="vgg"') == {"model": {"name": "vgg"}}
    assert setting("seed = 3") == {"seed": 3}


def test_complete_is_checked_and_leaves_its_own_alone():
    config = checked({"optimizer": "lion"}, "here")
    whole = complete(config, "here")
    assert whole["optimizer"]["lr"] == 1e-4
    assert config == {"optimizer": {"name": "lion"}}
    assert complete(whole, "here") == whole


def test_the_page_tells_of_every_key_and_name_and_its_example_is_right():
    text = PAGE.read_text("utf-8")
    (example,) = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    whole = complete(checked(tomllib.loads(example), "the page"), "the page")
    assert whole["schedule"] == {"name": "one-cycle"}
    names = [*KEYS, *choices.DATA]
    for known in (choices.NETWORKS, choices.LOSSES, choices.OPTIMIZERS, choices.SCHEDULES, choices.AUGMENTATIONS):
        names += known
    assert [name for name in names if f"`{name}`" not in text] == []
