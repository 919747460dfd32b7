import pickle
import re
import threading
import tracemalloc

import numpy as np
import pytest

import minidl as ml
from minidl.datasets import lazy, picture
from minidl.errors import FormatError, ShapeError

Image = pytest.importorskip("PIL.Image", reason="needs the extra `data`")

N = 40


@pytest.fixture
def folder(tmp_path):
    """Two classes of photos, blue and red ones, of several sizes."""
    rng = np.random.default_rng(0)
    for i in range(N):
        place = tmp_path / "photos" / ("blue" if i % 2 else "red")
        place.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 150, (12 + i % 3, 15, 3), np.uint8)
        pixels[..., 2 * (i % 2)] += 100
        Image.fromarray(pixels).save(place / f"{i:02}.png")
    return tmp_path / "photos"


@pytest.fixture
def both(folder):
    """The same data set, decoded when it's needed and at once."""
    return ml.datasets.from_folder(folder, size=8, lazy=True), ml.datasets.from_folder(folder, size=8)


def network():
    return ml.Sequential([ml.Conv2D(4, 3), ml.ReLU(), ml.Flatten(), ml.Dense(2)], input_shape=(3, 8, 8), seed=0)


def test_images_stand_for_an_array(both):
    images, arrays = both[0].images, both[1].images
    assert (images.shape, images.dtype, images.ndim, len(images)) == ((N, 3, 8, 8), np.float32, 4, N)
    mask = np.arange(N) % 3 == 0
    for part in (slice(None), slice(3, 30, 4), slice(-5, None), [7, 3, 3, -1], np.array([5]), mask, [], 0, -1):
        found = images[part]
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, arrays[part])
    np.testing.assert_array_equal(np.asarray(images), arrays)
    np.testing.assert_array_equal(np.asarray(images, np.float64), arrays.astype(np.float64))
    for part in ((0,), (slice(4), 1), ([3, 1], slice(2), 5, slice(1, None)), (7, 0, 0, 0), ()):
        np.testing.assert_array_equal(images[part], arrays[part])
    for part in (None, [[0]], (slice(2), [0, 1]), (..., 0), (0, None), 1.5):
        with pytest.raises(IndexError):
            images[part]
    assert sum(1 for _ in images) == N
    with pytest.raises(IndexError):
        images[N]
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(images))[:2], arrays[:2])
    assert repr(images) == f"Pictures({N} files as images (3, 8, 8))"


def test_parts_of_a_data_set_are_not_read(both, monkeypatch):
    unread, whole = both
    monkeypatch.setattr(lazy, "read_pixels", None)
    parts = [unread[3:9], unread[[4, 1]], unread[unread.labels == 1], *unread.split(0.25, seed=0)]
    monkeypatch.undo()
    others = [whole[3:9], whole[[4, 1]], whole[whole.labels == 1], *whole.split(0.25, seed=0)]
    for part, other in zip(parts, others, strict=True):
        assert isinstance(part.images, ml.datasets.Pictures)
        assert part.images.paths == part.paths == other.paths
        assert part.preprocessing == other.preprocessing == whole.preprocessing
        np.testing.assert_array_equal(part.labels, other.labels)
        np.testing.assert_array_equal(part.images[:], other.images)
    image, label = unread[3]
    np.testing.assert_array_equal(image, whole.images[3])
    assert label == whole.labels[3]
    assert unread._repr_html_() == whole._repr_html_()


def test_training_is_that_on_arrays(both):
    results = []
    for data in both:
        train, test = data.split(0.25, seed=0)
        model = network()
        history = model.fit(
            train,
            loss=ml.CrossEntropy(),
            optimizer=ml.Adam(model.parameters()),
            epochs=2,
            batch_size=7,
            validation_data=test,
            metrics=[ml.Accuracy()],
            augment=[ml.augment.RandomShift(1)],
            seed=0,
            verbose=0,
        )
        scores = model.evaluate(test, loss=ml.CrossEntropy(), batch_size=4, verbose=0)
        results.append((dict(history), scores, model.predict(test.images, batch_size=4, verbose=0)))
    assert results[0][:2] == results[1][:2]
    np.testing.assert_array_equal(results[0][2], results[1][2])
    model = network()
    options = {"loss": ml.CrossEntropy(), "optimizer": ml.SGD(model.parameters(), lr=0), "verbose": 0}
    with pytest.warns(UserWarning, match="classes"):
        model.fit(both[0].images, both[0].labels, validation_split=0.5, **options)


