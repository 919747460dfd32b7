"""Losses of probabilities: the clip, which is Keras's; and what is finite where a formula would give NaN."""

import math

import numpy as np
import pytest

import minidl as ml
from minidl.testing import check_gradients

INF = np.inf
HIGH = math.log(1e-7)

# For float32 probabilities (0, 1) of two classes, or of two answers, and what is right: the loss of each sample.
CLIPPED = {
    "cross_entropy": (ml.CrossEntropy, {}, [0], -HIGH),
    "smooth": (ml.CrossEntropy, {"label_smoothing": 0.5}, [0], -0.75 * HIGH),
    "divergence": (ml.KLDivergence, {}, [[1.0, 0.0]], -HIGH),
    "focal": (ml.FocalLoss, {"gamma": 1}, [0], -HIGH),
    "binary": (ml.BinaryCrossEntropy, {}, [[1, 1]], -HIGH / 2),
    "binary_focal": (ml.BinaryFocalLoss, {"gamma": 1, "alpha": None}, [[1, 1]], -HIGH / 2),
}


@pytest.mark.parametrize(("kind", "options", "targets", "wanted"), CLIPPED.values(), ids=CLIPPED)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_probabilities_are_clipped_as_keras_does(kind, options, targets, wanted, dtype):
    loss = kind(from_logits=False, **options)
    value, dscores = loss(np.array([[0, 1]], dtype), np.array(targets))
    assert value == pytest.approx(wanted, rel=1e-5)
    np.testing.assert_array_equal(dscores, [[0, 0]])  # beyond the clip the loss doesn't change
    near = np.array([[2e-7, 1 - 2e-7]], dtype)
    value, dscores = loss(near, np.array(targets))
    assert value == pytest.approx(wanted * math.log(2e-7) / HIGH, rel=1e-5)
    assert -1e7 < dscores[0, 0] < -1e6


@pytest.mark.parametrize("targets", [[[1, 0, 1]], [[0.2, 0.9, 0.5]]])
@pytest.mark.parametrize("gamma", [0, 0.5, 2])
def test_a_focal_loss_of_probabilities(gamma, targets):
    logits = np.array([[0.3, -1.2, 2.0]])
    p = 1 / (1 + np.exp(-logits))
    loss = ml.BinaryFocalLoss(gamma=gamma, from_logits=False)
    value, dscores = loss(p, targets)
    wanted, dlogits = loss.with_logits()(logits, targets)
    assert value == pytest.approx(wanted, rel=1e-12)
    np.testing.assert_allclose(dscores * p * (1 - p), dlogits, rtol=1e-12)

    def function(x):
        value, dx = loss(x, targets)
        return np.array(value), lambda dy: dy * dx

    check_gradients(function, p)
    with pytest.raises(ValueError, match="scores: expected probabilities from 0 to 1"):
        loss(logits, targets)
    assert repr(loss) == f"BinaryFocalLoss({'' if gamma == 2 else f'gamma={gamma}, '}from_logits=False)"


def test_limits_where_the_formula_gives_nan():
    """0 times infinity, and 0 divided by 0: PyTorch gives NaN for each of these."""
    value, dlogits = ml.CrossEntropy()(np.array([[0.0, 0.0, -INF]]), [[0.5, 0.5, 0.0]])
    assert value == pytest.approx(math.log(2))
    np.testing.assert_allclose(dlogits, [[0, 0, 0]], atol=1e-15)
    assert ml.KLDivergence()(np.array([[0.0, 0.0, -INF]]), [[0.5, 0.5, 0.0]])[0] == pytest.approx(0, abs=1e-15)
    for kind in (ml.BinaryCrossEntropy, ml.BinaryFocalLoss):
        value, dlogits = kind()(np.array([INF, -INF]), [1, 0])
        assert value == 0
        np.testing.assert_array_equal(dlogits, [0, 0])


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("from_logits", [True, False])
def test_a_batch_whose_classes_count_nothing(reduction, from_logits):
    loss = ml.CrossEntropy(class_weight=[0, 1, 1], reduction=reduction, from_logits=from_logits)
    value, dscores = loss(np.full((2, 3), 1 / 3) + (0 if not from_logits else np.eye(3)[:2]), [0, 0])
    assert value == 0
    np.testing.assert_array_equal(dscores, np.zeros((2, 3)))


