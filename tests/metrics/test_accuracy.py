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
        (SCORES, LABELS + 1, ValueError, "labels: expected class indices from 0 to 2, got 3"),
        (SCORES, LABELS - 1, ValueError, "labels: expected class indices from 0 to 2, got -1"),
    ],
)
def test_what_does_not_fit(metric, scores, labels, error, message):
    with pytest.raises(error, match=message):
        metric(scores, labels)


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_a_column_has_no_classes(metric):
    """Whatever its values are, the largest of one score is that of class 0."""
    rng = np.random.default_rng(0)
    scores = rng.standard_normal((20, 1))
    for labels in (rng.standard_normal((20, 1)), rng.integers(2, size=(20, 1)), np.ones((20, 1)), np.zeros(20, int)):
        with pytest.raises(ml.ShapeError, match=r"at least two classes, got \(20, 1\); for yes or no, use Binary"):
            metric(scores, labels)


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
@pytest.mark.parametrize(
    "rows",
    [[[1, 0, 1], [0, 1, 0]], [[0, 0, 0], [0, 1, 0]], [[2, -1, 0], [0, 1, 0]], [[0.5, np.nan, 0.5], [0, 1, 0]]],
    ids=["several", "none", "negative", "nan"],
)
def test_rows_that_tell_of_no_single_class(metric, rows):
    with pytest.raises(ValueError, match="labels: expected one-hot rows or rows of probabilities, got rows that"):
        metric(SCORES[:2], np.array(rows))
    with pytest.raises(
        ValueError, match="; for several labels per sample, BinaryAccuracy, Precision, Recall, F1, ROCAUC and Aver"
    ):
        metric(SCORES[:2], np.array(rows))


def test_rows_of_probabilities_count_as_their_largest():
    rows = np.float32([[0.9, 0.1, 0], [0.8, 0.1, 0.1], [0.1, 0.2, 0.7], [0.3, 0.7, 0], [0.2, 0.6, 0.2]])
    for metric in METRICS:
        np.testing.assert_array_equal(metric(SCORES, rows), metric(SCORES, LABELS))


def test_accuracy_of_mixed_images():
    rng = np.random.default_rng(0)
    x, labels = rng.random((12, 1, 4, 4), np.float32), rng.integers(3, size=12)
    mixed, rows = ml.augment.MixUp()(x, ml.one_hot(labels, 3))
    model = ml.Sequential([ml.Flatten(), ml.Dense(3)], input_shape=(1, 4, 4), seed=0)
    wanted = np.mean(model(mixed).argmax(axis=1) == rows.argmax(axis=1))
    assert ml.Accuracy()(model(mixed), rows) == wanted


def test_constructors():
    with pytest.raises(ValueError, match="k: expected an int of at least 1, got 0"):
        ml.TopKAccuracy(0)
    with pytest.raises(TypeError, match="name: expected a text that isn't empty, got 3"):
        ml.Accuracy(name=3)
    with pytest.raises(TypeError, match="TopKAccuracy: unknown argument 'kk'; did you mean k"):
        ml.TopKAccuracy(kk=2)
