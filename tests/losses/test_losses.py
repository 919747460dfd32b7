"""The edges of the losses: extreme scores, options and targets that don't fit, what other frameworks call things."""

import math

import numpy as np
import pytest

import minidl as ml

INF = np.inf


@pytest.mark.parametrize("kind", [ml.BinaryCrossEntropy, ml.BinaryFocalLoss])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_binary_losses_of_extreme_logits(kind, dtype):
    loss = kind(reduction="none", **{"alpha": None} if kind is ml.BinaryFocalLoss else {})
    scores = np.array([1e4, -1e4, INF, -INF, INF, -INF, 1e4, -1e4], dtype)
    value, dscores = loss(scores, np.array([1, 0, 1, 0, 0, 1, 0, 1]))
    np.testing.assert_array_equal(value, [0, 0, 0, 0, INF, INF, 1e4, 1e4])
    np.testing.assert_array_equal(dscores, [0, 0, 0, 0, 1, -1, 1, -1])


def test_binary_gradients_stay_exact_for_confident_scores():
    dscores = ml.BinaryCrossEntropy(reduction="sum")(np.float32([30, -30]), [1, 0])[1]
    np.testing.assert_allclose(dscores, [-math.exp(-30), math.exp(-30)], rtol=1e-6)


def test_focal_losses_of_extreme_logits():
    scores = np.array([[1e4, 0, -INF], [0, 1e4, -INF], [0, 0, -INF]])
    for gamma in (0, 0.5, 1, 2):
        value, dscores = ml.FocalLoss(gamma=gamma, reduction="none")(scores, [0, 0, 2])
        np.testing.assert_array_equal(value, [0, 1e4, INF])
        np.testing.assert_allclose(dscores[:2], [[0, 0, 0], [-1, 1, 0]], atol=1e-12)


def test_focal_loss_without_gamma_is_cross_entropy():
    scores, labels = np.random.default_rng(0).standard_normal((5, 3)), [0, 2, 1, 1, 0]
    for got, want in zip(ml.FocalLoss(gamma=0)(scores, labels), ml.CrossEntropy()(scores, labels), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-12)
    got, want = ml.BinaryFocalLoss(gamma=0, alpha=0.5), ml.BinaryCrossEntropy()
    targets = scores > 0
    assert got(scores, targets)[0] == pytest.approx(want(scores, targets)[0] / 2)


def test_probabilities_and_logits_agree():
    scores = np.random.default_rng(0).standard_normal((5, 3))
    rows = ml.functional.softmax(scores)[0]
    targets = np.array([[0.2, 0.3, 0.5], [1, 0, 0], [0, 0.5, 0.5], [0.1, 0.1, 0.8], [0, 1, 0]])
    for kind in (ml.CrossEntropy, ml.KLDivergence, ml.FocalLoss):
        assert kind(from_logits=False)(rows, targets)[0] == pytest.approx(kind()(scores, targets)[0])
        with pytest.warns(UserWarning, match="takes logits, but these scores look like probabilities"):
            kind()(rows, targets)
    value = ml.BinaryCrossEntropy(from_logits=False)(1 / (1 + np.exp(-scores)), targets)[0]
    assert value == pytest.approx(ml.BinaryCrossEntropy()(scores, targets)[0])
    value, dscores = ml.BinaryCrossEntropy(from_logits=False)(np.float32([[0.0, 1.0]]), [[1, 0]])
    low, high = np.clip(np.float32([0, 1]), 1e-7, 1 - 1e-7)  # as Keras clips: 1 - 1e-7 is rounded
    assert value == pytest.approx(-(math.log(low) + math.log(np.float32(1) - high)) / 2)
    np.testing.assert_array_equal(dscores, [[0, 0]])


def test_divergence_from_itself_is_nothing():
    scores = np.random.default_rng(0).standard_normal((5, 3))
    value, dscores = ml.KLDivergence()(scores, ml.functional.softmax(scores)[0])
    assert value == pytest.approx(0, abs=1e-14)
    np.testing.assert_allclose(dscores, 0, atol=1e-15)
    assert ml.KLDivergence()(scores[:1], [[0, 1, 0]])[0] == pytest.approx(ml.CrossEntropy()(scores[:1], [1])[0])


