import functools
import http.server
import json
import re
import threading
from pathlib import Path

import numpy as np
import pytest

from minidl.cli import data, pictures
from minidl.datasets import Dataset, digits, fashion, locate


@pytest.fixture(autouse=True)
def isolated(monkeypatch, tmp_path):
    """No data set is here but the packaged one, and none can be downloaded."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("MINIDL_DATA", raising=False)
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(locate, "SYSTEM_FOLDER", tmp_path / "system")
    monkeypatch.setattr(digits, "ADDRESS", "http://127.0.0.1:9/")


@pytest.fixture
def mnist(monkeypatch, tmp_path):
    """A folder with the packaged files under the names of MNIST's, as if they were those."""
    folder = tmp_path / "there"
    folder.mkdir()
    digests, packaged = {}, list(fashion.PACKAGED_DIGESTS.items())
    for name, (original, digest) in zip(digits.DIGESTS, packaged * 2, strict=True):
        digests[name] = digest
        (folder / f"{name}.gz").write_bytes((Path(fashion.PACKAGED_FOLDER) / f"{original}.gz").read_bytes())
    monkeypatch.setattr(digits, "DIGESTS", digests)
    return folder


@pytest.fixture
def server(mnist):
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(mnist))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as served:
        thread = threading.Thread(target=served.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{served.server_port}"
        served.shutdown()
        thread.join()


def test_list(command, tmp_path):
    found = json.loads(command("data", "list", "--json").out)
    assert list(found) == ["fashion-mnist-10k", "fashion-mnist", "mnist", "cifar10"]
    assert found["fashion-mnist-10k"]["folder"] == str(fashion.PACKAGED_FOLDER)
    assert found["mnist"] == {
        "train": 60000,
        "test": 10000,
        "shape": [1, 28, 28],
        "class_names": list("0123456789"),
        "bytes": 11594722,
        "folder": None,
    }
    lines = command("data", "list").out.splitlines()
    assert lines[0].split() == ["name", "train", "test", "image", "classes", "size", "on", "this", "machine"]
    assert re.split(r"  +", lines[1])[:6] == ["fashion-mnist-10k", "5,000", "5,000", "1 x 28 x 28", "10", "4.35 MB"]
    assert lines[3].endswith("no: minidl data fetch mnist")


def test_fetch_verify_and_list(command, fails, server, tmp_path):
    pytest.importorskip("pooch", reason="needs the extra `data`")
    folder = tmp_path / "cache" / "minidl" / "mnist"
    assert "`minidl data fetch mnist` downloads it" in fails("data", "verify", "mnist")
    result = command("data", "fetch", "mnist", "--from", server)
    assert result.code == 0
    assert result.out == f"mnist: downloaded and verified, in {folder}\n"
    assert command("data", "verify", "mnist").out.splitlines() == [
        f"ok       {folder / name}.gz" for name in digits.DIGESTS
    ]
    assert json.loads(command("data", "list", "--json").out)["mnist"]["folder"] == str(folder)
    assert f"mnist: already in {folder}" in command("data", "fetch", "mnist", "--from", server).out
    assert command("data", "fetch", "mnist", "--from", server, "--again").out == result.out


def test_verify_names_the_damaged_file(command, mnist):
    first, second = list(digits.DIGESTS)[:2]
    (mnist / f"{first}.gz").write_bytes(b"<html>")
    (mnist / f"{second}.gz").unlink()
    result = command("data", "verify", "mnist", "--folder", mnist)
    assert result.code == 2
    lines = result.out.splitlines()
    assert lines[0].startswith(f"damaged  {mnist / first}.gz: not an IDX file")
    assert lines[1] == f"missing  {mnist / second}.gz"
    assert [line[:9] for line in lines[2:]] == ["ok       "] * 2
    assert result.err.startswith(f"minidl: error: damaged: {mnist / first}.gz, {mnist / second}.gz; ")
    assert result.err.count("\n") == 1
    result = command("data", "verify", "mnist", "--folder", mnist, "--json")
    found = json.loads(result.out)
    assert (result.code, found["ok"]) == (2, False)
    assert [file["ok"] for file in found["files"].values()] == [False, False, True, True]


def test_a_picture(command, tmp_path):
    pytest.importorskip("matplotlib", reason="needs the extra `plot`")
    image = pytest.importorskip("PIL.Image", reason="needs the extra `data`")
    out = tmp_path / "clothes.png"
    assert command("data", "show", "fashion-mnist-10k", "--out", out, "--count", 3).out == f"written to {out}\n"
    with image.open(out) as picture:
        three = picture.size
        pixels = np.asarray(picture.convert("L"))
    assert (pixels < 10).sum() > 10_000  # the images' background
    assert command("data", "show", "fashion-mnist-10k", "--out", out, "--count", 9).code == 0
    with image.open(out) as picture:
        assert picture.size[0] > 1.5 * three[0]
        assert picture.size[1] == three[1]


def test_characters(command, few_images):
    lines = command("data", "show", "fashion-mnist-10k", "--text", "--count", 2, "--split", "test").out.splitlines()
    heads = [number for number, line in enumerate(lines) if line in fashion.CLASS_NAMES]
    assert [lines[number] for number in heads] == list(fashion.CLASS_NAMES)
    assert np.diff(heads).tolist() == [15] * 9  # a line of 14 for 28 pixels, and the name
    assert max(map(len, lines)) == 28 * 2 + pictures.GAP
    _, test = few_images
    first = test.images[test.labels == 0][0, 0]
    assert set("".join(lines[1:15])) <= set(pictures.RAMP)
    for row, line in enumerate(lines[1:15]):
        light = first[2 * row : 2 * row + 2].mean(axis=0)
        shown = [pictures.RAMP.index(character) for character in line[:28].ljust(28)]
        np.testing.assert_allclose(np.array(shown) / 9, light, atol=0.5 / 9 + 1e-6)


def test_as_many_images_as_fit():
    images = np.ones((6, 1, 2, 3), np.float32)
    part = Dataset(images, np.zeros(6, int), ("one",))
    assert pictures.as_text(part, 80, None, color=False).splitlines() == ["one", "  ".join(["@@@"] * 6)]
    assert pictures.as_text(part, 13, None, color=False).splitlines() == ["one", "  ".join(["@@@"] * 3)]
    assert pictures.as_text(part, 12, 5, color=False).splitlines() == ["one", "@@@  @@@"]
    assert pictures.as_text(part, 1, None, color=False).splitlines() == ["one", "@@@"]


def test_colors():
    red_over_black = np.zeros((1, 3, 2, 1), np.float32)
    red_over_black[0, 0, 0] = 1
    part = Dataset(red_over_black, np.zeros(1, int), ("red",))
    assert pictures.as_text(part, 80, 1, color=True) == "red\n\x1b[38;5;196;48;5;16m\N{UPPER HALF BLOCK}\x1b[0m"
    white = Dataset(np.ones((1, 1, 1, 1), np.float32), np.zeros(1, int), ("\x1b[31m",))  # an odd row, a bad name
    assert pictures.as_text(white, 80, 1, color=True) == (
        "\\x1b[31m\n\x1b[38;5;255;48;5;232m\N{UPPER HALF BLOCK}\x1b[0m"
    )


def test_without_matplotlib(command, fails, monkeypatch, tmp_path):
    monkeypatch.setattr(data, "is_installed", lambda name: False)
    assert command("data", "show", "fashion-mnist-10k").out.startswith("T-shirt/top\n")

    def missing(name):
        raise ImportError(f"No module named {name!r}")

    monkeypatch.setattr(pictures.importlib, "import_module", missing)
    assert 'pip install "minidl[plot]"' in fails("data", "show", "fashion-mnist-10k", "--out", tmp_path / "a.png")
    assert list(tmp_path.glob("*.png")) == []


def test_errors(fails, tmp_path, mnist):
    assert "did you mean fashion-mnist?" in fails("data", "verify", "fashion-mnst")
    assert "known: list, fetch, verify, show" in fails("data", "look")
    assert "action" in fails("data")
    assert "ends in .png" in fails("data", "show", "mnist", "--out", tmp_path / "a.jpg")
    assert "there is no folder" in fails("data", "show", "mnist", "--out", tmp_path / "none" / "a.png")
    assert "begins with https:// or http://" in fails("data", "fetch", "mnist", "--from", "somewhere")
    assert "unknown option --jsn; did you mean --json?" in fails("data", "list", "--jsn")
    assert str(tmp_path / "empty") in fails("data", "verify", "mnist", "--folder", tmp_path / "empty")
