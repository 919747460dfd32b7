"""Pictures from the command line to names: what a run was trained on is read, and the next picture alike."""

import json
import shutil

import numpy as np
import pytest

import minidl

Image = pytest.importorskip("PIL.Image", reason="needs the extra `data`")


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Two classes of pictures of several sizes, light above and light below."""
    rng = np.random.default_rng(0)
    root = tmp_path_factory.mktemp("data") / "photos"
    for name, rows in (("above", slice(None, 10)), ("below", slice(10, None))):
        (root / name).mkdir(parents=True)
        for i in range(20):
            pixels = rng.integers(0, 90, (20, 20 + i, 3), np.uint8)
            pixels[rows] += 150
            Image.fromarray(pixels).save(root / name / f"{i:02}.png")
    return root


@pytest.fixture
def run(command, photos, tmp_path):
    folder = tmp_path / "run"
    arguments = ("--set", "data.resize=crop", "--set", "model.name=tutorial", "--epochs", "20", "--lr", "0.01")
    result = command("train", "--data", photos, "--size", "12", *arguments, "--batch-size", "8", "--out", folder)
    assert (result.code, result.err) == (0, "")
    return folder


def test_from_a_folder_to_a_name(command, photos, run):
    model = minidl.load(run / "model.npz")
    assert model.preprocessing == minidl.datasets.Preprocessing(("above", "below"), (12, 12), resize="crop")
    photo = photos / "below" / "03.png"
    (found,) = json.loads(command("predict", run, photo, "--top", 2, "--json").out)
    expected = [{"name": name, "probability": pytest.approx(p, rel=1e-5)} for name, p in model.classify(photo)]
    assert found == {"file": str(photo), "index": 0, "class": 1, **expected[0], "top": expected}
    line = command("predict", run / "model.npz", photo).out
    assert line.split() == [str(photo), *(text for each in found["top"] for text in shown(each))]


def shown(each):
    return each["name"], f"{each['probability']:.4f}"


def test_a_folder_and_a_picture(command, photos, run, tmp_path):
    result = command(
        "predict", run, photos / "above", photos / "below" / "00.png", "--top", 1, "--out", tmp_path / "p.npy"
    )
    lines = [line.split() for line in result.out.splitlines()]
    files = [*(photos / "above" / f"{i:02}.png" for i in range(20)), photos / "below" / "00.png"]
    assert [line[0] for line in lines] == [str(file) for file in files]
    assert [line[1] for line in lines].count("above") >= 18
    probabilities = np.load(tmp_path / "p.npy")
    assert probabilities.shape == (21, 2)
    assert lines[3][2] == f"{probabilities[3].max():.4f}"


def test_other_pictures_are_read_as_the_runs_own(command, photos, run):
    for name in (run, run / "model.npz"):
        tested = json.loads(command("evaluate", name, "--data", photos, "--json").out)
        assert tested["images"] in (8, 40)
        assert tested["accuracy"] >= 0.9


def test_lazily_the_bits_are_the_same(command, photos, run, tmp_path):
    lazy = tmp_path / "lazy"
    config = (run / "config.toml").read_text().replace("lazy = false", "lazy = true")
    (tmp_path / "lazy.toml").write_text(config)
    assert command("train", "--config", tmp_path / "lazy.toml", "--out", lazy).code == 0
    first, again = (minidl.load(folder / "model.npz").state_dict() for folder in (run, lazy))
    for name, value in first.items():
        np.testing.assert_array_equal(value, again[name])
    assert command("train", "--resume", lazy, "--epochs", 21).code == 0


def test_what_is_wrong(fails, photos, run, trained, tmp_path):
    (tmp_path / "text.png").write_bytes(b"text")
    assert "text.png: not a picture" in fails("predict", run, tmp_path / "text.png")
    assert "nowhere.png" in fails("predict", run, "nowhere.png")
    assert "expected one .npy file" in fails("predict", run, "a.npy", "b.npy")
    minidl.Sequential([minidl.Flatten(), minidl.Dense(2)], input_shape=(3, 4, 4), seed=0).save(tmp_path / "m.npz")
    assert "doesn't say how pictures are read" in fails("predict", tmp_path / "m.npz", photos / "above" / "00.png")


@pytest.mark.filterwarnings("default:.* pictures are skipped")
def test_a_damaged_picture_is_named_and_can_be_left_out(command, fails, photos, tmp_path):
    root = shutil.copytree(photos, tmp_path / "photos")
    (root / "above" / "bad.jpg").write_bytes(b"\xff\xd8\xff")
    arguments = ("train", "--model", "tutorial", "--data", root, "--size", "12", "--epochs", "1")
    error = fails(*arguments, "--out", tmp_path / "run")
    assert "bad.jpg" in error
    assert "--set data.on_error=skip leaves such pictures out" in error
    result = command(*arguments, "--set", "data.on_error=skip", "--out", tmp_path / "run")
    assert result.code == 0
    assert "1 of 41 pictures are skipped: above/bad.jpg" in result.err
    assert "expected 'raise' or 'skip', got 'ignore'" in fails(*arguments, "--set", "data.on_error=ignore")


def test_each_picture_that_is_tested_has_a_line(command, photos, run):
    lines = command("evaluate", run, "--each", "--json").out.splitlines()
    each, whole = [json.loads(line) for line in lines[:-1]], json.loads(lines[-1])
    assert len(each) == whole["images"] == 8
    assert sum(found["is_right"] for found in each) / 8 == whole["accuracy"]
    predicted = json.loads(command("predict", run, *(found["file"] for found in each), "--json").out)
    for found, same in zip(each, predicted, strict=True):
        assert found["label"] == found["file"].split("/")[-2]
        assert (found["name"], found["index"]) == (same["name"], same["index"])
        assert found["probability"] == pytest.approx(same["probability"], rel=1e-5)
        assert found["is_right"] == (found["name"] == found["label"])
    text = command("evaluate", run, "--each").out.splitlines()
    assert text[0].startswith(f"{each[0]['file']}: {each[0]['probability']:.4f} ")
    assert text[8:] == command("evaluate", run).out.splitlines()


def test_the_page_names_the_files(command, photos, run):
    assert command("explain", run, "--images", 2).code == 0
    data = json.loads((run / "explain.html").read_text("utf-8").partition('id="data">')[2].partition("</script>")[0])
    assert len(data["files"]) == 4
    for file, label in zip(data["files"], data["labels"], strict=True):
        assert file.partition("/")[0] == data["classes"][label]
        assert (photos / file).is_file()