@pytest.mark.parametrize("kind", [ml.MeanSquaredError, ml.MeanAbsoluteError, ml.Huber])
def test_a_vector_and_a_column_are_not_broadcast(kind):
    column, numbers = np.array([[1.0], [3.0], [5.0]]), [2.0, 3.5, 4.0]
    for own, word in ((kind, "targets"), (getattr(ml.metrics, kind.__name__, None), "labels")):
        if own is not None:
            wanted, got = own()(column, np.reshape(numbers, (3, 1))), own()(column, numbers)
            np.testing.assert_equal(got, wanted)
            with pytest.raises(ml.ShapeError, match=rf"expected \(3,\), got \(3, 1\): use {word}\[:, 0\]"):
                own()(column[:, 0], np.zeros((3, 1)))
            with pytest.raises(ml.ShapeError, match=r"expected \(3, 2\), got \(3,\)"):
                own()(np.zeros((3, 2)), numbers)


@pytest.mark.parametrize("kind", [ml.CrossEntropy, ml.FocalLoss])
def test_class_indices_in_other_forms(kind):
    scores = np.zeros((2, 3))
    for own, name in ((kind(), "targets"), (ml.Accuracy(), "labels")):
        for labels in ([0.0, 1.0], [True, False]):
            with pytest.raises(ValueError, match=rf"{name}: .* as integers, got \w+; of whole numbers, use .ast"):
                own(scores, labels)
        for labels in ([0.5, 1.0], [np.nan, 1.0]):
            with pytest.raises(ValueError, match=rf"{name}: expected class indices as integers, got float64$"):
                own(scores, labels)
        with pytest.raises(ml.ShapeError, match=rf"one-hot rows, got \(2, 1\): use {name}\[:, 0\]"):
            own(scores, [[0], [1]])


@pytest.mark.parametrize("kind", [ml.MeanSquaredError, ml.Huber, ml.BinaryCrossEntropy, ml.CrossEntropy])
def test_targets_that_are_no_numbers(kind):
    for targets in (["1", "0"], [None, 1], [1j, 0]):
        with pytest.raises(ml.DTypeError, match="targets: expected numbers, got"):
            kind()(np.zeros((2, 2) if kind is ml.CrossEntropy else 2), targets)
    with pytest.raises(ml.DTypeError, match="labels: expected numbers, got <U1"):
        ml.metrics.MeanSquaredError()(np.zeros(2), ["1", "0"])


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("kind", [ml.MeanSquaredError, ml.MeanAbsoluteError, ml.Huber])
def test_a_sample_that_counts_0_may_have_no_target(kind, reduction):
    scores, targets = np.float32([[1, 2], [3, 4], [5, 6]]), np.float32([[0, 0], [np.nan, 0], [7, np.inf]])
    value, dscores = kind(reduction=reduction)(scores, targets, [2, 0, 0])
    wanted, gradients = kind(reduction=reduction)(scores[:1], targets[:1], [2])
    np.testing.assert_array_equal(value, [*wanted, 0, 0] if reduction == "none" else wanted)
    np.testing.assert_array_equal(dscores, [*gradients, [0, 0], [0, 0]])
    assert dscores.dtype == np.float32


def test_targets_with_several_labels_are_none_of_classes():
    for kind in (ml.CrossEntropy, ml.FocalLoss, ml.KLDivergence):
        with pytest.raises(
            ValueError, match="rows that don't sum to 1; for several labels per sample, use BinaryCrossE"
        ):
            kind()(np.zeros((2, 3)), np.array([[1, 0, 1], [0, 1, 0]]))
        with pytest.raises(ValueError, match="rows that don't sum to 1"):
            kind()(np.zeros((2, 3)), np.array([[1, 0, np.nan], [0, 1, 0]]))
