"""Every metric against scikit-learn's, over whole arrays and over batches: to 1e-6, and NaN or 0 where it warns."""

import warnings

import numpy as np
import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

import minidl as ml
from minidl import metrics

sklearn = pytest.importorskip("sklearn.metrics")

CURVES = {ml.Precision: "precision_score", ml.Recall: "recall_score", ml.F1: "f1_score"}

OUTPUTS = {"macro": "uniform_average", "weighted": "variance_weighted", None: "raw_values"}


@st.composite
def classes(draw):
    """Scores (n, classes) and labels (n,): classes without samples, a single one, and ties among the scores."""
    n, count = draw(st.integers(1, 25)), draw(st.integers(2, 5))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    present = rng.choice(count, draw(st.sampled_from([1, 2, count, count])), replace=False)
    return numbers(draw, rng, (n, count)), rng.choice(present, n), rng


@st.composite
def answers(draw):
    """Scores (n,) and labels (n,) of 0 and 1, or of one of them alone."""
    n = draw(st.integers(1, 25))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return numbers(draw, rng, (n,)), (rng.random(n) < draw(st.sampled_from([0, 0.2, 0.7, 1]))).astype(int), rng


@st.composite
def several(draw):
    """Scores (n, labels) and multi-hot rows: labels that nobody or everybody has, rows without any."""
    n, count = draw(st.integers(1, 25)), draw(st.integers(2, 5))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rates = rng.choice([0, 0.1, 0.5, 1] if draw(st.booleans()) else [0.4, 0.5], count)
    return numbers(draw, rng, (n, count)), (rng.random((n, count)) < rates).astype(int), rng


@st.composite
def measures(draw):
    """Scores (n, outputs) and targets of their shape."""
    n, count = draw(st.integers(1, 25)), draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return numbers(draw, rng, (n, count)), numbers(draw, rng, (n, count)), rng


def numbers(draw, rng, shape):
    return rng.integers(-2, 3, shape) / 2 if draw(st.booleans()) else rng.standard_normal(shape)


def curve(kind, average, *, see):
    """Precision, recall or F1 of what `see` makes of the scores."""

    def oracle(scores, labels, weights):
        names = range(scores.shape[1]) if average is None and labels.ndim == 1 else None
        how = {"average": average, "labels": names, "sample_weight": weights, "zero_division": 0}
        return getattr(sklearn, CURVES[kind])(labels, see(scores), **how)

    return oracle


def areas(average):
    """The area of each class against the rest, or of each label: the same to scikit-learn, once classes are one-hot."""

    def oracle(scores, labels, weights):
        rows = np.eye(scores.shape[1], dtype=int)[labels] if labels.ndim == 1 else labels
        if average == "weighted" and not (rows if weights is None else rows[weights > 0]).any():
            return np.nan  # of no label at all the mean is 0 to scikit-learn, without a word
        return sklearn.roc_auc_score(rows, scores, average=average, sample_weight=weights)

    return oracle


def precisions(average):
    def oracle(scores, labels, weights):
        rows = np.eye(scores.shape[1], dtype=int)[labels] if scores.ndim == 2 and labels.ndim == 1 else labels
        return sklearn.average_precision_score(rows, scores, average=average, sample_weight=weights)

    return oracle


def top(k):
    def oracle(scores, labels, weights):
        n = scores.shape[1]
        if k >= n:
            return 1.0  # of which scikit-learn warns that it means nothing
        if n == 2:
            return sklearn.accuracy_score(labels, scores.argmax(axis=1), sample_weight=weights)
        # Of equal scores its last ones count, and ours the first: it is shown the columns from the right.
        turned, names = scores[:, ::-1], np.arange(n)
        return sklearn.top_k_accuracy_score(n - 1 - labels, turned, k=k, labels=names, sample_weight=weights)

    return oracle


def accuracy(scores, labels, weights, threshold=0.0):
    weights = None if weights is None else np.repeat(weights, scores[0].size)
    return sklearn.accuracy_score(labels.ravel(), (scores > threshold).ravel(), sample_weight=weights)


def explained(multioutput):
    def oracle(scores, labels, weights):
        return sklearn.r2_score(labels, scores, sample_weight=weights, multioutput=multioutput)

    return oracle


