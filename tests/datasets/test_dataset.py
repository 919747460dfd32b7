import numpy as np
import pytest

from minidl.datasets import Dataset
from minidl.errors import DTypeError, ShapeError


@pytest.fixture
def arrays():
    return np.zeros((3, 1, 4, 5), np.float32), np.array([2, 0, 1], np.int64)


def test_length_repr_and_fields(arrays):
    data = Dataset(*arrays, ("a", "b", "c"))
    assert len(data) == 3
    assert repr(data) == "Dataset(3 images (1, 4, 5), 3 classes)"
    assert data.labels.tolist() == [2, 0, 1]
    with pytest.raises(AttributeError, match="another data set"):
        data.labels = arrays[1]


def test_two_data_sets_compare_by_identity(arrays):
    first, second = Dataset(*arrays, ("a", "b", "c")), Dataset(*arrays, ("a", "b", "c"))
    assert first == first
    assert first != second
    assert len({first, second}) == 2


def test_arrays_are_read_only_and_the_callers_stay_writeable(arrays):
    data = Dataset(*arrays, ("a", "b", "c"))
    with pytest.raises(ValueError, match="read-only"):
        data.images[0] = 1
    with pytest.raises(ValueError, match="read-only"):
        data.labels[0] = 1
    assert arrays[0].flags.writeable
    assert arrays[1].flags.writeable
    assert np.shares_memory(data.images, arrays[0])


def test_from_bytes_scales_by_255_correctly_rounded():
    pixels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    data = Dataset.from_bytes(pixels, np.array([1], np.uint8), ("a", "b"))
    assert data.images.shape == (1, 1, 16, 16)
    assert data.images.dtype == np.float32
    assert data.labels.dtype == np.int64
    assert data.images.ravel().tolist() == [float(np.float32(byte / 255)) for byte in range(256)]


def test_shapes_that_do_not_fit(arrays):
    images, labels = arrays
    with pytest.raises(ShapeError, match=r"expected one label per image, \(3,\), got \(2,\); images \(3, 1, 4, 5\)"):
        Dataset(images, labels[:2], ("a", "b", "c"))
    with pytest.raises(ShapeError, match=r"one label per image, \(3,\), got \(3, 1\)"):
        Dataset(images, labels[:, np.newaxis], ())
    with pytest.raises(ShapeError, match=r"expected images \(n, c, h, w\), got \(3, 4, 5\)"):
        Dataset(images[:, 0], labels, ())


@pytest.fixture
def data():
    images = np.arange(40 * 4 * 5, dtype=np.float32).reshape(40, 1, 4, 5)
    return Dataset(images, np.repeat([0, 1, 2], [20, 12, 8]), ("a", "b", "c"))


def test_a_number_gives_a_pair_and_a_part_a_data_set(data):
    image, label = data[25]
    np.testing.assert_array_equal(image, data.images[25])
    assert (label, type(label)) == (1, int)
    assert data[-1][1] == 2
    assert data[np.int64(3)][1] == 0
    part = data[18:22]
    assert (repr(part), part.labels.tolist()) == ("Dataset(4 images (1, 4, 5), 3 classes)", [0, 0, 1, 1])
    assert np.shares_memory(part.images, data.images)
    np.testing.assert_array_equal(data[[30, 1, 30]].images, data.images[[30, 1, 30]])
    np.testing.assert_array_equal(data[data.labels == 2].images, data.images[32:])
    assert not data[[1, 2]].images.flags.writeable
    assert len(data[:0]) == 0


def test_iteration_gives_the_pairs(data):
    pairs = list(data[::10])
    assert [label for _, label in pairs] == [0, 0, 1, 1]
    np.testing.assert_array_equal(np.stack([image for image, _ in pairs]), data.images[::10])


def test_wrong_parts(data):
    with pytest.raises(IndexError):
        data[40]
    for part in ("a", 1.5, [0.5], [[1, 2]], (1, 2, [3]), True):
        with pytest.raises((TypeError, ValueError)):
            data[part]


def test_a_split_keeps_the_shares_of_the_classes(data):
    train, test = data.split(0.25, seed=1)
    assert test.class_counts().tolist() == [5, 3, 2]
    assert train.class_counts().tolist() == [15, 9, 6]
    assert train.class_names == data.class_names
    firsts = sorted(train.images[:, 0, 0, 0].tolist() + test.images[:, 0, 0, 0].tolist())
    assert firsts == data.images[:, 0, 0, 0].tolist()
    for part in (train, test):
        np.testing.assert_array_equal(part.labels, data.labels[(part.images[:, 0, 0, 0] / 20).astype(int)])
    again = data.split(0.25, seed=1)[1]
    np.testing.assert_array_equal(again.images, test.images)
    assert not np.array_equal(data.split(0.25, seed=2)[1].images, test.images)
    assert len(data.split(7, stratify=False, seed=0)[1]) == 7


def test_one_hot_and_counts(data):
    np.testing.assert_array_equal(data.one_hot(), np.eye(3, dtype=np.float32)[data.labels])
    assert data.class_counts().tolist() == [20, 12, 8]


