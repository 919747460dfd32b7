"""Scenes of garments, and the training of U-Net on them, in small."""

import json
from dataclasses import asdict

import numpy as np
import pytest

import minidl as ml
from benchmarks import segmentation
from benchmarks.crew import Crew
from benchmarks.segmentation import KIND_OF_CLASS, KINDS, SIZE, VISIBLE, scenes
from benchmarks.suites import segmentation as suite
from benchmarks.timing import QUICK
from benchmarks.worker import LocalWorker


def one_of_each_class():
    """Images of 28 x 28 that are white in a square, of a garment of each class."""
    images = np.zeros((10, 1, 28, 28), np.float32)
    images[:, :, 4:24, 4:24] = 1
    return ml.datasets.Dataset(images, np.arange(10), [str(i) for i in range(10)])


def test_masks_say_where_garments_are():
    images, masks = scenes(one_of_each_class(), 40, seed=0)
    assert (images.shape, images.dtype, masks.shape) == ((40, 1, SIZE, SIZE), np.float32, (40, SIZE, SIZE))
    np.testing.assert_array_equal(masks > 0, images[:, 0] == 1)
    assert images[:, 0][masks == 0].max() < 0.4
    areas = (masks > 0).sum(axis=(1, 2))
    assert 400 == areas.min() < areas.max() <= 3 * 400
    counts = np.bincount(masks.ravel(), minlength=len(KINDS))[1:]
    assert counts.min() > 0.4 * counts.max()  # each kind as often, by chance


def test_kinds_are_those_of_the_classes():
    train, _ = ml.datasets.fashion_mnist_10k()
    kinds = dict(zip(train.class_names, (KINDS[kind] for kind in KIND_OF_CLASS), strict=True))
    assert [name for name, kind in kinds.items() if kind == "shoe"] == ["Sandal", "Sneaker", "Ankle boot"]
    assert [name for name, kind in kinds.items() if kind == "bag"] == ["Bag"]
    assert [name for name, kind in kinds.items() if kind == "trousers"] == ["Trouser"]


def test_what_lies_dark_in_an_image_covers_nothing():
    data = one_of_each_class()
    dim = ml.datasets.Dataset(data.images * VISIBLE, data.labels, data.class_names)
    assert scenes(dim, 3, seed=0)[1].max() == 0


def test_a_seed_decides_the_scenes():
    data = one_of_each_class()
    assert scenes(data, 3, seed=1)[0].tobytes() == scenes(data, 3, seed=1)[0].tobytes()
    assert scenes(data, 3, seed=1)[0].tobytes() != scenes(data, 3, seed=2)[0].tobytes()


def test_intersection_over_union_of_each_kind():
    masks = np.array([[[0, 0], [1, 2]]])
    scores = np.eye(5)[np.array([[[0, 1], [1, 2]]])].transpose(0, 3, 1, 2)
    assert segmentation._ious(scores, masks)[:3] == [1 / 2, 1 / 2, 1]


@pytest.mark.compiled
def test_the_suite_stores_what_it_shows(tmp_path):
    with Crew(LocalWorker) as crew:
        report = suite.run(crew, QUICK)
    [record] = json.loads(report.save(tmp_path, {}, asdict(QUICK)).read_text(encoding="utf-8"))["records"]
    assert (record["case"], record["scenes"], record["epochs"]) == ("unet", 64, 1)
    assert report.tables[0].rows[-1] == ["mean", f"{record['iou']:.1%}"]
    assert list(record["ious"]) == list(KINDS)
    assert record["iou"] == pytest.approx(np.mean(list(record["ious"].values())))
