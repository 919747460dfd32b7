"""Batches, splits, data sets and augmentations of several arrays of one length."""

import copy
import pickle

import numpy as np
import pytest

import minidl as ml
from tests.two_by_two import data

IMAGES, ANGLES, CLASSES, BOXES = data()
X = (IMAGES, ANGLES)


@pytest.mark.parametrize("prefetch", [0, 1])
@pytest.mark.parametrize("shuffled", [False, True])
def test_batches(prefetch, shuffled):
    order = np.random.default_rng(4).permutation(22) if shuffled else np.arange(22)

    def made(x, y):
        rng = np.random.default_rng(4) if shuffled else None
        return list(ml.batches(x, y, batch_size=8, rng=rng, prefetch=prefetch))

    by_name = made({"image": IMAGES, "angle": ANGLES}, {"class": CLASSES, "box": BOXES.tolist()})
    in_tuples = made((IMAGES, ANGLES), (CLASSES, BOXES, (None, BOXES)))
    assert len(by_name) == len(in_tuples) == 3
    for start, (x, y), (inputs, targets) in zip((0, 8, 16), by_name, in_tuples, strict=True):
        rows = order[start : start + 8]
        assert list(x) == ["image", "angle"]
        np.testing.assert_array_equal(x["image"], IMAGES[rows])
        np.testing.assert_array_equal(x["angle"], ANGLES[rows])
        np.testing.assert_array_equal(y["class"], CLASSES[rows])
        np.testing.assert_array_equal(y["box"], np.array(BOXES.tolist())[rows])
        assert isinstance(inputs, tuple)
        np.testing.assert_array_equal(inputs[1], ANGLES[rows])
        np.testing.assert_array_equal(targets[1], BOXES[rows])
        assert targets[2][0] is None
        np.testing.assert_array_equal(targets[2][1], BOXES[rows])


def test_batches_of_a_data_set_with_more_arrays():
    more = ml.datasets.Dataset(IMAGES, CLASSES, ("a", "b", "c"), extra_inputs={"angle": ANGLES})
    (x, y), *_ = ml.batches(more, batch_size=5)
    assert list(x) == ["images", "angle"]
    np.testing.assert_array_equal(x["angle"], ANGLES[:5])
    np.testing.assert_array_equal(y, CLASSES[:5])


def test_split():
    x, y = {"image": IMAGES, "angle": ANGLES}, (CLASSES, BOXES)
    split = ml.train_test_split(x, y, CLASSES, test_size=6, stratify=CLASSES, seed=3)
    train_x, test_x, train_y, test_y, plain_train, plain_test = split
    plain = ml.train_test_split(IMAGES, ANGLES, BOXES, test_size=6, stratify=CLASSES, seed=3)
    assert isinstance(test_y, tuple)
    for got, wanted in zip(
        [train_x["image"], test_x["image"], train_x["angle"], test_x["angle"], train_y[1], test_y[1]],
        plain,
        strict=True,
    ):
        np.testing.assert_array_equal(got, wanted)
    np.testing.assert_array_equal(plain_train, train_y[0])
    np.testing.assert_array_equal(plain_test, test_y[0])
    with pytest.raises(ml.ShapeError, match=r"got arrays\[0\]\['image'\] 22, arrays\[0\]\['angle'\] 21"):
        ml.train_test_split({"image": IMAGES, "angle": ANGLES[1:]})
    first, second = ml.train_test_split((0, 1, 2, 3), test_size=1, seed=0)  # a tuple of numbers is an array
    assert sorted([*first, *second]) == [0, 1, 2, 3]


def test_a_data_set_keeps_its_arrays_together():
    whole = ml.datasets.Dataset(
        IMAGES, CLASSES, ("a", "b", "c"), extra_inputs={"angle": ANGLES}, extra_targets={"box": BOXES.tolist()}
    )
    assert repr(whole) == "Dataset(22 images (1, 5, 5), 3 classes, angle, box)"
    rows = np.array([3, 1, 8])
    np.testing.assert_array_equal(whole[rows].extra_inputs["angle"], ANGLES[rows])
    np.testing.assert_array_equal(whole[2:9].extra_targets["box"], BOXES[2:9])
    assert not whole.extra_inputs["angle"].flags.writeable
    train, test = whole.split(6, seed=1)
    numbers = [int(np.flatnonzero((image == IMAGES).all(axis=(1, 2, 3)))[0]) for image, _ in test]
    np.testing.assert_array_equal(test.extra_inputs["angle"], ANGLES[numbers])
    assert len(train.extra_targets["box"]) == 16
    for again in (copy.deepcopy(whole), pickle.loads(pickle.dumps(whole))):
        np.testing.assert_array_equal(again.extra_inputs["angle"], ANGLES)
    with pytest.raises(
        ml.ShapeError, match=r"Dataset: extra_inputs\['angle'\]: expected an array for 22 images, got \(21, 2"
    ):
        ml.datasets.Dataset(IMAGES, CLASSES, ("a", "b", "c"), extra_inputs={"angle": ANGLES[1:]})
    with pytest.raises(TypeError, match="Dataset: extra_targets: expected a dict of arrays by name, got a ndarray"):
        ml.datasets.Dataset(IMAGES, CLASSES, ("a", "b", "c"), extra_targets=BOXES)


def test_batches_of_several_arrays_that_don_t_fit():
    with pytest.raises(ml.ShapeError, match=r"got x\[0\] 22, x\[1\] 22, y 21"):
        ml.batches(X, CLASSES[1:])
    with pytest.raises(ml.ShapeError, match=r"got x\['a'\] 22, x\['b'\] 21, y 22"):
        ml.batches({"a": IMAGES, "b": ANGLES[1:]}, CLASSES)
    with pytest.raises(ValueError, match=r"augment: expected a single array of images, got x\[0\] and x\[1\]"):
        ml.batches(X, CLASSES, augment=ml.augment.RandomHorizontalFlip())
    with pytest.raises(ValueError, match="x: expected at least one array, got an empty dict"):
        ml.batches({}, CLASSES)


def test_masks_don_t_stay_behind():
    masks = np.zeros((22, 5, 5), np.uint8)
    light = ml.augment.RandomBrightness(0.2)
    for mover in (ml.augment.RandomHorizontalFlip(), ml.augment.RandomShift(1), ml.augment.RandomRotation(9)):
        for augment in (mover, [light, mover]):
            with pytest.raises(
                ml.ShapeError, match=rf"{type(mover).__name__} changes images, and not targets of their"
            ):
                next(iter(ml.batches(IMAGES, masks, augment=augment)))
    next(iter(ml.batches(IMAGES, masks, augment=light)))
    (x, y), *_ = ml.batches(IMAGES, masks, augment=lambda x, y: (x[..., ::-1], y[..., ::-1]))
    assert x.shape == (22, 1, 5, 5)
    assert y.shape == (22, 5, 5)
