import json
import shutil

import numpy as np
import pytest

import minidl


def test_agrees_with_the_end_of_training(command, trained):
    result = command("evaluate", trained.path)
    assert (result.code, result.err) == (0, "")
    assert result.out.splitlines() == [
        "fashion-mnist-10k, test split, 200 images",
        f"test loss {trained.history['test_loss'][0]:.4f}",
        f"test accuracy {trained.history['test_accuracy'][0]:.4f}",
    ]


def test_json(command, trained):
    assert json.loads(command("evaluate", trained.path, "--json").out) == {
        "data": "fashion-mnist-10k",
        "split": "test",
        "images": 200,
        "loss": trained.history["test_loss"][0],
        "accuracy": trained.history["test_accuracy"][0],
    }


def test_other_data(command, trained, few_images, monkeypatch):
    train, test = few_images
    monkeypatch.setattr(minidl.datasets.fashion, "fashion_mnist", lambda: (test, train))
    expected = minidl.load(trained.folder / "model.npz").evaluate(
        train.images, train.labels, loss=minidl.CrossEntropy(), metrics=[minidl.Accuracy()]
    )
    result = command("evaluate", trained.path, "--data", "fashion-mnist", "--json")
    assert json.loads(result.out) == {"data": "fashion-mnist", "split": "test", "images": 200, **expected}
    assert result.err == ""


def test_warns_of_test_images_that_were_trained_on(command, trained, tmp_path):
    folder = shutil.copytree(trained.folder, tmp_path / "run")
    (folder / "config.toml").write_text('data = "fashion-mnist"')
    result = command("evaluate", folder, "--data", "fashion-mnist-10k")
    assert result.code == 0
    assert result.err == (
        "minidl: warning: the run was trained on fashion-mnist, which includes the test images of fashion-mnist-10k\n"
    )


def test_the_file_of_a_model_needs_data_and_gets_them(command, fails, trained):
    path = trained.folder / "model.npz"
    assert "add --data with a path, or one of fashion-mnist-10k, fashion-mnist, mnist, cifar10" in fails(
        "evaluate", path
    )
    assert command("evaluate", path, "--data", "fashion-mnist-10k").out == command("evaluate", trained.path).out


def test_a_folder_without_a_configuration_needs_data(fails, trained, tmp_path):
    shutil.copy(trained.folder / "model.npz", tmp_path)
    assert "doesn't say what it was trained on" in fails("evaluate", tmp_path)


def test_no_such_run(fails, tmp_path):
    assert fails("evaluate", tmp_path / "none") == f"minidl: error: {tmp_path / 'none'}: No such file or directory\n"


def test_a_folder_that_is_no_run(fails, tmp_path):
    assert "isn't the folder of a run: there is no model.npz in it" in fails("evaluate", tmp_path)


def test_a_device(fails):
    assert "not a regular file" in fails("evaluate", "/dev/null")


@pytest.mark.parametrize("content", [b"", b"nonsense", None])
def test_a_damaged_model(fails, trained, tmp_path, content):
    path = tmp_path / "model.npz"
    path.write_bytes((trained.folder / "model.npz").read_bytes()[:-100] if content is None else content)
    assert str(path) in fails("evaluate", tmp_path)


def test_an_archive_that_is_no_model(fails, tmp_path):
    np.savez(tmp_path / "model.npz", weight=np.zeros(3))
    assert "not a model that minidl saved" in fails("evaluate", tmp_path)


def test_a_damaged_configuration(fails, trained, tmp_path):
    folder = shutil.copytree(trained.folder, tmp_path / "run")
    (folder / "config.toml").write_text("{\x1b[2J\n\n")
    assert f"{folder / 'config.toml'}: not TOML" in fails("evaluate", folder)


def test_a_name_cannot_write_control_characters_to_the_terminal(fails, tmp_path):
    assert r"\x1b[2J\u202e: No such file" in fails("evaluate", tmp_path / "\x1b[2J\u202e")


def test_a_model_for_other_images(fails, tmp_path):
    minidl.Sequential([minidl.Flatten(), minidl.Dense(10)], input_shape=(1, 8, 8), seed=0).save(tmp_path / "m.npz")
    error = fails("evaluate", tmp_path / "m.npz", "--data", "fashion-mnist-10k")
    assert "64" in error
    assert "784" in error


def test_a_misspelt_option(fails, trained):
    assert "unknown option --jsn; did you mean --json?" in fails("evaluate", trained.path, "--jsn")


def test_a_missing_argument(fails):
    assert "required: RUN" in fails("evaluate")


def test_a_configuration_that_was_edited(command, fails, trained, tmp_path):
    folder = shutil.copytree(trained.folder, tmp_path / "run")
    (folder / "config.toml").write_text('data = "fashion-mnist-10k"\n[loss]\nlabel_smoothing = 0')
    assert command("evaluate", folder).out == command("evaluate", trained.path).out
    (folder / "config.toml").write_text('data = "fashion-mnist-10k"\nloss = "focl"')
    assert f"{folder}: loss: unknown name 'focl'; did you mean focal?" in fails("evaluate", folder)


def test_each_image_has_a_line(command, trained):
    lines = command("evaluate", trained.path, "--each", "--json").out.splitlines()
    each, whole = [json.loads(line) for line in lines[:-1]], json.loads(lines[-1])
    assert whole == json.loads(command("evaluate", trained.path, "--json").out)
    assert [found["index"] for found in each] == list(range(200))
    assert set(each[0]) == {"index", "label", "name", "is_right", "probability"}
    assert np.mean([found["is_right"] for found in each]) == whole["accuracy"]
    text = command("evaluate", trained.path, "--each").out.splitlines()[:200]
    wrong = next(found for found in each if not found["is_right"])
    said = f"{wrong['index']}: {wrong['probability']:.4f} {wrong['name']}, but it is {wrong['label']}"
    assert text[wrong["index"]] == said
