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
    with pytest.raises(
        ml.ShapeError, match=r"MeanIoU: expected scores \(n, classes, h, w\) or \(n, classes\), got \(6,"
    ):
        ml.MeanIoU()(scores[:, :1], labels)
    with pytest.raises(ml.ShapeError, match=r"labels: expected \(6, 4, 3\) class indices .* got \(6, 3, 4\)"):
        ml.MeanIoU()(scores, labels.transpose(0, 2, 1))
    with pytest.raises(ValueError, match="labels: expected class indices from 0 to 4, got others"):
        ml.Accuracy()(scores, labels + 1)
    with pytest.raises(ml.ShapeError, match="ROCAUC: expected scores"):
        ml.ROCAUC()(scores, labels)
    with pytest.raises(ValueError, match="num_classes: expected an int of at least 2, got 1"):
        ml.MeanIoU(1)
