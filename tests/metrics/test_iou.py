"""The mean intersection over union, against loops over all pixels."""

import numpy as np
import pytest

import minidl as ml

RNG = np.random.default_rng(8)


def example(n=6, classes=5, h=4, w=3, there=None):
    scores = RNG.standard_normal((n, classes, h, w)).astype(np.float32)
    return scores, RNG.integers(0, there or classes, (n, h, w))


def by_loops(scores, labels):
    values = []
    for k in range(scores.shape[1]):
        both = either = 0
        for i, r, q in np.ndindex(labels.shape):
            is_seen, is_there = scores[i, :, r, q].argmax() == k, labels[i, r, q] == k
            both += is_seen and is_there
            either += is_seen or is_there
        if either:
            values.append(both / either)
    return sum(values) / len(values)


@pytest.mark.parametrize("there", [5, 2])
def test_loops(there):
    scores, labels = example(there=there)
    metric = ml.MeanIoU()
    assert metric(scores, labels) == pytest.approx(by_loops(scores, labels), rel=1e-14)
    metric.reset()
    for part in (slice(0, 1), slice(1, 4), slice(4, 6)):
        metric.update(scores[part], labels[part])
    assert metric.result() == pytest.approx(by_loops(scores, labels), rel=1e-14)
    one_hot = np.moveaxis(np.eye(5)[labels], -1, 1)
    assert metric(scores, one_hot) == pytest.approx(by_loops(scores, labels), rel=1e-14)


def test_a_class_that_is_absent_is_left_out():
    scores = np.array([[[9.0, 9.0, 0.0]], [[0.0, 0.0, 9.0]], [[-1.0, -1.0, -1.0]]]).transpose(1, 0, 2)[:, :, None]
    labels = np.array([[[0, 1, 1]]])
    assert scores.shape == (1, 3, 1, 3)
    assert ml.MeanIoU()(scores, labels) == 0.5  # of class 0 half, of class 1 half, and class 2 is nowhere
    assert ml.MeanIoU(3)(scores, labels) == 0.5


def test_scikit_learn():
    sklearn = pytest.importorskip("sklearn.metrics")
    for there in (2, 5):
        scores, labels = example(there=there)
        seen = scores.argmax(axis=1)
        wanted = sklearn.jaccard_score(labels.ravel(), seen.ravel(), average="macro")
        assert ml.MeanIoU()(scores, labels) == pytest.approx(wanted, rel=1e-14)
        weights = np.array([1, 2, 0, 1, 3, 1])
        wanted = sklearn.jaccard_score(labels[2:].ravel(), seen[2:].ravel(), average="macro")
        assert ml.MeanIoU()(scores[2:], labels[2:], np.ones(4)) == pytest.approx(wanted, rel=1e-14)
        pixels = np.repeat(weights, 12)
        wanted = sklearn.f1_score(labels.ravel(), seen.ravel(), average="weighted", sample_weight=pixels)
        assert ml.F1("weighted")(scores, labels, weights) == pytest.approx(wanted, rel=1e-12)
        wanted = sklearn.confusion_matrix(labels.ravel(), seen.ravel(), labels=range(5), sample_weight=pixels)
        np.testing.assert_array_equal(ml.ConfusionMatrix()(scores, labels, weights), wanted)


def test_dice_is_the_mean_of_each_class_s_f1():
    for there in (2, 5):
        scores, labels = example(there=there)
        weights = [1, 2, 0, 1, 3, 1]
        for average in ("macro", "weighted", None):
            wanted = ml.F1(average)(scores, labels, weights)
            np.testing.assert_array_equal(ml.Dice(average=average)(scores, labels, weights), wanted)
    each = ml.MeanIoU(average=None)(scores, labels)
    np.testing.assert_allclose(ml.Dice(average=None)(scores, labels), 2 * each / (1 + each), rtol=1e-14)
    assert (ml.Dice().name, ml.Dice().better, ml.Dice(average=None).is_number) == ("dice", "larger", False)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    "make",
    [
        ml.Accuracy,
        lambda **how: ml.TopKAccuracy(2, **how),
        ml.ConfusionMatrix,
        ml.Precision,
        lambda **how: ml.Recall(None, **how),
        lambda **how: ml.F1("micro", **how),
        ml.MeanIoU,
        ml.Dice,
    ],
)
def test_what_is_ignored_is_not_counted(make, weighted):
    scores, labels = example()
    for ignored in (255, -1, 3):  # 3 is a class, which is still seen elsewhere
        marked = np.where(RNG.random(labels.shape) < 0.3, ignored, labels)
        marked[2] = ignored  # an image of which nothing counts
        counted = marked != ignored
        weights = np.repeat([1.0, 2, 4, 0, 3, 1], 12).reshape(labels.shape)
        own = (weights[:, 0, 0],) if weighted else ()
        rows = np.moveaxis(scores, 1, -1)[counted], marked[counted]
        wanted = make()(*rows, *([weights[counted]] if weighted else []))
        metric = make(ignore_index=ignored)
        np.testing.assert_allclose(metric(scores, marked, *own), wanted, rtol=1e-13)
        metric.reset()
        for part in (slice(2), slice(2, 3), slice(3, 6)):
            metric.update(scores[part], marked[part], *(each[part] for each in own))
        np.testing.assert_allclose(metric.result(), wanted, rtol=1e-13)
        where = np.where(counted[:, None], scores, np.nan)  # what a score is there matters to nobody
        np.testing.assert_allclose(metric(where, marked, *own), wanted, rtol=1e-13)
        if ignored == 255:
            vectors, own = (scores[:, :, 0, 0], marked[:, 0, 0]), counted[:, 0, 0]
            wanted = make()(vectors[0][own], vectors[1][own])
            np.testing.assert_allclose(metric(vectors[0], vectors[1].astype(np.uint8)), wanted, rtol=1e-13)