def test_files_are_read_while_others_are_computed(both, monkeypatch):
    """By one thread that is two batches ahead, unless it's told otherwise, and for arrays by none."""
    unread, whole = both

    def readers(x, **options):
        found = set()
        real = lazy.read_pixels
        monkeypatch.setattr(
            lazy, "read_pixels", lambda *args: found.add(threading.current_thread().name) or real(*args)
        )
        batches = list(ml.batches(x, unread.labels, batch_size=8, rng=np.random.default_rng(0), **options))
        monkeypatch.undo()
        return found, batches

    names, own = readers(unread.images)
    assert names == {"minidl prefetch"}
    assert readers(unread.images, prefetch=0)[0] == {threading.current_thread().name}
    names, others = readers(whole.images)
    assert not names
    assert not [thread for thread in threading.enumerate() if thread.name == "minidl prefetch"]
    for (x, y), (other_x, other_y) in zip(own, others, strict=True):
        np.testing.assert_array_equal(x, other_x)
        np.testing.assert_array_equal(y, other_y)
    with pytest.raises(ValueError, match="prefetch: expected an int of at least 0, got -1"):
        readers(unread.images, prefetch=-1)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_large_files_are_shared_among_threads(both, monkeypatch, threads):
    names, real = set(), lazy.read_pixels
    monkeypatch.setattr(lazy, "LARGE", 1)
    monkeypatch.setattr(lazy, "num_threads", lambda: threads)
    monkeypatch.setattr(lazy, "read_pixels", lambda *args: names.add(threading.current_thread().name) or real(*args))
    np.testing.assert_array_equal(both[0].images[:], both[1].images)
    assert all(name.startswith("minidl pictures") for name in names) == (threads > 1)
    assert len(names) <= threads


@pytest.mark.parametrize("threads", [1, 3])
def test_the_first_picture_that_cannot_be_read_is_named(folder, monkeypatch, threads):
    monkeypatch.setattr(lazy, "LARGE", 1)
    monkeypatch.setattr(lazy, "num_threads", lambda: threads)
    data = ml.datasets.from_folder(folder, size=8, lazy=True)
    for path in data.paths[5:30]:
        with open(path, "r+b") as file:
            file.truncate(60)
    np.testing.assert_array_equal(data.images[:5].shape, (5, 3, 8, 8))
    wanted = re.escape(f"{data.paths[5]}: not a picture, or damaged")
    for read in (lambda: data.images[:], lambda: list(ml.batches(data)), lambda: network().predict(data, verbose=0)):
        with pytest.raises(FormatError, match=wanted):
            read()


def test_without_a_size_all_must_be_like_the_first(folder):
    data = ml.datasets.from_folder(folder, lazy=True)
    first = data.paths[0]
    height, _ = picture.shown_size(first, 999)
    assert data.images.shape == (N, 3, height, 15)
    with pytest.raises(
        ShapeError, match=rf"expected {height} x 15 pixels, as in {first}, got .*; size=\(h, w\) resizes"
    ):
        data.images[:]
    same = np.array([picture.shown_size(path, 999)[0] == height for path in data.paths])
    assert data[same].images[:].shape == (same.sum(), 3, height, 15)


def test_parts_of_a_folder(folder):
    for part in ("train", "test"):
        (folder / part).mkdir()
    for name in ("red", "blue"):
        (folder / name).rename(folder / "train" / name)
        (folder / "test" / name).mkdir()
        Image.new("RGB", (9, 9), name).save(folder / "test" / name / "a.png")
    splits = ml.datasets.from_splits(folder, size=8, lazy=True, resize="crop")
    assert [len(splits.train), splits.validation, len(splits.test)] == [N, None, 2]
    assert splits.train.images.shape == (N, 3, 8, 8)
    np.testing.assert_array_equal(splits.test.images[:, :, 0, 0], [[0, 0, 1], [1, 0, 0]])
    assert splits.test.preprocessing == (("blue", "red"), (8, 8), False, "crop", "white")


def test_training_takes_the_memory_of_some_batches(folder):
    """Of 64 x 64 floats, of which the whole set would be 24 MB, a batch is 0.5 MB and that of validation 2 MB."""
    data = ml.datasets.from_folder(folder, size=64, lazy=True)
    more = data[np.arange(500) % N]
    model = ml.Sequential([ml.AveragePool2D(16), ml.Flatten(), ml.Dense(2)], input_shape=(3, 64, 64), seed=0)
    options = {"loss": ml.CrossEntropy(), "batch_size": 10, "verbose": 0}
    tracemalloc.start()
    try:
        model.fit(more, validation_data=more[:40], optimizer=ml.SGD(model.parameters(), lr=0.1), **options)
        model.evaluate(more, **options)
        model.predict(more.images, batch_size=10, verbose=0)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 6e6
