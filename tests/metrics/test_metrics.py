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
    # From the top: 4 is right, then of the two 3s one is, and 1 is the last that is: precisions 1, 2 / 3 and 3 / 5.
    scores, labels = np.array([4.0, 3, 3, 2, 1]), [1, 1, 0, 0, 1]
    assert ml.AveragePrecision()(scores, labels) == pytest.approx((1 + 2 / 3 + 3 / 5) / 3)
    assert ml.AveragePrecision()(scores, labels, [1, 1, 1, 0, 2]) == pytest.approx((1 + 2 / 3 + 2 * 4 / 5) / 4)
    assert ml.AveragePrecision()(scores, np.zeros(5, int)) == 0
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
    [
        ml.Precision(),
        ml.Recall(),
        ml.F1(),
        ml.ROCAUC(),
        ml.AveragePrecision(),
        ml.BinaryAccuracy(),
        metrics.MeanAbsoluteError(),
    ],
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
    assert math.isnan(ml.AveragePrecision()(np.array([np.nan, 1, 2]), [1, 1, 0]))
    for kind in (metrics.MeanAbsoluteError, metrics.MeanSquaredError):
        assert math.isnan(kind()(np.array([np.nan, 1]), [1, 1]))
        assert kind()(np.array([np.inf, 1]), [1, 1]) == np.inf


def test_names_and_which_way_is_better():
    larger = [ml.Accuracy, ml.BinaryAccuracy, ml.TopKAccuracy, ml.Precision, ml.Recall, ml.F1, ml.ROCAUC]
    larger += [ml.AveragePrecision, ml.R2Score, ml.MeanIoU, ml.Dice]
    smaller = [metrics.MeanAbsoluteError, metrics.MeanSquaredError, ml.RootMeanSquaredError]
    for kind in [*larger, *smaller, ml.ConfusionMatrix]:
        assert kind(name="own").name == "own"
        assert kind(name=kind().name).name == kind().name
        wanted = "larger" if kind in larger else "smaller" if kind in smaller else None
        assert kind().better == wanted
    for kind in (ml.Precision, ml.Recall, ml.F1, ml.ROCAUC, ml.AveragePrecision):
        assert kind(None).better is None
    x, y = SCORES, LABELS
    model = ml.Sequential([ml.Dense(3)], input_shape=(3,), seed=0)
    two = [ml.F1(name="macro"), ml.F1("micro", name="micro")]
    values = model.evaluate(x, y, loss=ml.CrossEntropy(), metrics=two)
    scores = model.predict(x)
    assert values["macro"] == ml.F1()(scores, y)
    assert values["micro"] == ml.F1("micro")(scores, y)


def test_weights_of_0_keep_a_class_and_leave_out_a_sample():
    scores, labels = 2 * np.eye(3)[[0, 1, 1]], np.array([0, 1, 2])
    # As in scikit-learn: class 2 is there, with nothing that counts, and its recall is 0.
    assert ml.Recall()(scores, labels, [1, 1, 0]) == pytest.approx(2 / 3)
    assert ml.Recall("weighted")(scores, labels, [1, 1, 0]) == 1
    np.testing.assert_array_equal(ml.ConfusionMatrix()(scores, labels, [1, 0.5, 0]), np.diag([1, 0.5, 0]))
    assert ml.Accuracy()(scores, labels, [1, 1, 2]) == 1 / 2
    assert metrics.MeanSquaredError()(np.array([np.inf, 1]), [0, 3], [0, 5]) == 4
    for kind in (ml.Accuracy, ml.Recall, ml.F1, ml.ROCAUC, ml.AveragePrecision):
        assert math.isnan(kind()(scores, labels, [0, 0, 0]))


@pytest.mark.parametrize(
    ("weights", "error", "message"),
    [
        ([1, 2], ml.ShapeError, r"sample_weight: expected \(5,\), got \(2,\)"),
        (np.ones((5, 1)), ml.ShapeError, r"sample_weight: expected \(5,\), got \(5, 1\)"),
        ([1, 1, 1, 1, -1], ValueError, "sample_weight: expected finite numbers of at least 0"),
        ([1, 1, 1, 1, np.nan], ValueError, "sample_weight: expected finite numbers of at least 0"),
        ([1, 1, 1, 1, np.inf], ValueError, "sample_weight: expected finite numbers of at least 0"),
    ],
)
def test_weights_that_do_not_fit(weights, error, message):
    for kind in (ml.Accuracy, ml.TopKAccuracy, ml.ConfusionMatrix, ml.F1, ml.ROCAUC):
        with pytest.raises(error, match=message):
            kind()(SCORES, LABELS, weights)
    for kind in (ml.BinaryAccuracy, metrics.MeanAbsoluteError, metrics.MeanSquaredError):
        with pytest.raises(error, match=message):
            kind()(SCORES[:, 0], LABELS > 0, weights)


def test_a_metric_of_ones_own_needs_no_weights():
    class Count(ml.Metric):
        name = "count"

        def reset(self):
            self.count = 0

        def update(self, scores, labels):
            self.count += len(labels)

        def result(self):
            return self.count

    assert Count()(SCORES, LABELS) == 5
    model = ml.Sequential([ml.Dense(3), ml.Softmax()], input_shape=(3,), seed=0)
    values = model.evaluate(SCORES, LABELS, loss=ml.CrossEntropy(), metrics=[Count()], sample_weight=np.ones(5))
    assert values["count"] == 5


