import dataclasses

import numpy as np
import pytest

from minidl.datasets import Dataset
from minidl.errors import ShapeError


@pytest.fixture
def arrays():
    return np.zeros((3, 1, 4, 5), np.float32), np.array([2, 0, 1], np.int64)


def test_length_repr_and_fields(arrays):
    data = Dataset(*arrays, ("a", "b", "c"))
    assert len(data) == 3
    assert repr(data) == "Dataset(3 images (1, 4, 5), 3 classes)"
    assert data.labels.tolist() == [2, 0, 1]
    with pytest.raises(dataclasses.FrozenInstanceError):
        data.labels = arrays[1]


def test_two_data_sets_compare_by_identity(arrays):
    first, second = Dataset(*arrays, ()), Dataset(*arrays, ())
    assert first == first
    assert first != second
    assert len({first, second}) == 2


def test_arrays_are_read_only_and_the_callers_stay_writeable(arrays):
    data = Dataset(*arrays, ())
    with pytest.raises(ValueError, match="read-only"):
        data.images[0] = 1
    with pytest.raises(ValueError, match="read-only"):
        data.labels[0] = 1
    assert arrays[0].flags.writeable
    assert arrays[1].flags.writeable
    assert np.shares_memory(data.images, arrays[0])


def test_from_bytes_scales_by_255_correctly_rounded():
    pixels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    data = Dataset.from_bytes(pixels, np.array([7], np.uint8), ("a",))
    assert data.images.shape == (1, 1, 16, 16)
    assert data.images.dtype == np.float32
    assert data.labels.dtype == np.int64
    assert data.images.ravel().tolist() == [float(np.float32(byte / 255)) for byte in range(256)]


def test_shapes_that_do_not_fit(arrays):
    images, labels = arrays
    with pytest.raises(ShapeError, match=r"expected one label per image, \(3,\), got \(2,\); images \(3, 1, 4, 5\)"):
        Dataset(images, labels[:2], ())
    with pytest.raises(ShapeError, match=r"one label per image, \(3,\), got \(3, 1\)"):
        Dataset(images, labels[:, np.newaxis], ())
    with pytest.raises(ShapeError, match=r"expected images \(n, c, h, w\), got \(3, 4, 5\)"):
        Dataset(images[:, 0], labels, ())