# name: (what is drawn, our metric, scikit-learn's of (scores, labels, weights))
TABLE = {
    "accuracy": (
        classes,
        ml.Accuracy,
        lambda scores, labels, weights: sklearn.accuracy_score(labels, scores.argmax(1), sample_weight=weights),
    ),
    "mean intersection over union": (
        classes,
        ml.MeanIoU,
        lambda scores, labels, weights: sklearn.jaccard_score(
            labels, scores.argmax(1), average="macro", sample_weight=weights, zero_division=0
        ),
    ),
    "dice": (classes, ml.Dice, curve(ml.F1, "macro", see=lambda scores: scores.argmax(1))),
    "confusion matrix": (
        classes,
        ml.ConfusionMatrix,
        lambda scores, labels, weights: sklearn.confusion_matrix(
            labels, scores.argmax(1), labels=range(scores.shape[1]), sample_weight=weights
        ),
    ),
    **{f"top {k}": (classes, lambda k=k: ml.TopKAccuracy(k), top(k)) for k in (1, 2, 4)},
    "binary accuracy": (answers, ml.BinaryAccuracy, accuracy),
    "binary accuracy at 0.5": (
        answers,
        lambda: ml.BinaryAccuracy(threshold=0.5),
        lambda *case: accuracy(*case, threshold=0.5),
    ),
    "accuracy of several": (several, lambda: ml.BinaryAccuracy(multilabel=True), accuracy),
    "area": (
        answers,
        ml.ROCAUC,
        lambda scores, labels, weights: sklearn.roc_auc_score(labels, scores, sample_weight=weights),
    ),
    "average precision": (answers, ml.AveragePrecision, precisions("macro")),
    **{
        f"average precisions of classes, {average}": (
            classes,
            lambda average=average: ml.AveragePrecision(average, from_logits=False),
            precisions(average),
        )
        for average in ("macro", "micro", "weighted", None)
    },
    **{
        f"average precisions of labels, {average}": (
            several,
            lambda average=average: ml.AveragePrecision(average, multilabel=True),
            precisions(average),
        )
        for average in ("macro", "micro", "weighted", None)
    },
    **{
        f"areas of classes, {average}": (
            classes,
            lambda average=average: ml.ROCAUC(average, from_logits=False),
            areas(average),
        )
        for average in ("macro", "weighted", None)
    },
    **{
        f"areas of labels, {average}": (
            several,
            lambda average=average: ml.ROCAUC(average, multilabel=True),
            areas(average),
        )
        for average in ("macro", "weighted", "micro", None)
    },
    **{
        f"{kind.name} of classes, {average}": (
            classes,
            lambda kind=kind, average=average: kind(average),
            curve(kind, average, see=lambda scores: scores.argmax(1)),
        )
        for kind in CURVES
        for average in ("macro", "micro", "weighted", None)
    },
    **{
        f"{kind.name} of yes, {threshold}": (
            answers,
            lambda kind=kind, threshold=threshold: kind("binary", threshold=threshold),
            curve(kind, "binary", see=lambda scores, threshold=threshold: (scores > (threshold or 0)).astype(int)),
        )
        for kind in CURVES
        for threshold in (None, 0.5)
    },
    **{
        f"{kind.name} of labels, {average}": (
            several,
            lambda kind=kind, average=average: kind(average, threshold=0.5, multilabel=True),
            curve(kind, average, see=lambda scores: (scores > 0.5).astype(int)),
        )
        for kind in CURVES
        for average in ("macro", "micro", "weighted", "samples", None)
    },
    "absolute": (
        measures,
        metrics.MeanAbsoluteError,
        lambda scores, labels, weights: sklearn.mean_absolute_error(labels, scores, sample_weight=weights),
    ),
    "squares": (
        measures,
        metrics.MeanSquaredError,
        lambda scores, labels, weights: sklearn.mean_squared_error(labels, scores, sample_weight=weights),
    ),
    "root of squares": (
        measures,
        metrics.RootMeanSquaredError,
        lambda scores, labels, weights: np.sqrt(sklearn.mean_squared_error(labels, scores, sample_weight=weights)),
    ),
    **{
        f"explained, {average}": (measures, lambda average=average: ml.R2Score(average), explained(multioutput))
        for average, multioutput in (
            ("macro", "uniform_average"),
            ("weighted", "variance_weighted"),
            (None, "raw_values"),
        )
    },
}


def streamed(metric, scores, labels, weights, size):
    metric.reset()
    for start in range(0, len(scores), size):
        part = slice(start, start + size)
        metric.update(scores[part], labels[part], *([] if weights is None else [weights[part]]))
    return metric.result()


@pytest.mark.parametrize("name", TABLE)
@seed(0)
@settings(max_examples=16)
@given(data=st.data(), weighted=st.booleans())
def test_table(name, data, weighted):
    drawn, make, oracle = TABLE[name]
    scores, labels, rng = data.draw(drawn())
    weights = None
    if weighted:  # of 0, and so that not all are
        weights = rng.choice([0, 0, 0.5, 1, 3], len(scores))
        weights[rng.integers(len(scores))] = 2
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # undefined: its value is NaN or 0, and so is ours
        wanted = oracle(scores, labels, weights)
    metric = make()
    whole = metric(scores, labels) if weights is None else metric(scores, labels, weights)
    np.testing.assert_allclose(whole, wanted, rtol=0, atol=1e-9)
    size = data.draw(st.integers(1, 26))
    np.testing.assert_allclose(streamed(metric, scores, labels, weights, size), wanted, rtol=0, atol=1e-9)


def test_every_metric_is_in_the_table():
    compared = {type(make()) for _, make, _ in TABLE.values()}
    assert compared == {getattr(metrics, name) for name in metrics.__all__} - {ml.Metric, metrics.classification_report}


def test_rows_with_several_labels():
    """What the largest of a multi-hot row would have given, against the questions that the rows ask."""
    rng = np.random.default_rng(0)
    labels = (rng.random((500, 4)) < 0.5).astype(int)
    scores = (labels - 0.5) * 4 + rng.standard_normal((500, 4))
    for kind in (ml.Accuracy, ml.F1, ml.ROCAUC):
        with pytest.raises(ValueError, match="rows that don't sum to 1; for several labels per sample, BinaryAccur"):
            kind()(scores, labels)
    assert ml.BinaryAccuracy(multilabel=True)(scores, labels) > 0.97
    assert ml.F1(multilabel=True)(scores, labels) == pytest.approx(
        sklearn.f1_score(labels, scores > 0, average="macro")
    )
    assert ml.ROCAUC(multilabel=True)(scores, labels) == pytest.approx(sklearn.roc_auc_score(labels, scores))
