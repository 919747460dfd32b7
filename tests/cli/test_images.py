"""What a run trains on, validates with and tests with, and whether the images are still those that it began with."""

import json
import shutil
import tomllib

import numpy as np
import pytest

import minidl
from minidl.cli.images import load_images
from minidl.datasets import Pictures, from_splits

QUICK = ("train", "--model", "tutorial", "--epochs", "2", "--batch-size", "16", "--lr", "0.01")


def save_pictures(folder, count, *, of=0, size=8):
    """Pictures (size, size) that are dark but for line `of`, a little different each."""
    image = pytest.importorskip("PIL.Image", reason="needs the extra `data`")
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(of)
    for number in range(count):
        pixels = rng.integers(0, 60, (size, size), np.uint8)
        pixels[of] = 255
        image.fromarray(pixels).save(folder / f"{number}.png")


@pytest.fixture
def pictures(tmp_path):
    """Three classes, of 10, 20 and 30 pictures."""
    for number, name in enumerate(("ant", "bee", "cat")):
        save_pictures(tmp_path / "pictures" / name, 10 * (number + 1), of=number)
    return tmp_path / "pictures"


def train(command, run, data, *options):
    grey = ("--set", "data.grey=true") if data.is_dir() else ()
    return command(*QUICK, "--data", data, *grey, *options, "--out", run)


def history_of(run):
    return json.loads((run / "history.json").read_text())


def test_images_that_lie_by_class_are_held_out_of_each(pictures):
    table = {"path": str(pictures), "grey": True}
    config, parts, _ = load_images({"data": table, "seed": 7})
    assert config["validation_split"] == 0.1
    counts = [part.class_counts().tolist() for part in (parts.train, parts.validation, parts.test)]
    assert counts == [[7, 14, 22], [1, 2, 2], [2, 4, 6]]
    whole = from_splits(pictures, grey=True)
    again, held_out = whole.train.split(0.1, seed=7)
    np.testing.assert_array_equal(parts.train.images, again.images)
    np.testing.assert_array_equal(parts.validation.images, held_out.images)
    np.testing.assert_array_equal(parts.test.images, whole.test.images)
    other = load_images({"data": table, "seed": 8})[1]
    assert not np.array_equal(other.validation.images, parts.validation.images)


def test_pictures_that_are_read_lazily_train_the_same(command, pictures, tmp_path):
    options = ("--set", 'data.resize="crop"', "--set", "data.size=28")
    assert train(command, tmp_path / "whole", pictures, *options).code == 0
    assert train(command, tmp_path / "lazy", pictures, *options, "--set", "data.lazy=true").code == 0
    assert history_of(tmp_path / "lazy") == history_of(tmp_path / "whole")
    whole, lazy = (command("evaluate", tmp_path / name, "--json") for name in ("whole", "lazy"))
    assert (whole.code, lazy.out) == (0, whole.out)
    _, parts, mark = load_images({"data": {"path": str(pictures), "lazy": True}, "seed": 0})
    assert isinstance(parts.train.images, Pictures)
    (pictures / "ant" / "0.png").rename(pictures / "ant" / "00.png")
    assert load_images({"data": {"path": str(pictures), "lazy": True}, "seed": 0})[2] != mark


def test_the_final_test_sees_what_nothing_was_chosen_by(command, pictures, tmp_path):
    stopping = ("--set", "early_stopping.patience=1", "--set", "early_stopping.restore_best_weights=true")
    result = train(command, tmp_path / "run", pictures, *stopping, "--json")
    assert (result.code, result.err.splitlines()[0]) == (
        0,
        f"tutorial on {pictures}: 43 images to train on, 5 to validate with (val_), 12 to test with at the end",
    )
    tests = from_splits(pictures, grey=True).test
    model = minidl.load(tmp_path / "run" / "model.npz")
    wanted = model.evaluate(tests.images, tests.labels, loss=minidl.CrossEntropy(), metrics=[minidl.Accuracy()])
    found = json.loads(result.out)
    assert (found["test_loss"], found["test_accuracy"]) == (wanted["loss"], wanted["accuracy"])
    assert history_of(tmp_path / "run")["test_loss"] == [wanted["loss"]]


def test_ctrl_c_during_the_final_test(command, pictures, tmp_path, monkeypatch):
    assert train(command, tmp_path / "whole", pictures).code == 0
    evaluate = minidl.Sequential.evaluate

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(minidl.Sequential, "evaluate", interrupted)
    assert train(command, tmp_path / "run", pictures).code == 130
    assert not (tmp_path / "run" / "history.json").exists()
    monkeypatch.setattr(minidl.Sequential, "evaluate", evaluate)
    assert command("train", "--resume", tmp_path / "run").code == 0
    assert files_of(tmp_path / "run") == files_of(tmp_path / "whole")


