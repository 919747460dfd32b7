"""The package in examples/embed: what it says of clothes, from arrays and from files, and in a fresh environment."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import minidl as ml

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "embed"
STATED = float(re.search(r"(\d+\.\d) % of the 5,000 test images", (EXAMPLE / "README.md").read_text("utf-8"))[1]) / 100


@pytest.fixture(scope="module")
def clothes():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(EXAMPLE / "src")
        import clothes
        import clothes.__main__
        import clothes.files

        yield clothes
        for name in [name for name in sys.modules if name.partition(".")[0] == "clothes"]:
            del sys.modules[name]


@pytest.fixture(scope="module")
def tests():
    return ml.datasets.fashion_mnist_10k()[1]


def as_bytes(image):
    return np.rint(image * 255).astype(np.uint8)


def test_the_weights_reach_what_the_readme_states(clothes, tests):
    measured = clothes.model().evaluate(tests.images, tests.labels, loss=ml.CrossEntropy(), metrics=[ml.Accuracy()])
    assert abs(measured["accuracy"] - STATED) < 0.001
    assert tests.class_names == clothes.NAMES
    assert clothes.WEIGHTS.stat().st_size < 500_000


def test_bytes_and_floats_get_the_same_answer_as_from_the_model(clothes, tests):
    for image in tests.images[:20, 0]:
        probabilities = clothes.model().predict(image[np.newaxis, np.newaxis])[0]
        name, probability = clothes.classify(image)
        assert (name, probability) == (clothes.NAMES[probabilities.argmax()], probabilities.max())
        assert clothes.classify(as_bytes(image)) == (name, pytest.approx(probability, abs=1e-5))


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((28, 27), np.uint8), r"expected a grey image \(28, 28\), got \(28, 27\)"),
        (np.zeros((28, 28), np.int64), "expected bytes .* got int64"),
        (np.full((28, 28), 1.5), "floats from 0 to 1"),
        (np.full((28, 28), np.nan), "floats from 0 to 1"),
    ],
)
def test_what_is_no_image(clothes, image, message):
    with pytest.raises(ValueError, match=message):
        clothes.classify(image)


def test_a_picture_on_white_of_another_size_is_read_as_one_of_the_training(clothes, tests, tmp_path):
    """Boots inverted, enlarged, and put somewhere on paper: most are still boots, and so are cut-outs."""
    image_module = pytest.importorskip("PIL.Image", reason="Pillow is an extra")
    boots = tests.images[tests.labels == clothes.NAMES.index("Ankle boot")][:20, 0]
    for mode, paper in (("L", 255), ("RGBA", (0, 0, 0, 0))):
        right = 0
        for boot in boots:
            grey = image_module.fromarray(255 - as_bytes(boot)).resize((120, 120))
            page = image_module.new(mode, (300, 400), paper)
            seen = grey.point(lambda level: 255 * (level < 250))
            page.paste(grey, (50, 200), seen)
            page.save(tmp_path / "boot.png")
            read = clothes.files.read(tmp_path / "boot.png")
            assert (read.shape, read.dtype) == ((28, 28), np.uint8)
            right += clothes.classify(read)[0] == "Ankle boot"
        assert right >= 16


def test_files_that_hold_no_image(clothes, tmp_path):
    pytest.importorskip("PIL.Image", reason="Pillow is an extra")
    for name in ("notes.npy", "notes.png"):
        (tmp_path / name).write_text("not an image")
        with pytest.raises(ValueError, match=f"{name}: not an image, or damaged"):
            clothes.files.read(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        clothes.files.read(tmp_path / "nothing.png")


def test_the_command_names_what_is_wrong_in_a_line(clothes, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(clothes.__main__.gc, "disable", lambda: None)  # this process lives on
    monkeypatch.setattr(sys, "argv", ["clothes", str(tmp_path / "nothing.npy")])
    assert clothes.__main__.main() == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert re.fullmatch(r"clothes: error: .*nothing\.npy'\n", err)


@pytest.mark.slow
@pytest.mark.compiled
def test_training_again_reaches_what_the_readme_states(clothes, tmp_path):
    """Within a point: kernels may come to round otherwise, and weights are shipped as they were trained."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    if "PYTEST_XDIST_WORKER" in os.environ:  # it has a processor: two threads there take longer, for the same bits
        environment["NUMBA_NUM_THREADS"] = "1"
    done = subprocess.run(
        [sys.executable, str(EXAMPLE / "train.py"), "--out", str(tmp_path / "weights.npz")],
        env={**environment, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    accuracy = float(re.search(r"([\d.]+)% of the test images right", done.stdout)[1]) / 100
    assert abs(accuracy - STATED) < 0.01
    assert ml.load(tmp_path / "weights.npz").predict(np.zeros((1, 1, 28, 28), np.float32)).shape == (1, 10)


@pytest.mark.slow
@pytest.mark.compiled
def test_a_fresh_environment(clothes, tests, tmp_path):
    """Installed with its requirements alone, the command answers twice what the model says in this process."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "MINIDL", "COVERAGE"))
    }

    def run(*command):
        return subprocess.run(
            [str(word) for word in command], cwd=tmp_path, env=environment, capture_output=True, text=True
        )

    binaries = tmp_path / "venv" / ("Scripts" if sys.platform == "win32" else "bin")
    assert run(sys.executable, "-m", "venv", tmp_path / "venv").returncode == 0
    installed = run(binaries / "python", "-m", "pip", "install", "--quiet", ROOT, EXAMPLE)
    if installed.returncode and "CI" not in os.environ and "No matching distribution" in installed.stderr:
        pytest.skip("pip finds no packages to install")
    assert installed.returncode == 0, installed.stderr

    np.save(tmp_path / "image.npy", as_bytes(tests.images[0, 0]))
    name, probability = clothes.classify(as_bytes(tests.images[0, 0]))
    for _ in range(2):  # with an empty cache of kernels, and with a warm one
        done = run(binaries / "clothes", "image.npy")
        assert (done.returncode, done.stderr) == (0, "")
        answer = re.fullmatch(r"(.+)  (\d\.\d{4})\n", done.stdout)
        assert (answer[1], float(answer[2])) == (name, pytest.approx(probability, abs=1e-4))
    imported = run(binaries / "python", "-W", "error", "-c", "import clothes, minidl; print(minidl.__file__)")
    assert Path(imported.stdout.strip()).is_relative_to(tmp_path), imported.stderr
