"""Names that aren't UTF-8, of folders, files and classes: trained on, printed and written all the same."""

import json
import os
import shutil
import sys
import tomllib

import numpy as np
import pytest

import minidl as ml
from minidl.display.installed import is_installed
from minidl.report import html

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems' names are Unicode")
BYTES = b"caf\xe9"
NAME, LEGIBLE = os.fsdecode(BYTES), "caf\\udce9"


@pytest.fixture
def pictures(tmp_path):
    """Two classes, of which one has such a name."""
    image = pytest.importorskip("PIL.Image", reason="needs the extra `data`")
    rng = np.random.default_rng(0)
    for name in (NAME, "tea"):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for i in range(6):
            pixels = rng.integers(0, 255, (28, 28), np.uint8)
            image.fromarray(pixels).save(tmp_path / "pictures" / name / f"{i}.png")
    return tmp_path / "pictures"


def test_classes(command, pictures, tmp_path):
    run = tmp_path / "run"
    options = ["--set", "data.grey=true", "--set", "data.size=28", "--model", "tutorial", "--epochs", 1]
    result = command("train", "--data", pictures, *options, "--out", run)
    assert (result.code, result.err) == (0, "")
    assert tomllib.loads((run / "config.toml").read_text())["data"]["class_names"] == [LEGIBLE, "tea"]
    assert command("evaluate", run).code == 0
    np.save(tmp_path / "images.npy", np.zeros((3, 28, 28), np.float32))
    for options in ([], ["--json"]):
        assert command("predict", run, tmp_path / "images.npy", *options).code == 0
    assert command("train", "--resume", run, "--epochs", 2).code == 0
    for page in ("explain", *["report"] * is_installed("matplotlib")):
        own = ["--no-timings"] if page == "report" else []
        assert command(page, run, *own, "--out", tmp_path / "page.html").code == 0
        assert LEGIBLE in (tmp_path / "page.html").read_text().replace("\\\\", "\\")


def test_a_run_keeps_no_path_that_toml_has_no_word_for(fails, pictures, tmp_path):
    odd = pictures.rename(tmp_path / NAME)
    message = fails("train", "--data", odd, "--out", tmp_path / "run")
    assert "data: a run can't keep a path that isn't UTF-8, " in message
    assert f"{LEGIBLE}; rename it, or use a link" in message
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


def test_folders_of_runs_and_other_files(command, trained, tmp_path):
    run = shutil.copytree(trained.folder, tmp_path / NAME)
    out = tmp_path / f"{NAME}.html"
    assert command("evaluate", run).code == 0
    assert command("summary", run).code == 0
    assert json.loads(command("summary", run, "--json").out)["model"] == str(run)
    assert command("explain", run, "--out", out).out == f"saved to {tmp_path}/{LEGIBLE}.html\n"
    result = command("train", "--resume", run)
    assert result.out.splitlines()[-1] == f"saved to {tmp_path}/{LEGIBLE}"
    assert json.loads(command("train", "--resume", run, "--json").out)["run"] == str(run)
    assert command("evaluate", tmp_path / f"{NAME}s").err.endswith(f"{LEGIBLE}s: No such file or directory\n")


def test_the_report_of_such_a_run(command, trained, tmp_path):
    pytest.importorskip("matplotlib", reason="needs the extra `plot`")
    run = shutil.copytree(trained.folder, tmp_path / NAME)
    result = command("report", run, "--no-timings")
    assert (result.code, result.out) == (0, f"written to {tmp_path}/{LEGIBLE}/report.html\n")
    assert f"<title>{LEGIBLE}, tested on" in (run / "report.html").read_text()


def test_pages_of_ones_own(few_images):
    pytest.importorskip("matplotlib", reason="needs the extra `plot`")
    model = ml.Sequential([ml.Flatten(), ml.Dense(2)], input_shape=(1, 28, 28), seed=0)
    names = [NAME, "tea"]
    images, labels = few_images[0].images[:4], np.array([0, 1, 0, 1])
    page = html(model, images=images, labels=labels, class_names=names, title=NAME, config={NAME: NAME}, timings=False)
    assert page.encode().count(LEGIBLE.encode()) > 4
    assert LEGIBLE in ml.datasets.Dataset(images, labels, tuple(names))._repr_html_()