def test_errors_of_ignoring():
    scores, labels = example()
    with pytest.raises(ValueError, match=r"from 0 to 4, got 255; what shall not count, leave out by ignore_index=255"):
        ml.MeanIoU()(scores, np.where(labels == 1, 255, labels))
    with pytest.raises(ValueError, match="labels: expected class indices from 0 to 4, or 255, got 5"):
        ml.Accuracy(ignore_index=255)(scores, labels + 1)
    with pytest.raises(ValueError, match="ignore_index: only for labels that are class indices, and these are rows"):
        ml.F1(ignore_index=0)(scores, np.moveaxis(np.eye(5)[labels], -1, 1))
    with pytest.raises(TypeError, match="ignore_index: expected an integer, or None, got 'x'"):
        ml.Dice(ignore_index="x")
    with pytest.raises(ValueError, match="ignore_index: only for labels that are class indices, and multilabel=True"):
        ml.F1(multilabel=True, ignore_index=0)
    assert np.isnan(ml.Accuracy(ignore_index=0)(scores, np.zeros_like(labels)))
    assert np.isnan(ml.MeanIoU(ignore_index=0)(scores, np.zeros_like(labels)))


def test_accuracies_of_pixels():
    scores, labels = example()
    order = (-scores).argsort(axis=1, kind="stable")
    assert ml.Accuracy()(scores, labels) == (order[:, 0] == labels).mean()
    assert ml.TopKAccuracy(2)(scores, labels) == (order[:, :2] == labels[:, None]).any(axis=1).mean()
    assert ml.Accuracy()(scores, labels, [0, 0, 1, 0, 0, 0]) == (order[2, 0] == labels[2]).mean()


def test_nan_is_no_class():
    scores, labels = example(n=1)
    labels[0, 0, 0] = 0
    scores[0, 1, 0, 0] = np.nan
    seen = scores.argmax(axis=1)
    seen[0, 0, 0] = 7
    shares = [((seen == k) & (labels == k)).sum() / ((seen == k) | (labels == k)).sum() for k in range(5)]
    assert ml.MeanIoU()(scores, labels) == pytest.approx(np.mean(shares), rel=1e-14)
    assert ml.Accuracy()(scores, labels) == (seen == labels).mean()


def test_errors_and_its_code():
    scores, labels = example()
    assert repr(ml.MeanIoU()) == "MeanIoU()"
    assert repr(ml.MeanIoU(4, name="iou")) == "MeanIoU(num_classes=4, name='iou')"
    assert np.isnan(ml.MeanIoU().result())
    with pytest.raises(ml.ShapeError, match=r"MeanIoU: expected scores \(n, 4, h, w\) or \(n, 4\), got \(6, 5, 4, 3\)"):
        ml.MeanIoU(4)(scores, labels)
    expected = r"MeanIoU: expected scores \(n, classes, h, w\) or \(n, classes\), got \(6,"
    with pytest.raises(ml.ShapeError, match=expected):
        ml.MeanIoU()(scores[:, 0, 0, 0], labels[:, 0, 0])
    with pytest.raises(ValueError, match="labels: expected 0 and 1, got others"):
        ml.MeanIoU()(scores[:, :1], labels)
    with pytest.raises(ml.ShapeError, match=r"Dice: expected scores \(n, 3, h, w\) or \(n, 3\), got \(6, 1, 4, 3\)"):
        ml.Dice(3)(scores[:, :1], labels)
    with pytest.raises(ml.ShapeError, match=r"labels: expected \(6, 4, 3\) class indices .* got \(6, 3, 4\)"):
        ml.MeanIoU()(scores, labels.transpose(0, 2, 1))
    with pytest.raises(ValueError, match="labels: expected class indices from 0 to 4, got 5"):
        ml.Accuracy()(scores, labels + 1)
    with pytest.raises(ml.ShapeError, match="ROCAUC: expected scores"):
        ml.ROCAUC()(scores, labels)
    with pytest.raises(ValueError, match="num_classes: expected an int of at least 2, got 1"):
        ml.MeanIoU(1)
