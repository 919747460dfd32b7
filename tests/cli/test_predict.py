import json
import os
import shutil

import numpy as np
import pytest

import minidl
from minidl.datasets.fashion import CLASS_NAMES


@pytest.fixture
def images(few_images):
    return few_images[1].images[:12]


@pytest.fixture
def pixels(images):
    return np.rint(images[:, 0] * 255).astype(np.uint8)


@pytest.fixture
def file(tmp_path, pixels):
    np.save(tmp_path / "images.npy", pixels)
    return tmp_path / "images.npy"


@pytest.fixture
def expected(trained, images):
    return minidl.load(trained.folder / "model.npz").predict(images)


def test_a_line_for_each_image(command, trained, file, expected):
    result = command("predict", trained.path, file)
    assert (result.code, result.err) == (0, "")
    lines = result.out.splitlines()
    assert len(lines) == 12
    for index, (line, row) in enumerate(zip(lines, expected, strict=True)):
        number, rest = line.split(maxsplit=1)
        name, probability = rest.rsplit(maxsplit=1)
        assert (int(number), name.strip(), probability) == (index, CLASS_NAMES[row.argmax()], f"{row.max():.4f}")
    assert len({len(line) for line in lines}) == 1, "the columns aren't aligned"


def test_json(command, trained, file, expected):
    assert json.loads(command("predict", trained.path, file, "--json").out) == [
        {"index": i, "class": row.argmax(), "name": CLASS_NAMES[row.argmax()], "probability": float(row.max())}
        for i, row in enumerate(expected)
    ]


@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64", ">f4"])
@pytest.mark.parametrize("with_channel", [False, True])
def test_every_kind_of_image_gives_the_same(command, trained, tmp_path, pixels, expected, dtype, with_channel):
    images = pixels if dtype == "uint8" else np.divide(pixels, 255, dtype=np.float32).astype(dtype)
    np.save(tmp_path / "images.npy", images[:, np.newaxis] if with_channel else images)
    assert command("predict", trained.path, tmp_path / "images.npy", "--out", tmp_path / "out.npy").code == 0
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), expected)


def test_scores_become_probabilities_once(command, tmp_path, file, images):
    model = minidl.models.lenet(seed=1)
    model.save(tmp_path / "model.npz")
    assert command("predict", tmp_path, file, "--out", tmp_path / "out.npy").code == 0
    scores = model.predict(images).astype(float)
    shares = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(np.load(tmp_path / "out.npy"), shares, rtol=1e-5)


def without_names(trained, path):
    """A file of the run's model, which doesn't say what its classes are called."""
    model = minidl.load(trained.folder / "model.npz")
    model.preprocessing = None
    model.save(path)
    return path


def test_a_file_of_a_model_has_its_names(command, trained, file):
    predictions = json.loads(command("predict", trained.folder / "model.npz", file, "--json").out)
    assert predictions == json.loads(command("predict", trained.path, file, "--json").out)


def test_a_model_that_does_not_say_its_data_has_numbers_for_names(command, trained, tmp_path, file, expected):
    predictions = json.loads(command("predict", without_names(trained, tmp_path / "m.npz"), file, "--json").out)
    assert [prediction["name"] for prediction in predictions] == [str(row.argmax()) for row in expected]


def test_an_image_in_color(command, tmp_path):
    minidl.Sequential([minidl.Flatten(), minidl.Dense(3)], input_shape=(3, 4, 4), seed=0).save(tmp_path / "model.npz")
    (tmp_path / "config.toml").write_text('data = "fashion-mnist"')
    np.save(tmp_path / "images.npy", np.zeros((1, 3, 4, 4), np.uint8))
    (prediction,) = json.loads(command("predict", tmp_path, tmp_path / "images.npy", "--json").out)
    assert prediction == {"index": 0, "class": 0, "name": "0", "probability": pytest.approx(1 / 3)}


@pytest.mark.parametrize("names", ["3", '["a"]', "[]"])
def test_class_names_that_do_not_fit_are_numbers(command, trained, tmp_path, file, names):
    folder = shutil.copytree(trained.folder, tmp_path / "run")
    without_names(trained, folder / "model.npz")
    (folder / "config.toml").write_text(f'[data]\npath = "."\nclass_names = {names}')
    found = json.loads(command("predict", folder, file, "--json").out)
    assert [each["name"] for each in found] == [str(each["class"]) for each in found]


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (
            np.zeros((2, 32, 32), np.uint8),
            "expected images (n, 28, 28) or (n, 1, 28, 28) with n of at least 1, got (2, ",
        ),
        (np.zeros((2, 3, 28, 28), np.uint8), "got (2, 3, 28, 28)"),
        (np.zeros((2, 28, 28, 1), np.uint8), "got (2, 28, 28, 1); channels come first: x.transpose(0, 3, 1, 2)"),
        (np.zeros((28, 28), np.uint8), "got (28, 28)"),
        (np.zeros((0, 28, 28), np.uint8), "got (0, 28, 28)"),
        (np.float32(0.5), "got ()"),
        (np.zeros((2, 28, 28), np.int64), "expected bytes (uint8) or floats from 0 to 1, got int64"),
        (np.full((2, 28, 28), 255.0), "expected floats from 0 to 1, got 255 to 255"),
        (np.full((2, 28, 28), -0.5), "got -0.5 to -0.5"),
        (np.full((2, 28, 28), np.nan), "got nan to nan"),
    ],
)
def test_other_arrays(fails, trained, tmp_path, array, message):
    np.save(tmp_path / "images.npy", array)
    error = fails("predict", trained.path, tmp_path / "images.npy")
    assert message in error
    assert "images.npy" in error