def test_from_bytes_takes_channels_too():
    pixels = np.random.default_rng(0).integers(0, 256, (2, 3, 4, 5), np.uint8)
    np.testing.assert_array_equal(Dataset.from_bytes(pixels, np.zeros(2, int), ("a",)).images, pixels / np.float32(255))


IMAGES, LABELS, NAMES = np.zeros((3, 1, 4, 5), np.float32), np.array([0, 1, 2]), ("a", "b", "c")


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        (
            {"images": IMAGES.astype(np.uint8)},
            DTypeError,
            "images as floats from 0 to 1, got uint8; for bytes, Dataset.fr",
        ),
        (
            {"images": IMAGES.astype(int)},
            DTypeError,
            "images as floats from 0 to 1, got int64; for bytes, Dataset.from_by",
        ),
        ({"images": IMAGES > 0}, DTypeError, "images as floats from 0 to 1, got bool$"),
        ({"images": IMAGES + 1j}, DTypeError, "images as floats from 0 to 1, got complex"),
        (
            {"images": [[1.0], [1.0, 2.0]]},
            ShapeError,
            "images: expected an array, got a list of arrays of different sh",
        ),
        ({"images": "pictures"}, DTypeError, "images: expected numbers, got str of <U8"),
        ({"images": None}, DTypeError, "images: expected numbers, got NoneType of object"),
        ({"labels": LABELS.astype(float)}, DTypeError, "expected labels as integers, got float64$"),
        ({"labels": LABELS > 0}, DTypeError, "expected labels as integers, got bool"),
        (
            {"labels": np.array(["a", "b", "c"])},
            DTypeError,
            r"integers, got <U1; np.unique\(labels, return_inverse=True\)",
        ),
        ({"labels": ["a", "b", "c"]}, DTypeError, "labels: expected numbers, got list of <U1"),
        ({"labels": LABELS - 1}, ValueError, "expected labels 0 to 2 for 3 class_names, got -1 to 1"),
        ({"labels": LABELS + 1}, ValueError, "expected labels 0 to 2 for 3 class_names, got 1 to 3"),
        ({"class_names": ()}, ValueError, "expected labels none, as there are no class_names, got 0 to 2"),
        ({"class_names": ("a", "b", "a")}, ValueError, "class_names: 'a' is used for two classes"),
        ({"class_names": "abc"}, TypeError, "class_names: expected a name for each class, got 'abc'"),
        ({"class_names": None}, TypeError, "class_names: expected a name for each class, got None"),
    ],
)
def test_what_can_not_be_right_is_refused(changes, error, message):
    given = {"images": IMAGES, "labels": LABELS, "class_names": NAMES}
    with pytest.raises(error, match=f"^Dataset: .*{message}"):
        Dataset(**given | changes)


@pytest.mark.parametrize(
    ("pixels", "error", "message"),
    [
        (np.ones((3, 4, 5), np.float32), DTypeError, "uint8, got float32; Dataset itself takes floats from 0 to 1"),
        (
            np.ones((3, 4, 5), np.uint16),
            DTypeError,
            r"uint8, got uint16; where 255 is 1, np.asarray\(pixels, np.uint8\)",
        ),
        (np.ones((3, 4, 5), bool), DTypeError, "uint8, got bool; Dataset itself takes floats"),
        (np.ones((3, 4), np.uint8), ShapeError, r"\(n, h, w\) or \(n, c, h, w\), got \(3, 4\)"),
    ],
)
def test_bytes_that_are_none(pixels, error, message):
    with pytest.raises(error, match=f"^Dataset.from_bytes: expected .*{message}"):
        Dataset.from_bytes(pixels, LABELS, NAMES)
    with pytest.raises(DTypeError, match="expected labels as integers, got float64"):
        Dataset.from_bytes(np.ones((3, 4, 5), np.uint8), LABELS.astype(float), NAMES)


class Tensor:
    """What other libraries have: something with an array in it."""

    def __init__(self, values):
        self.values = values

    def __array__(self, dtype=None, copy=None):
        return self.values if dtype is None else self.values.astype(dtype)


def test_whatever_numpy_makes_an_array_of():
    wanted = Dataset(IMAGES + 0.5, LABELS, NAMES)
    for kind in (np.ndarray.tolist, Tensor):
        data = Dataset(kind(IMAGES + 0.5), kind(LABELS), np.array(NAMES))
        np.testing.assert_array_equal(data.images, wanted.images)
        np.testing.assert_array_equal(data.labels, wanted.labels)
        assert (data.images.dtype, data.labels.dtype) == (np.float32, np.int64)
        assert data.class_names == NAMES
        assert {type(name) for name in data.class_names} == {str}
    bytes_ = Dataset.from_bytes(Tensor(np.full((3, 4, 5), 255, np.uint8)), LABELS.astype(np.uint8), NAMES)
    assert (bytes_.images.min(), bytes_.labels.tolist()) == (1, [0, 1, 2])
    assert len(Dataset(IMAGES[:0], LABELS[:0], ())) == 0