def test_without_validation_all_images_train(command, few_images, tmp_path):
    run = tmp_path / "run"
    result = command(*QUICK, "--set", "validation_split=0", "--out", run)
    assert "200 images to train on, none to validate with, 200 to test with at the end" in result.out
    images, tests = few_images
    model = minidl.models.tutorial(seed=0)
    history = model.fit(
        images.images,
        images.labels,
        loss=minidl.CrossEntropy(),
        optimizer=minidl.Adam(model.parameters(), lr=0.01),
        epochs=2,
        batch_size=16,
        metrics=[minidl.Accuracy()],
        seed=0,
        verbose=0,
    )
    found = history_of(run)
    assert list(found) == ["epoch", "loss", "accuracy", "test_loss", "test_accuracy"]
    assert found["loss"] == history["loss"]
    accuracy = model.evaluate(tests.images, tests.labels, loss=minidl.CrossEntropy(), metrics=[minidl.Accuracy()])
    assert found["test_accuracy"] == [accuracy["accuracy"]]


def test_parts_are_used_by_their_names(command, fails, tmp_path):
    data = tmp_path / "data"
    for part, count in (("Training", 4), ("VALID", 3), ("Testing", 2)):
        for number, name in enumerate(("ant", "bee")):
            save_pictures(data / part / name, count, of=number)
    result = train(command, tmp_path / "run", data)
    assert (result.code, result.err) == (0, "")
    assert "8 images to train on, 6 to validate with (val_), 4 to test with at the end" in result.out
    config = tomllib.loads((tmp_path / "run" / "config.toml").read_text())
    assert "validation_split" not in config
    assert config["data"]["class_names"] == ["ant", "bee"]
    error = fails(*QUICK, "--data", data, "--set", "validation_split=0.2", "--out", tmp_path / "other")
    assert f"validation_split: {data} has images to validate with; leave it out, or 0 to train without" in error
    result = train(command, tmp_path / "all", data, "--set", "validation_split=0")
    assert "8 images to train on, none to validate with, 4 to test with" in result.out


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("early_stopping.patience=2", "early_stopping.monitor: with validation_split = 0 there is no"),
        ("early_stopping.monitor=val_accuracy", "there is no val_accuracy; watch accuracy, or set validation_split"),
        ("schedule=plateau", "schedule.monitor: with validation_split = 0 there is no"),
    ],
)
def test_what_watches_the_validation_needs_one(fails, tmp_path, option, message):
    options = ("--set", option, "--set", "validation_split=0", "--out", tmp_path / "run")
    assert message in fails("train", *options)
    assert not any(tmp_path.iterdir())


def test_what_watches_the_training_does_not(command, tmp_path):
    options = ("--set", "early_stopping.monitor=loss", "--schedule", "cosine", "--set", "validation_split=0")
    assert command(*QUICK, *options, "--out", tmp_path / "run").code == 0


def arrays(tmp_path, labels, name="data.npz"):
    images = np.random.default_rng(0).integers(0, 255, (len(labels), 8, 8), np.uint8)
    np.savez(tmp_path / name, x_train=images, y_train=labels, x_test=images[:4], y_test=labels[:4])
    return tmp_path / name


def test_too_few_images(fails, command, tmp_path):
    def refused(data, *options):
        return fails(*QUICK, "--data", data, *options, "--out", tmp_path / "run")

    one = arrays(tmp_path, [0] * 9, "one.npz")
    assert f"{one}: expected at least two classes to train on, got 0 alone" in refused(one)
    rare = arrays(tmp_path, [0, 1] * 5 + [2], "rare.npz")
    error = refused(rare)
    assert "validation_split: the class 2 has only one training image, and none to hold out" in error
    assert "validation_split=0 trains on all" in error
    few = arrays(tmp_path, [0, 1, 2] * 2, "few.npz")
    assert "validation_split: 0.6 of 6 images leaves 2 to train on, fewer than the 3 classes" in refused(
        few, "--set", "validation_split=0.6"
    )
    assert not (tmp_path / "run").exists()
    result = train(command, tmp_path / "run", few)
    assert "3 images to train on, 3 to validate with" in result.out, "not one of each class"


def test_classes_that_there_is_nothing_to_learn_of(command, tmp_path):
    data = arrays(tmp_path, [0, 2] * 6)
    result = train(command, tmp_path / "run", data, "--set", 'data.class_names=["a", "b", "c"]')
    assert result.err == f"minidl: warning: {data} has no training images of the classes b\n"


