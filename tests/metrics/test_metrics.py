"""Metrics of classes and numbers, by hand: what is defined where, NaN, and what doesn't fit."""

import math

import numpy as np
import pytest

import minidl as ml
from minidl import metrics

SCORES = np.float32([[9, 5, 1], [2, 8, 3], [4, 1, 6], [7, 7, 0], [1, 2, 2]])  # seen as 0, 1, 2, 0, 1
LABELS = np.array([0, 0, 2, 1, 1])


def test_by_hand():
    np.testing.assert_allclose(ml.Precision(None)(SCORES, LABELS), [1 / 2, 1 / 2, 1])
    np.testing.assert_allclose(ml.Recall(None)(SCORES, np.eye(3)[LABELS]), [1 / 2, 1 / 2, 1])
    np.testing.assert_allclose(ml.F1(None)(SCORES, [0, 0, 0, 1, 1]), [2 * 1 / 5, 1 / 2, 0])
    assert ml.Precision()(SCORES, LABELS) == pytest.approx(2 / 3)
    assert ml.Precision("micro")(SCORES, LABELS) == pytest.approx(3 / 5)
    assert ml.Recall("weighted")(SCORES, LABELS) == pytest.approx(3 / 5)
    assert ml.ROCAUC()(np.array([1.0, 2, 2, 3]), [0, 1, 0, 1]) == pytest.approx(3.5 / 4)
    assert [metric().name for metric in (ml.Precision, ml.Recall, ml.F1, ml.ROCAUC)] == [
        "precision",
        "recall",
        "f1",
        "roc_auc",
    ]


def test_logits_of_classes_are_ranked_as_probabilities():
    scores = np.array([[5.0, 9.0], [1.0, 0.0], [3.0, 3.0], [0.0, 1.0]])
    labels = [1, 0, 0, 1]
    assert ml.ROCAUC()(scores, labels) == 1  # the second column alone would misplace the third row
    with pytest.warns(UserWarning, match="these scores look like probabilities"):
        ml.ROCAUC()(ml.functional.softmax(scores)[0], labels)


@pytest.mark.parametrize(
    "metric",
    [ml.Precision(), ml.Recall(), ml.F1(), ml.ROCAUC(), ml.BinaryAccuracy(), metrics.MeanAbsoluteError()],
    ids=lambda metric: metric.name,
)
def test_nothing_counted_yet(metric):
    assert math.isnan(metric.result())
    metric(np.zeros(3), np.array([0, 1, 1]))
    metric.reset()
    assert math.isnan(metric.result())


def test_nan_scores_are_never_right_and_show():
    scores = SCORES.copy()
    scores[0, 2] = np.nan
    np.testing.assert_allclose(ml.Recall(None)(scores, LABELS), [0, 1 / 2, 1])
    np.testing.assert_allclose(ml.Precision(None)(scores, LABELS), [0, 1 / 2, 1])
    assert ml.BinaryAccuracy()(np.array([np.nan, 1, np.nan]), [1, 1, 0]) == 1 / 3
    assert math.isnan(ml.ROCAUC()(np.array([np.nan, 1, 2]), [1, 1, 0]))
    for kind in (metrics.MeanAbsoluteError, metrics.MeanSquaredError):
        assert math.isnan(kind()(np.array([np.nan, 1]), [1, 1]))
        assert kind()(np.array([np.inf, 1]), [1, 1]) == np.inf


def test_in_fit_and_evaluate():
    rng = np.random.default_rng(0)
    x, y = rng.random((40, 4), np.float32), rng.integers(2, size=40)
    asked = []

    class Counted(ml.ROCAUC):
        def result(self):
            asked.append(len(self._scores))
            return super().result()

    class Seen(ml.Callback):
        def on_train_batch_end(self, batch, logs):
            assert "roc_auc" not in logs
            assert "precision" in logs

    model = ml.Sequential([ml.Dense(2)], input_shape=(4,), seed=0)
    chosen = [ml.Precision(), ml.Recall(), ml.F1(None), Counted()]
    history = model.fit(
        x,
        y,
        loss=ml.CrossEntropy(),
        optimizer=ml.Adam(model.parameters()),
        batch_size=10,
        metrics=chosen,
        callbacks=[Seen()],
        verbose=0,
    )
    assert list(history) == ["loss", "precision", "recall", "f1", "roc_auc"]
    assert asked == [4]
    scores = model.predict(x)
    values = model.evaluate(x, y, loss=ml.CrossEntropy(), metrics=chosen, batch_size=7)
    assert values["roc_auc"] == ml.ROCAUC()(scores, y)
    np.testing.assert_array_equal(values["f1"], ml.F1(None)(scores, y))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: ml.Precision("mico"), ValueError, "average: expected None or one of .*; did you mean micro"),
        (lambda: ml.ROCAUC("micro"), ValueError, "average: expected None or one of macro, weighted, got 'micro'"),
        (lambda: ml.Recall("binary")(SCORES, LABELS), ValueError, '"binary" is for two classes, and the scores have 3'),
        (lambda: ml.Recall()(SCORES, LABELS[:3]), ml.ShapeError, "labels: expected"),
        (lambda: ml.F1()(SCORES[:, 0], LABELS), ValueError, "labels: expected 0 and 1, got others"),
        (lambda: ml.F1()(SCORES[:, :1], LABELS[:2]), ml.ShapeError, r"labels: expected \(5, 1\), got \(2,\)"),
        (lambda: ml.BinaryAccuracy()(SCORES, LABELS), ml.ShapeError, r"expected scores \(n,\) or \(n, 1\), got \(5, 3"),
        (lambda: metrics.MeanSquaredError()(SCORES, LABELS), ml.ShapeError, r"labels: expected \(5, 3\), got \(5,\)"),
    ],
)
def test_what_does_not_fit(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_a_metric_says_which_way_it_is_better_and_whether_it_is_a_number():
    larger = [ml.Accuracy(), ml.BinaryAccuracy(), ml.TopKAccuracy(), ml.Precision(), ml.Recall(), ml.F1(), ml.ROCAUC()]
    smaller = [metrics.MeanAbsoluteError(), metrics.MeanSquaredError()]
    assert [metric.better for metric in larger] == ["larger"] * 7
    assert [metric.better for metric in smaller] == ["smaller"] * 2
    assert all(metric.is_number for metric in larger + smaller)
    arrays = [ml.ConfusionMatrix(), ml.F1(None), ml.ROCAUC(None)]
    assert not any(metric.is_number for metric in arrays)
    assert (ml.Metric.better, ml.ConfusionMatrix.better) == (None, None)
