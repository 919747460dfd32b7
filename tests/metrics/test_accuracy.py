"""Metrics against numbers worked by hand; batches count as the whole does."""

import math

import numpy as np
import pytest

import minidl as ml

SCORES = np.float32([[9, 5, 1], [2, 8, 3], [4, 1, 6], [7, 7, 0], [1, 2, 2]])
LABELS = np.array([0, 0, 2, 1, 1])
ONE_HOT = np.eye(3)[LABELS]
METRICS = [ml.Accuracy(), ml.TopKAccuracy(1), ml.TopKAccuracy(2), ml.ConfusionMatrix()]


def test_accuracy():
    assert ml.Accuracy()(SCORES, LABELS) == 3 / 5
    assert ml.Accuracy().name == "accuracy"


def test_top_k_accuracy():
    # The ranks of the right classes: 1, 3, 1, 2 (a tie that class 0 wins), 1 (a tie that class 1 wins).
    assert ml.TopKAccuracy(1)(SCORES, LABELS) == 3 / 5
    assert ml.TopKAccuracy(2)(SCORES, LABELS) == 4 / 5
    assert ml.TopKAccuracy(3)(SCORES, LABELS) == 1
    assert ml.TopKAccuracy(7)(SCORES, LABELS) == 1
    assert [ml.TopKAccuracy().name, ml.TopKAccuracy(k=2).name] == ["top_5_accuracy", "top_2_accuracy"]
    assert ml.TopKAccuracy(2)(np.zeros((3, 3)), [0, 1, 2]) == 2 / 3


def test_confusion_matrix():
    np.testing.assert_array_equal(ml.ConfusionMatrix()(SCORES, LABELS), [[1, 1, 0], [1, 1, 0], [0, 0, 1]])
    assert ml.ConfusionMatrix().name == "confusion_matrix"


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_one_hot_rows_and_other_integers_count_alike(metric):
    wanted = metric(SCORES, LABELS)
    for labels in (ONE_HOT, ONE_HOT.astype(bool), LABELS.tolist(), LABELS.astype(np.uint8), LABELS.astype(np.uint64)):
        np.testing.assert_array_equal(metric(SCORES, labels), wanted)


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
@pytest.mark.parametrize("size", [1, 2, 3])
def test_batches_count_as_the_whole(metric, size):
    metric.reset()
    for start in range(0, 5, size):
        metric.update(SCORES[start : start + size], LABELS[start : start + size])
        _ = metric.result()
    metric.update(SCORES[:0], LABELS[:0])
    streamed = metric.result()
    np.testing.assert_array_equal(streamed, metric(SCORES, LABELS))
    metric(SCORES[:1], LABELS[:1])
    np.testing.assert_array_equal(metric(SCORES, LABELS), streamed)  # a call forgets the others


def test_nothing_counted_yet():
    for metric in (ml.Accuracy(), ml.TopKAccuracy(2)):
        assert math.isnan(metric.result())
        metric(SCORES, LABELS)
        metric.reset()
        assert math.isnan(metric.result())
    assert ml.ConfusionMatrix().result().shape == (0, 0)


def test_a_row_with_nan_is_never_right():
    scores = np.array([[np.nan, np.nan, np.nan], [np.nan, 1, 0], [2, np.nan, 0], [3, 1, 0]])
    labels = [0, 1, 0, 0]
    assert ml.Accuracy()(scores, labels) == 1 / 4
    for k in (1, 2, 3):
        assert ml.TopKAccuracy(k)(scores, labels) == 1 / 4
    assert ml.ConfusionMatrix()(scores, labels).sum() == 4


def test_infinite_scores_are_ordinary():
    assert ml.Accuracy()(np.array([[np.inf, 0], [-np.inf, 0]]), [0, 1]) == 1
    assert ml.TopKAccuracy(1)(np.array([[np.inf, 0], [-np.inf, 0]]), [0, 1]) == 1


def test_more_classes_than_a_byte_times_a_byte():
    labels = np.arange(200, dtype=np.uint8)
    np.testing.assert_array_equal(ml.ConfusionMatrix()(np.eye(200), labels), np.eye(200))


def test_a_result_does_not_change_later():
    metric = ml.ConfusionMatrix()
    metric.update(SCORES, LABELS)
    early = metric.result()
    copy = early.copy()
    metric.update(SCORES, LABELS)
    np.testing.assert_array_equal(early, copy)
    np.testing.assert_array_equal(metric.result(), 2 * copy)


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
@pytest.mark.parametrize(
    ("scores", "labels", "error", "message"),
    [
        (SCORES[0], LABELS, ml.ShapeError, r"expected scores \(n, classes\), got \(3,\)"),
        (
            SCORES,
            LABELS[:4],
            ml.ShapeError,
            r"labels: expected \(5,\) class indices or \(5, 3\) one-hot rows, got \(4,",
        ),
        (SCORES, LABELS * 1.0, ValueError, "labels: expected class indices as integers, got float64"),
        (SCORES, LABELS + 1, ValueError, "labels: expected class indices from 0 to 2, got others"),
        (SCORES, LABELS - 1, ValueError, "labels: expected class indices from 0 to 2, got others"),
    ],
)
def test_what_does_not_fit(metric, scores, labels, error, message):
    with pytest.raises(error, match=message):
        metric(scores, labels)


def test_constructors():
    with pytest.raises(ValueError, match="k: expected an int of at least 1, got 0"):
        ml.TopKAccuracy(0)
    with pytest.raises(TypeError, match="TopKAccuracy: unknown argument 'kk'; did you mean k"):
        ml.TopKAccuracy(kk=2)