def test_a_file_that_does_not_say_its_numbers_takes_any(command, fails, tmp_path):
    model = minidl.Sequential([minidl.Flatten(), minidl.Dense(3)], input_shape=(1, 4, 4), seed=0)
    model.save(tmp_path / "model.npz")
    images = np.random.default_rng(0).uniform(-200, 255, (3, 1, 4, 4)).astype(np.float32)
    np.save(tmp_path / "images.npy", images)
    found = json.loads(command("predict", tmp_path / "model.npz", tmp_path / "images.npy", "--json").out)
    assert [each["class"] for each in found] == model.predict(images).argmax(axis=1).tolist()
    np.save(tmp_path / "bytes.npy", np.full((1, 4, 4), 51, np.uint8))
    (found,) = json.loads(command("predict", tmp_path / "model.npz", tmp_path / "bytes.npy", "--json").out)
    assert found["class"] == model.predict(np.full((1, 1, 4, 4), 0.2, np.float32)).argmax()
    np.save(tmp_path / "images.npy", np.where(images > 0, np.inf, images))
    error = fails("predict", tmp_path / "model.npz", tmp_path / "images.npy")
    assert "images.npy: expected finite floats, got -" in error
    np.save(tmp_path / "images.npy", np.zeros((3, 1, 4, 4), int))
    assert "expected bytes (uint8) or floats, got int64" in fails(
        "predict", tmp_path / "model.npz", tmp_path / "images.npy"
    )


class Bomb:
    def __reduce__(self):
        return exec, ("raise SystemExit('unpickled')",)


def test_a_pickle_is_not_opened(fails, trained, tmp_path):
    np.save(tmp_path / "images.npy", np.array([Bomb()], object), allow_pickle=True)
    assert "images.npy: the header doesn't describe" in fails("predict", trained.path, tmp_path / "images.npy")


@pytest.mark.parametrize("content", [b"", b"nonsense", None])
def test_a_damaged_file(fails, trained, file, content):
    file.write_bytes(file.read_bytes()[:-1] if content is None else content)
    assert str(file) in fails("predict", trained.path, file)


def test_no_such_file(fails, trained, tmp_path):
    assert "none.npy: No such file" in fails("predict", trained.path, tmp_path / "none.npy")


def test_nowhere_to_write(fails, trained, file, tmp_path):
    assert f"there is no folder {tmp_path / 'none'}" in fails(
        "predict", trained.path, file, "--out", tmp_path / "none" / "out.npy"
    )
    assert "Is a directory" in fails("predict", trained.path, file, "--out", tmp_path)


def test_a_model_that_gives_no_classes(fails, tmp_path, file):
    minidl.Sequential([minidl.Conv2D(2, 3)], input_shape=(1, 28, 28), seed=0).save(tmp_path / "model.npz")
    assert "scores (n, classes), got (12, 2, 26, 26)" in fails("predict", tmp_path, file)
    layers = [minidl.Flatten(), minidl.Dense(1), minidl.Sigmoid()]
    minidl.Sequential(layers, input_shape=(1, 28, 28), seed=0).save(tmp_path / "model.npz")
    assert "scores (n, classes), got (12, 1); at least two classes" in fails("predict", tmp_path, file)


def test_a_model_that_ends_in_a_sigmoid_gives_its_own_probabilities(command, tmp_path, file, images):
    layers = [minidl.Flatten(), minidl.Dense(3), minidl.Sigmoid()]
    model = minidl.Sequential(layers, input_shape=(1, 28, 28), seed=0)
    model.save(tmp_path / "model.npz")
    assert command("predict", tmp_path, file, "--out", tmp_path / "out.npy").code == 0
    np.testing.assert_allclose(np.load(tmp_path / "out.npy"), model(images), rtol=1e-5)


def test_an_output_is_replaced_whole(command, trained, file, tmp_path, expected):
    (tmp_path / "out.npy").write_bytes(b"old" * 10_000)
    assert command("predict", trained.path, file, "--out", tmp_path / "out.npy").code == 0
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), expected)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["images.npy", "out.npy"]


def test_a_run_can_be_moved(command, trained, file, tmp_path):
    moved = shutil.copytree(trained.folder, tmp_path / "moved")
    assert command("predict", moved, file).out == command("predict", trained.path, file).out


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize("command_line", [["predict", "{run}", "none.npy"], ["explain", "{run}"], ["report", "{run}"]])
def test_what_cannot_be_written_is_known_before_any_work(fails, trained, tmp_path, monkeypatch, command_line):
    """The images aren't there; but the first to be said is that the output has no place."""
    monkeypatch.setattr(minidl.datasets.fashion, "fashion_mnist_10k", None)
    os.mkfifo(tmp_path / "pipe")
    words = [word.format(run=trained.path) for word in command_line]
    if words[0] == "report":
        pytest.importorskip("matplotlib", reason="needs the extra `plot`")
    assert fails(*words, "--out", tmp_path / "pipe") == f"minidl: error: {tmp_path / 'pipe'}: not a regular file\n"
