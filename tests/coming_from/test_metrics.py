"""What docs/coming_from.md says of metrics, asked of scikit-learn."""

import warnings

import numpy as np
import pytest

import minidl as ml
from tests.coming_from.page import says
from tests.coming_from.test_training import seen
from tests.training.blobs import X, Y, network

theirs = pytest.importorskip("sklearn.metrics", reason="asks scikit-learn, which isn't installed")

RNG = np.random.default_rng(0)
SCORES, LABELS = RNG.standard_normal((200, 4)), RNG.integers(4, size=200)
PROBABILITIES = np.exp(SCORES) / np.exp(SCORES).sum(1, keepdims=True)
LOGITS, YES = RNG.standard_normal(200), RNG.integers(2, size=200)
SEVERAL = RNG.integers(2, size=(200, 4))
NUMBERS = SCORES + RNG.standard_normal((200, 4)) * [0.1, 0.5, 1, 2]
AVERAGES = ("macro", "weighted", None)
averages = pytest.mark.parametrize("average", AVERAGES)


def same(ours, wanted):
    np.testing.assert_allclose(ours, wanted, rtol=1e-6, atol=1e-9)


@says("`Accuracy()`: indices or rows")
def test_accuracy():
    for labels in (LABELS, np.eye(4)[LABELS]):
        same(ml.Accuracy()(SCORES, labels), theirs.accuracy_score(LABELS, SCORES.argmax(1)))


@says("`BinaryAccuracy()`: from logits", "`BinaryAccuracy(multilabel=True)`")
def test_binary_accuracy_is_of_logits_and_of_all_elements():
    same(ml.BinaryAccuracy()(LOGITS, YES), theirs.accuracy_score(YES, LOGITS > 0))
    same(ml.BinaryAccuracy(multilabel=True)(SCORES, SEVERAL), ((SCORES > 0) == SEVERAL).mean())
    assert theirs.accuracy_score(SEVERAL, SCORES > 0) == pytest.approx(((SCORES > 0) == SEVERAL).all(1).mean())


@says("`TopKAccuracy(5)`")
def test_of_equal_scores_ours_counts_the_first_and_theirs_the_last():
    same(ml.TopKAccuracy(2)(SCORES, LABELS), theirs.top_k_accuracy_score(LABELS, SCORES, k=2))
    equal, labels = np.zeros((4, 4)), np.arange(4)
    first, last = ml.TopKAccuracy(1), []
    for label in labels:
        first.reset()
        first.update(equal[:1], [label])
        shown = first.result()
        last.append((shown, theirs.top_k_accuracy_score([label], equal[:1], k=1, labels=labels)))
    assert last == [(1, 0), (0, 0), (0, 0), (0, 1)]


@says("`F1(average)`, `Precision`, `Recall`", "`F1(average, multilabel=True)`")
@averages
def test_f1_precision_and_recall(average):
    names = {ml.F1: theirs.f1_score, ml.Precision: theirs.precision_score, ml.Recall: theirs.recall_score}
    for ours, function in names.items():
        same(ours(average)(SCORES, LABELS), function(LABELS, SCORES.argmax(1), average=average))
        wanted = function(SEVERAL, SCORES > 0, average=average)
        same(ours(average, multilabel=True)(SCORES, SEVERAL), wanted)
    assert ml.F1().average == "macro"


@says("`MeanIoU()`: of scores", "`Dice()`: of scores", "`MeanIoU(ignore_index=)`")
def test_overlaps_of_pixels():
    scores, labels = RNG.standard_normal((2, 4, 6, 6)), RNG.integers(4, size=(2, 6, 6))
    predicted = scores.argmax(1).ravel()
    jaccard = theirs.jaccard_score(labels.ravel(), predicted, average="macro")
    same(ml.MeanIoU()(scores, labels), jaccard)
    same(ml.Dice()(scores, labels), theirs.f1_score(labels.ravel(), predicted, average="macro"))
    some = labels.copy()
    some[:, :2] = 255
    kept = (some != 255).ravel()
    jaccard = theirs.jaccard_score(labels.ravel()[kept], predicted[kept], average="macro")
    same(ml.MeanIoU(ignore_index=255)(scores, some), jaccard)


@says("`ROCAUC()`", "`ROCAUC(multilabel=True)`", "`AveragePrecision()`")
def test_areas():
    same(ml.ROCAUC()(SCORES, LABELS), theirs.roc_auc_score(LABELS, PROBABILITIES, multi_class="ovr"))
    same(ml.ROCAUC(multilabel=True)(SCORES, SEVERAL), theirs.roc_auc_score(SEVERAL, SCORES))
    same(ml.AveragePrecision()(LOGITS, YES), theirs.average_precision_score(YES, LOGITS))


@says("`metrics.MeanSquaredError()`", "`RootMeanSquaredError()`: of all elements")
def test_errors_of_numbers():
    same(ml.metrics.MeanSquaredError()(SCORES, NUMBERS), theirs.mean_squared_error(NUMBERS, SCORES))
    same(ml.metrics.MeanAbsoluteError()(SCORES, NUMBERS), theirs.mean_absolute_error(NUMBERS, SCORES))
    of_outputs = np.sqrt(((SCORES - NUMBERS) ** 2).mean(0))
    same(ml.RootMeanSquaredError()(SCORES, NUMBERS), np.sqrt((of_outputs**2).mean()))
    assert theirs.root_mean_squared_error(NUMBERS, SCORES) == pytest.approx(of_outputs.mean())


@says("`metrics.classification_report(scores, labels)`")
def test_the_report_of_each_class():
    wanted = theirs.classification_report(LABELS, SCORES.argmax(1), digits=2)
    ours = str(ml.metrics.classification_report(SCORES, LABELS))
    for line in wanted.splitlines()[2:6]:
        assert " ".join(line.split()) in " ".join(ours.split())


@says("`R2Score(average)`")
def test_shares_of_the_variance():
    names = dict(zip(AVERAGES, ("uniform_average", "variance_weighted", "raw_values"), strict=True))
    for average, multioutput in names.items():
        same(ml.R2Score(average)(SCORES, NUMBERS), theirs.r2_score(NUMBERS, SCORES, multioutput=multioutput))


@says("`metric(scores, labels, sample_weight)`")
def test_weights_of_samples():
    weights = RNG.random(200)
    wanted = theirs.f1_score(LABELS, SCORES.argmax(1), average="macro", sample_weight=weights)
    same(ml.F1()(SCORES, LABELS, weights), wanted)
    model = network()
    weights = np.where(Y == 0, 2.0, 0.0)
    history, _ = seen(
        model=model, weighted_metrics=[ml.Accuracy()], validation_data=(X, Y, weights), sample_weight=weights
    )
    right = model.predict(X).argmax(1) == Y
    assert history["val_accuracy"] == pytest.approx([right[Y == 0].mean()])


@says("Where a value is undefined, scikit-learn warns")
def test_undefined_values_draw_no_warning_here():
    ones = np.ones(5, int)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        same(ml.Precision()(np.tile([9.0, 0, 0], (3, 1)), [0, 0, 1]), 2 / 3 / 2)  # 0 for class 1, and no class 2
        assert np.isnan(ml.ROCAUC()(LOGITS[:5], ones))
    with pytest.warns(UserWarning, match="Only one class"):
        found = theirs.roc_auc_score(ones, LOGITS[:5])
    assert np.isnan(found)
