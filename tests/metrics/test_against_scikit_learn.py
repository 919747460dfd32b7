"""Metrics against scikit-learn's, over whole arrays and over batches."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minidl as ml
from minidl import metrics

sklearn = pytest.importorskip("sklearn.metrics")

CURVES = {ml.Precision: "precision_score", ml.Recall: "recall_score", ml.F1: "f1_score"}
kinds = pytest.mark.parametrize("kind", CURVES)


def streamed(metric, scores, labels, size):
    metric.reset()
    for start in range(0, len(scores), size):
        metric.update(scores[start : start + size], labels[start : start + size])
    return metric.result()


@st.composite
def classified(draw, most=5, ties=False):
    """Scores (n, classes) and labels (n,): some classes may have no samples."""
    n, classes = draw(st.integers(1, 30)), draw(st.integers(2, most))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    scores = rng.integers(-2, 3, (n, classes)) / 2 if ties else rng.standard_normal((n, classes))
    return scores.astype(np.float64), rng.integers(draw(st.integers(1, classes)), size=n)


@kinds
@pytest.mark.parametrize("average", ["macro", "micro", "weighted", None])
@given(case=classified(), size=st.integers(1, 31))
def test_precision_recall_and_f1(kind, average, case, size):
    scores, labels = case
    names = list(range(scores.shape[1])) if average is None else None
    reference = getattr(sklearn, CURVES[kind])
    wanted = reference(labels, scores.argmax(axis=1), average=average, labels=names, zero_division=0)
    np.testing.assert_allclose(kind(average)(scores, labels), wanted, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(streamed(kind(average), scores, labels, size), wanted, rtol=1e-12, atol=1e-15)


@kinds
@pytest.mark.parametrize("threshold", [0.0, 0.5])
@given(case=classified(most=2), size=st.integers(1, 31))
def test_yes_and_no(kind, threshold, case, size):
    scores, labels = case[0][:, :1], case[1]
    wanted = getattr(sklearn, CURVES[kind])(labels, scores[:, 0] > threshold, zero_division=0)
    for shaped in (scores, scores[:, 0]):
        assert streamed(kind("binary", threshold=threshold), shaped, labels, size) == pytest.approx(wanted)
    accuracy = sklearn.accuracy_score(labels, scores[:, 0] > threshold)
    assert streamed(ml.BinaryAccuracy(threshold=threshold), scores, labels, size) == pytest.approx(accuracy)


@pytest.mark.parametrize("average", ["macro", "weighted", None])
@given(case=classified(ties=True), size=st.integers(1, 31))
def test_areas_of_classes_against_the_rest(average, case, size):
    scores, labels = case
    if len(set(labels)) < scores.shape[1]:
        labels = np.concatenate([labels, np.arange(scores.shape[1])])
        scores = np.concatenate([scores, scores[np.zeros(scores.shape[1], int)]])
    rows = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    rows = np.round(rows, 6)  # so that ties are ties on both sides
    rows /= rows.sum(axis=1, keepdims=True)
    if scores.shape[1] == 2:
        areas = [sklearn.roc_auc_score(labels == k, rows[:, k]) for k in range(2)]
        wanted = areas if average is None else np.mean(areas)
        if average == "weighted":
            wanted = np.average(areas, weights=np.bincount(labels))
    else:
        wanted = sklearn.roc_auc_score(labels, rows, multi_class="ovr", average=average)
    metric = ml.ROCAUC(average, from_logits=False)
    np.testing.assert_allclose(streamed(metric, rows, labels, size), wanted, rtol=1e-12)


@given(case=classified(most=2, ties=True), size=st.integers(1, 31))
def test_the_area_of_yes(case, size):
    scores, labels = case[0][:, 0], case[1]
    got = streamed(ml.ROCAUC(), scores, labels, size)
    assert np.isnan(got) if len(set(labels)) < 2 else got == pytest.approx(sklearn.roc_auc_score(labels, scores))


@given(case=classified(), size=st.integers(1, 31), k=st.integers(1, 4))
def test_top_k(case, size, k):
    scores, labels = case
    k = min(k, scores.shape[1] - 1)
    classes = np.arange(scores.shape[1])
    if scores.shape[1] == 2:
        wanted = sklearn.accuracy_score(labels, scores.argmax(axis=1))
    else:
        wanted = sklearn.top_k_accuracy_score(labels, scores, k=k, labels=classes)
    assert streamed(ml.TopKAccuracy(k), scores, labels, size) == pytest.approx(wanted)


@given(case=classified(), size=st.integers(1, 31))
def test_errors_of_numbers(case, size):
    scores = case[0]
    targets = np.roll(scores, 1, axis=1)
    squares, sizes = metrics.MeanSquaredError(), metrics.MeanAbsoluteError()
    assert streamed(squares, scores, targets, size) == pytest.approx(sklearn.mean_squared_error(targets, scores))
    assert streamed(sizes, scores, targets, size) == pytest.approx(sklearn.mean_absolute_error(targets, scores))