def test_lists_are_taken():
    assert ml.Accuracy()([[1.0, 2.0], [2.0, 1.0]], [1, 1]) == 1 / 2
    assert ml.ROCAUC()([[1, 2], [2, 1]], [1, 0]) == 1
    assert ml.F1(multilabel=True)([[1, -1], [1, 1]], [[1, 0], [1, 1]]) == 1
    assert metrics.MeanAbsoluteError()([1, 2], [1, 4]) == 1


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
        (lambda: ml.F1("samples"), ValueError, "got 'samples'; it is for multilabel=True"),
        (lambda: ml.F1("binary", multilabel=True), ValueError, "average: .* with multilabel=True, got 'binary'"),
        (lambda: ml.ROCAUC("samples", multilabel=True), ValueError, "one of macro, micro, weighted with multi"),
        (lambda: ml.AveragePrecision("binary"), ValueError, "one of macro, micro, weighted, got 'binary'"),
        (
            lambda: ml.AveragePrecision()(np.zeros((5, 3, 2)), LABELS),
            ml.ShapeError,
            r"AveragePrecision: expected scores \(n,\), \(n, 1\) or \(n, classes\), got \(5, 3, 2\)",
        ),
        (lambda: ml.F1(threshold="0.5"), ValueError, "threshold: expected a number, or None, got '0.5'"),
        (lambda: ml.BinaryAccuracy(threshold=np.nan), ValueError, "threshold: expected a number, or None, got nan"),
        (
            lambda: ml.F1(multilabel=True)(SCORES, LABELS),
            ml.ShapeError,
            r"labels: expected multi-hot rows \(5, 3\), got \(5,\); for class indices leave out multilabel=True",
        ),
        (lambda: ml.ROCAUC(multilabel=True)(SCORES[0], LABELS[:3]), ml.ShapeError, r"scores \(n, labels\), got \(3,\)"),
        (
            lambda: ml.BinaryAccuracy(multilabel=True)(SCORES, SCORES),
            ValueError,
            "labels: expected 0 and 1, got others",
        ),
        (
            lambda: ml.BinaryAccuracy()(SCORES, np.eye(3)[LABELS]),
            ml.ShapeError,
            r"for exclusive classes, use Accuracy; for several labels per sample, BinaryAccuracy\(multilabel=True\)",
        ),
        (lambda: ml.F1()(SCORES[:, 0], LABELS), ValueError, "labels: expected 0 and 1, got others"),
        (lambda: ml.F1()(SCORES[:, :1], LABELS[:2]), ml.ShapeError, r"labels: expected \(5, 1\), got \(2,\)"),
        (
            lambda: ml.BinaryAccuracy()(SCORES, LABELS),
            ml.ShapeError,
            r"or \(n, 1, h, w\), got \(5, 3\); for exclusive",
        ),
        (lambda: metrics.MeanSquaredError()(SCORES, LABELS), ml.ShapeError, r"labels: expected \(5, 3\), got \(5,\)"),
    ],
)
def test_what_does_not_fit(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_a_metric_says_which_way_it_is_better_and_whether_it_is_a_number():
    larger = [ml.Accuracy(), ml.BinaryAccuracy(), ml.TopKAccuracy(), ml.Precision(), ml.Recall(), ml.F1(), ml.ROCAUC()]
    smaller = [metrics.MeanAbsoluteError(), metrics.MeanSquaredError(), ml.RootMeanSquaredError()]
    assert [metric.better for metric in larger] == ["larger"] * 7
    assert [metric.better for metric in smaller] == ["smaller"] * 3
    assert all(metric.is_number for metric in larger + smaller)
    arrays = [ml.ConfusionMatrix(), ml.F1(None), ml.ROCAUC(None)]
    assert not any(metric.is_number for metric in arrays)
    assert (ml.Metric.better, ml.ConfusionMatrix.better) == (None, None)


MANY = {
    "several": [
        ml.BinaryAccuracy(multilabel=True),
        ml.F1("samples", multilabel=True),
        ml.Precision(multilabel=True),
        ml.Recall(None, multilabel=True),
        ml.ROCAUC("micro", multilabel=True),
        ml.AveragePrecision("weighted", multilabel=True),
        ml.ROCAUC(multilabel=True),
    ],
    "classes": [ml.Accuracy(), ml.ConfusionMatrix(), ml.F1(), ml.Precision("weighted"), ml.Recall(None), ml.ROCAUC()],
    "yes": [ml.BinaryAccuracy(), ml.F1("binary"), ml.ROCAUC()],
    "numbers": [metrics.MeanAbsoluteError(), metrics.MeanSquaredError(), ml.RootMeanSquaredError(), ml.R2Score()],
}


@pytest.mark.parametrize(("task", "metric"), [(task, metric) for task, chosen in MANY.items() for metric in chosen])
def test_batches_of_nothing_and_targets_of_other_types(task, metric):
    rng = np.random.default_rng(0)
    scores = rng.standard_normal((40, 1) if task == "yes" else (40, 3)).astype(np.float32)
    labels = {
        "several": rng.integers(2, size=(40, 3)),
        "classes": np.eye(3, dtype=int)[rng.integers(3, size=40)],
        "yes": rng.integers(2, size=(40, 1)),
        "numbers": rng.integers(2, size=(40, 3)),
    }[task]
    wanted = metric(scores, labels)
    for weights in ([], [np.zeros(0)]):
        metric.reset()
        for part in (slice(0), slice(0, 25), slice(25, 25), slice(25, None)):
            metric.update(scores[part], labels[part], *(weights if not len(scores[part]) else []))
        np.testing.assert_array_equal(metric.result(), wanted)
    for dtype in (bool, np.uint8, np.float16, np.float32, np.uint64):
        np.testing.assert_array_equal(metric(scores, labels.astype(dtype)), wanted)
    times = 3 if metric.name == "confusion_matrix" else 1  # the others are means
    np.testing.assert_allclose(metric(scores, labels, np.full(40, 3.0)), times * wanted, rtol=1e-12)
