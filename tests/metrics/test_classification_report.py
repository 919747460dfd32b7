"""The table of classes and of labels: scikit-learn's, as numbers and as text."""

import numpy as np
import pytest

import minidl as ml
from minidl.metrics import classification_report

sklearn = pytest.importorskip("sklearn.metrics")
RNG = np.random.default_rng(5)
SCORES = RNG.standard_normal((60, 4))
LABELS = RNG.integers(4, size=60)
ROWS = (RNG.random((60, 4)) < [0.1, 0.4, 0.5, 0.9]).astype(int)
WEIGHTS = RNG.choice([0.5, 1, 2], 60)
NAMES = ["ant", "bee", "a long-legged spider", "x"]


def oracle(labels, seen, **how):
    table = sklearn.classification_report(labels, seen, zero_division=0, **how, output_dict=True)
    return table, sklearn.classification_report(labels, seen, zero_division=0, **how)


def check(report, wanted, text):
    assert list(report) == list(wanted)
    for name, row in wanted.items():
        assert report[name] == pytest.approx(row, rel=1e-12), name
    assert str(report) == repr(report) == text


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_of_classes(weights):
    wanted = oracle(LABELS, SCORES.argmax(axis=1), sample_weight=weights)
    check(classification_report(SCORES, LABELS, weights), *wanted)
    check(classification_report(SCORES, np.eye(4)[LABELS], weights), *wanted)
    wanted = oracle(LABELS, SCORES.argmax(axis=1), sample_weight=weights, target_names=NAMES)
    check(classification_report(SCORES, LABELS, weights, class_names=NAMES), *wanted)


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_of_labels(weights):
    for threshold in (None, 0.5):
        wanted = oracle(ROWS, ((threshold or 0) < SCORES).astype(int), sample_weight=weights, target_names=NAMES)
        report = classification_report(SCORES, ROWS, weights, class_names=NAMES, multilabel=True, threshold=threshold)
        check(report, *wanted)


def test_of_yes_and_no_and_of_pixels():
    yes = ROWS[:, 1]
    check(classification_report(SCORES[:, :1], yes), *oracle(yes, (SCORES[:, 0] > 0).astype(int)))
    images, masks = SCORES.reshape(15, 4, 2, 2).copy(), RNG.integers(4, size=(15, 2, 2))
    seen = images.argmax(axis=1)
    check(classification_report(images, masks), *oracle(masks.ravel(), seen.ravel()))
    marked = np.where(masks == 1, 255, masks)
    report = classification_report(images, marked, ignore_index=255)
    assert report["accuracy"] == pytest.approx((seen == masks)[masks != 1].mean())
    assert report["1"]["support"] == 0


def test_a_class_that_is_nowhere_is_listed_and_counts_in_no_mean():
    scores, labels = SCORES - [0, 0, 9, 0], LABELS % 2
    report = classification_report(scores, labels, class_names=NAMES)
    assert report[NAMES[2]] == {"precision": 0, "recall": 0, "f1-score": 0, "support": 0}
    wanted, _ = oracle(labels, scores.argmax(axis=1))
    for name in ("macro avg", "weighted avg"):
        assert report[name] == pytest.approx(wanted[name])
    assert report["macro avg"]["f1-score"] == ml.F1()(scores, labels)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: classification_report(SCORES, LABELS, class_names="abc"), ml.ShapeError, "class_names: expected 4, "),
        (lambda: classification_report(SCORES, LABELS, class_names="abca"), ValueError, "expected different names"),
        (lambda: classification_report(SCORES, LABELS, class_names=["accuracy", *"abc"]), ValueError, "none of accur"),
        (lambda: classification_report(SCORES, LABELS, target_names=NAMES), TypeError, "did you mean class_names"),
        (lambda: ml.R2Score(multioutput=None), TypeError, "unknown argument 'multioutput'; did you mean average"),
        (lambda: classification_report(LABELS, SCORES), ml.ShapeError, "labels: expected"),
        (lambda: classification_report(SCORES, ROWS), ValueError, "for several labels per sample"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()