def test_binary_label_smoothing_and_vectors():
    scores = np.array([0.3, -1.2, 2.0])
    smooth = ml.BinaryCrossEntropy(label_smoothing=0.2)(scores, [1, 0, 1])
    wanted = ml.BinaryCrossEntropy()(scores, [0.9, 0.1, 0.9])
    np.testing.assert_allclose(smooth[0], wanted[0], rtol=1e-12)
    np.testing.assert_allclose(smooth[1], wanted[1], rtol=1e-12)
    column, dscores = ml.BinaryCrossEntropy()(scores[:, None], [1, 0, 1])
    assert column == ml.BinaryCrossEntropy()(scores, [1, 0, 1])[0]
    assert dscores.shape == (3, 1)
    assert ml.BinaryCrossEntropy(pos_weight=3)(scores[:1], [1])[0] == pytest.approx(3 * math.log1p(math.exp(-0.3)))


def test_infinite_differences():
    scores, targets = np.array([[INF], [-INF], [INF]]), np.array([[0], [0], [INF]])
    for kind, want in [(ml.Huber, [1, -1]), (ml.MeanAbsoluteError, [1, -1]), (ml.MeanSquaredError, [INF, -INF])]:
        value, dscores = kind(reduction="none")(scores, targets)
        np.testing.assert_array_equal(value, [INF, INF, np.nan])
        np.testing.assert_array_equal(dscores.ravel()[:2], np.array(want))
        assert np.isnan(dscores[2])


def test_huber_by_hand():
    value, dscores = ml.Huber(delta=2, reduction="none")(np.array([[1.0], [2.0], [-5.0]]), np.zeros((3, 1)))
    np.testing.assert_allclose(value, [0.5, 2, 2 * (5 - 1)])
    np.testing.assert_allclose(dscores, [[1], [2], [-2]])


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: ml.Huber(delta=0), ValueError, "delta: expected a number above 0, got 0"),
        (lambda: ml.FocalLoss(gamma=-1), ValueError, "gamma: expected a number of at least 0, got -1"),
        (lambda: ml.FocalLoss(alpha=0.25), ValueError, "alpha: expected a finite number of at least 0 for each class"),
        (lambda: ml.BinaryFocalLoss(alpha=1.5), ValueError, "alpha: expected a number from 0 to 1, or None, got 1.5"),
        (lambda: ml.BinaryCrossEntropy(pos_weight=0), ValueError, "pos_weight: expected finite numbers above 0, got 0"),
        (
            lambda: ml.BinaryCrossEntropy(label_smoothing=2),
            ValueError,
            "label_smoothing: expected a number from 0 to 1",
        ),
        (lambda: ml.CrossEntropy(class_weight=[1, -1]), ValueError, "class_weight: expected a finite number of at lea"),
        (lambda: ml.CrossEntropy(weight=[1]), TypeError, "unknown argument 'weight'; did you mean class_weight"),
        (
            lambda: ml.CrossEntropy(ignore_class=1),
            TypeError,
            "unknown argument 'ignore_class'; did you mean ignore_index",
        ),
        (lambda: ml.Huber(beta=1), TypeError, "Huber: unknown argument 'beta'; did you mean delta"),
        (lambda: ml.CrossEntropy(reduce="sum"), TypeError, "unknown argument 'reduce'; did you mean reduction"),
        (
            lambda: ml.CrossEntropy(class_weight=[1, 2])(np.zeros((2, 3)), [0, 1]),
            ml.ShapeError,
            "class_weight: expected 3 numbers, one for each class, got 2",
        ),
        (
            lambda: ml.BinaryCrossEntropy(pos_weight=[1, 2])(np.zeros((2, 3)), np.zeros((2, 3))),
            ml.ShapeError,
            r"pos_weight: expected a number or \(3,\), got \(2,\)",
        ),
        (
            lambda: ml.BinaryCrossEntropy()(np.zeros((2, 3)), [0, 1]),
            ml.ShapeError,
            r"targets: expected \(2, 3\), got \(2,\); for exclusive classes, use CrossEntropy",
        ),
        (lambda: ml.BinaryCrossEntropy()(np.zeros(2), [0, 2]), ValueError, "targets: expected numbers from 0 to 1"),
        (lambda: ml.BinaryCrossEntropy()(np.zeros(2), [0, np.nan]), ValueError, "targets: expected numbers from 0 to"),
        (
            lambda: ml.BinaryCrossEntropy(from_logits=False)(np.array([2.0]), [1]),
            ValueError,
            "scores: expected probabilities from 0 to 1; for logits, use from_logits=True",
        ),
        (lambda: ml.KLDivergence()(np.zeros((2, 3)), [0, 1]), ValueError, "for class indices use CrossEntropy"),
        (lambda: ml.Huber()(np.zeros((2, 3)), [0, 1]), ml.ShapeError, r"targets: expected \(2, 3\), got \(2,\)"),
    ],
)
def test_errors(make, error, message):
    with pytest.raises(error, match=message):
        make()