def test_class_names_that_leave_folders_out(command, pictures, tmp_path):
    (pictures / "empty").mkdir()
    result = train(command, tmp_path / "run", pictures, "--set", 'data.class_names=["cat", "ant"]')
    assert result.err == f"minidl: warning: {pictures}: bee isn't among the class_names, and is ignored\n"
    assert result.code == 0


@pytest.fixture
def begun(command, pictures, tmp_path):
    """A run on the pictures, of two epochs."""
    assert train(command, tmp_path / "run", pictures).code == 0
    return tmp_path / "run"


def files_of(run):
    return {path.name: path.read_bytes() for path in run.iterdir()}


def test_going_on_with_the_same_images(command, begun, pictures, tmp_path):
    shutil.copytree(begun, tmp_path / "again")
    assert command("train", "--resume", tmp_path / "again", "--epochs", 3).code == 0
    whole = train(command, tmp_path / "whole", pictures, "--epochs", "3")
    assert whole.code == 0
    assert files_of(tmp_path / "again") == files_of(tmp_path / "whole")


def test_going_on_with_other_images(command, fails, begun, pictures):
    before = files_of(begun)
    resume = ("train", "--resume", begun, "--epochs", 3)
    shutil.copy(pictures / "ant" / "0.png", pictures / "ant" / "99.png")
    error = fails(*resume)
    assert f"{begun} started with other images: 48 images to train on, 0 to validate with, 12 to test with" in error
    assert "now there are 48 images to train on, 0 to validate with, 13 to test with" in error
    (pictures / "ant" / "99.png").unlink()
    shutil.copy(pictures / "ant" / "0.png", pictures / "ant" / "1.png")
    assert "started with other images" in fails(*resume), "as many, of other pixels"
    (pictures / "ant").rename(pictures.parent / "ant")
    assert "it has no folder ant; there are bee, cat" in fails(*resume)
    assert files_of(begun) == before


def test_going_on_where_a_class_was_added(command, begun, pictures, tmp_path):
    save_pictures(pictures / "dog", 3, of=5)
    result = command("train", "--resume", begun, "--epochs", 3)
    assert result.code == 0
    assert result.err == f"minidl: warning: {pictures}: dog isn't among the class_names, and is ignored\n"


def test_going_on_with_a_run_that_validated_with_the_images_to_test_with(fails, begun):
    config = begun / "config.toml"
    lines = config.read_text().splitlines()
    config.write_text("\n".join(line for line in lines if not line.startswith(("data = ", "validation_split"))))
    assert "validated on the test images; start a new run" in fails("train", "--resume", begun)


def test_rare_classes_may_count_as_much_as_others(command, pictures, tmp_path):
    balanced, table = tmp_path / "balanced", tmp_path / "table"
    assert train(command, balanced, pictures, "--class-weight", "balanced").code == 0
    _, splits, _ = load_images({"data": {"path": str(pictures), "grey": True}, "seed": 0})
    counts = dict(zip(splits.train.class_names, splits.train.class_counts(), strict=True))
    weights = {name: float(len(splits.train) / (3 * count)) for name, count in counts.items()}
    file = tmp_path / "weights.toml"
    file.write_text("[class_weight]\n" + "".join(f"{name} = {weight!r}\n" for name, weight in weights.items()))
    assert train(command, table, pictures, "--config", file).code == 0
    assert history_of(balanced) == history_of(table)
    assert tomllib.loads((balanced / "config.toml").read_text())["class_weight"] == "balanced"
    plain = tmp_path / "plain"
    assert train(command, plain, pictures).code == 0
    assert history_of(plain)["loss"] != history_of(balanced)["loss"]


def test_class_weights_of_classes_that_are_not_there(fails, pictures, tmp_path):
    error = fails(*QUICK, "--data", pictures, "--set", "class_weight={dog = 2}", "--out", tmp_path / "run")
    assert "class_weight: there is no class 'dog'" in error
    assert 'class_weight: expected "balanced" or a table' in fails("train", "--set", "class_weight=equal")


def test_a_size_for_pictures(command, fails, pictures, tmp_path):
    assert train(command, tmp_path / "run", pictures, "--size", "10x12", "--early-stopping", "1").code == 0
    config = tomllib.loads((tmp_path / "run" / "config.toml").read_text())
    assert config["data"]["size"] == [10, 12]
    assert config["early_stopping"]["patience"] == 1
    assert minidl.load(tmp_path / "run" / "model.npz").input_shape == (1, 10, 12)
    assert "argument --size: only for a folder of pictures" in fails("train", "--size", "64")
    assert "argument --size: expected a size such as 64" in fails("train", "--size", "64x64x3")
