"""Folders of pictures as Dask arrays, and `minidl predict --dask`."""

import json
import shutil

import numpy as np
import pytest

import minidl as ml
from minidl.__main__ import main
from minidl.cli import on_dask

Image = pytest.importorskip("PIL.Image", reason="needs the extra `data`")
pytest.importorskip("dask.array", reason="needs the extra `dask`")
distributed = pytest.importorskip("distributed", reason="needs the extra `dask`")

BY_TCP = {"host": "127.0.0.1", "protocol": "tcp", "dashboard_address": ":0", "processes": False}


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Pictures of several sizes, some in a folder within."""
    root, rng = tmp_path_factory.mktemp("photos"), np.random.default_rng(0)
    (root / "more").mkdir()
    for i in range(25):
        pixels = rng.integers(0, 255, (12, 12 + i, 3), np.uint8)
        Image.fromarray(pixels).save(root / ("more" if i % 3 else "") / f"{i:02}.png")
    return root


@pytest.fixture(scope="module")
def model():
    layers = [ml.Conv2D(4, 3), ml.ReLU(), ml.Flatten(), ml.Dense(3)]
    model = ml.Sequential(layers, input_shape=(3, 8, 8), seed=0)
    model.preprocessing = ml.datasets.Preprocessing(("cat", "dog", "owl"), (8, 8), resize="crop")
    return model


@pytest.fixture(scope="module")
def saved(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "model.npz"
    model.save(path)
    return path


@pytest.fixture(scope="module")
def cluster():
    """A scheduler that is reached by TCP and a worker of two threads, all in this process."""
    with distributed.LocalCluster(n_workers=1, threads_per_worker=2, **BY_TCP) as cluster:
        yield cluster


def test_the_pictures_of_a_folder(photos, model, monkeypatch):
    paths = sorted(photos.rglob("*.png"))
    want = np.stack([model.preprocessing.read(path) for path in paths])
    for files in (photos, str(photos), paths, [*map(str, paths)]):
        images = ml.distributed.pictures(files, model.preprocessing, block=10)
        assert (images.shape, images.dtype) == ((25, 3, 8, 8), np.float32)
        assert images.chunks[0] == (10, 10, 5)
        np.testing.assert_array_equal(images.compute(scheduler="sync"), want)
    scores = ml.distributed.predict(model, images)
    np.testing.assert_allclose(scores.compute(scheduler="sync"), model.predict(want), rtol=1e-5, atol=1e-6)
    monkeypatch.chdir(photos)
    relative = ml.distributed.pictures("more", model.preprocessing)
    monkeypatch.chdir("/")  # where a worker may be
    assert len(relative.compute(scheduler="sync")) == 16


def test_pictures_that_cannot_be_read(photos, model, tmp_path):
    look = model.preprocessing
    with pytest.raises(FileNotFoundError, match="no pictures in it"):
        ml.distributed.pictures(tmp_path, look)
    with pytest.raises(TypeError, match=r"preprocessing: expected a Preprocessing, such as model.preprocessing, got"):
        ml.distributed.pictures(photos, None)
    with pytest.raises(ValueError, match="block: expected"):
        ml.distributed.pictures(photos, look, block=0)
    with pytest.raises(ml.ShapeError, match="files: expected at least one picture"):
        ml.distributed.pictures([], look)
    with pytest.raises(ml.FormatError, match="100"):
        ml.distributed.pictures(photos, look, max_pixels=100).compute(scheduler="sync")
    gone = ml.distributed.pictures([tmp_path / "gone.png"], look)
    with pytest.raises(FileNotFoundError, match=r"gone.png: not found on .*: each worker needs the pictures under"):
        gone.compute(scheduler="sync")
    (tmp_path / "text.png").write_bytes(b"text")
    with pytest.raises(ml.FormatError, match=r"text.png: not a picture"):
        ml.distributed.pictures(tmp_path, look).compute(scheduler="sync")


def test_the_command_line_gives_the_same(cluster, photos, saved, tmp_path, capsys):
    found = []
    for place, more in enumerate(([], ["--dask", cluster.scheduler_address], ["--threads", "2"])):
        out = tmp_path / f"{place}.npy"
        assert main(["predict", str(saved), str(photos), "--json", "--out", str(out), *more]) == 0
        found.append((capsys.readouterr().out, out.read_bytes()))
    assert found[1] == found[0]
    assert found[2] == found[0]
    assert len(json.loads(found[0][0])) == 25


def fails(capsys, *arguments):
    assert main(["predict", *map(str, arguments)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    return err


def test_what_is_wrong_on_the_command_line(cluster, photos, saved, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(on_dask, "SECONDS", 0.5)
    address = cluster.scheduler_address
    assert "--dask: expected pictures and folders" in fails(capsys, saved, "images.npy", "--dask", address)
    assert "'nonsense': expected an address such as tcp://host:8786" in fails(
        capsys, saved, photos, "--dask", "nonsense"
    )
    error = fails(capsys, tmp_path / "none.npz", photos, "--dask", "tcp://127.0.0.1:9")  # before the model is read
    assert "no Dask scheduler answers at 'tcp://127.0.0.1:9' within 0.5 s" in error
    damaged = shutil.copytree(photos, tmp_path / "photos")
    (damaged / "bad.png").write_bytes(b"bad")
    assert "bad.png: not a picture" in fails(capsys, saved, damaged, "--dask", address)


def test_a_cluster_without_workers(photos, saved, capsys, monkeypatch):
    monkeypatch.setattr(on_dask, "SECONDS", 0.5)
    with distributed.LocalCluster(n_workers=0, **BY_TCP) as empty:
        error = fails(capsys, saved, photos, "--dask", empty.scheduler_address)
    assert f"'{empty.scheduler_address}' has no workers: dask worker {empty.scheduler_address}" in error


@pytest.mark.parametrize(
    ("lost", "words"),
    [
        (distributed.KilledWorker("block", None, 3), "4 workers died one after another on the same 10 pictures"),
        (distributed.CancelledError("connection-lost"), "the scheduler was lost, or gave up: connection-lost"),
    ],
)
def test_a_cluster_that_is_lost(model, photos, lost, words):
    class Lost:
        def compute(self, lazy):
            return self

        def result(self):
            raise lost

    with pytest.raises(ValueError, match=words):
        on_dask.scores(Lost(), model, model.preprocessing, [*map(str, photos.glob("*.png"))], block=10, threads=1)
