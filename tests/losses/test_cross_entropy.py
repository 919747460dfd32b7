"""Losses against numbers worked by hand, and their gradients against differences."""

import math
import warnings

import numpy as np
import pytest

import minidl as ml
from minidl.testing import check_gradients

# Probabilities (1/8, 1/4, 5/8) and (3/8, 3/8, 1/4), from logits that are shifted row by row.
PROBABILITIES = np.array([[1, 2, 5], [3, 3, 2]]) / 8
LOGITS = np.log(PROBABILITIES) + np.array([[3.0], [-4.0]])
ONE_HOT = np.array([[0, 1, 0], [0, 0, 1]])
SOFT = np.array([[0.5, 0.5, 0], [0.25, 0.25, 0.5]])


def criterion(form, **options):
    return ml.CrossEntropy(from_logits=form == "logits", **options), LOGITS if form == "logits" else PROBABILITIES


forms = pytest.mark.parametrize("form", ["logits", "probabilities"])
backends = pytest.mark.parametrize("backend", ["reference", "vectorized", "compiled"])


@forms
@backends
@pytest.mark.parametrize("targets", [[1, 2], np.uint8([1, 2]), ONE_HOT, ONE_HOT.astype(bool), ONE_HOT * 1.0])
def test_indices_and_one_hot_rows(form, backend, targets):
    loss, scores = criterion(form)
    with ml.use_backend(backend):
        value, dscores = loss(scores, targets)
    assert value == pytest.approx(math.log(4))  # both right classes have the probability 1/4
    if form == "logits":
        np.testing.assert_allclose(dscores, np.array([[1, -6, 5], [3, 3, -6]]) / 16, rtol=1e-12)
    else:
        np.testing.assert_allclose(dscores, [[0, -2, 0], [0, 0, -2]], rtol=1e-12)


@forms
def test_soft_rows(form):
    loss, scores = criterion(form)
    value, dscores = loss(scores, SOFT)
    first = (math.log(8) + math.log(4)) / 2
    second = math.log(8 / 3) / 2 + math.log(4) / 2
    assert value == pytest.approx((first + second) / 2)
    wanted = (PROBABILITIES - SOFT) / 2 if form == "logits" else -SOFT / PROBABILITIES / 2
    np.testing.assert_allclose(dscores, wanted, rtol=1e-12)


@forms
def test_label_smoothing(form):
    loss, scores = criterion(form, label_smoothing=0.3)
    smooth = np.array([[0.1, 0.8, 0.1], [0.1, 0.1, 0.8]])
    value, dscores = loss(scores, [1, 2])
    assert value == pytest.approx(-(smooth * np.log(PROBABILITIES)).sum() / 2)
    plain, wanted = criterion(form)[0](scores, smooth)
    assert value == pytest.approx(plain)
    np.testing.assert_allclose(dscores, wanted, rtol=1e-12)
    assert criterion(form, label_smoothing=0.3)[0](scores, ONE_HOT)[0] == value


def test_numbers_of_pytorch():
    # torch 2.13.0: torch.nn.functional.cross_entropy(logits, torch.tensor([1, 0]), label_smoothing=...), float64.
    logits = np.array([[1.0, 2.0, -1.0], [0.0, -3.0, 4.0]])
    value, dlogits = ml.CrossEntropy()(logits, [1, 0])
    assert value == pytest.approx(2.184028612323722, rel=1e-14)
    wanted = [
        [0.12974823017120957, -0.1473077436508794, 0.017559513479669865],
        [-0.49101494096559395, 0.00044733974843526677, 0.4905676012171587],
    ]
    np.testing.assert_allclose(dlogits, wanted, rtol=1e-13)
    value, dlogits = ml.CrossEntropy(label_smoothing=0.1)(logits, [1, 0])
    assert value == pytest.approx(2.2340286123237223, rel=1e-14)
    wanted = [
        [0.1130815635045429, -0.11397441031754607, 0.0008928468130031987],
        [-0.4576816076322606, -0.0162193269182314, 0.47390093455049204],
    ]
    np.testing.assert_allclose(dlogits, wanted, rtol=1e-12)


@forms
def test_weights_are_those_of_a_weighted_mean(form):
    loss, scores = criterion(form)
    each = [loss(scores[i : i + 1], SOFT[i : i + 1]) for i in range(2)]
    value, dscores = loss(scores, SOFT, [1, 3])
    assert value == pytest.approx((each[0][0] + 3 * each[1][0]) / 4)
    np.testing.assert_allclose(dscores, [each[0][1][0] / 4, each[1][1][0] * 3 / 4], rtol=1e-12)


CRITERIA = {
    "logits": (ml.CrossEntropy(label_smoothing=0.1), LOGITS, np.array([2, 0])),
    "probabilities": (ml.CrossEntropy(from_logits=False), PROBABILITIES, SOFT),
    "squares": (ml.MeanSquaredError(), LOGITS, SOFT),
}


@pytest.mark.parametrize(("loss", "scores", "targets"), CRITERIA.values(), ids=CRITERIA)
def test_an_integer_weight_is_a_repeated_sample(loss, scores, targets):
    value, dscores = loss(scores, targets, [2, 3])
    repeats = [0, 0, 1, 1, 1]
    repeated, wanted = loss(scores[repeats], targets[repeats])
    assert value == pytest.approx(repeated)
    np.testing.assert_allclose(dscores, [wanted[:2].sum(axis=0), wanted[2:].sum(axis=0)], rtol=1e-12)
    assert loss(scores, targets, [0, 7])[0] == pytest.approx(loss(scores[1:], targets[1:])[0])
    assert loss(scores, targets, [0.2, 0.2])[0] == pytest.approx(loss(scores, targets)[0])


@pytest.mark.parametrize("weights", [None, [0.5, 2.0]])
@pytest.mark.parametrize("targets", [np.array([1, 0]), SOFT], ids=["indices", "soft"])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@backends
def test_gradients_of_cross_entropy_agree_with_differences(weights, targets, smoothing, backend):
    loss = ml.CrossEntropy(label_smoothing=smoothing)

    def function(scores):
        value, dscores = loss(scores, targets, weights)
        return np.array(value), lambda dy: dy * dscores

    with ml.use_backend(backend):
        check_gradients(function, LOGITS)


@pytest.mark.parametrize("weights", [None, [0.5, 2.0]])
@pytest.mark.parametrize("targets", [np.array([1, 0]), SOFT], ids=["indices", "soft"])
def test_gradients_by_probabilities_agree_with_differences(weights, targets):
    # The rows go on summing to 1 closely enough for the loss, which takes the logarithm of each element alone.
    def function(scores):
        value, dscores = ml.CrossEntropy(from_logits=False, label_smoothing=0.1)(scores, targets, weights)
        return np.array(value), lambda dy: dy * dscores

    check_gradients(function, PROBABILITIES)


@pytest.mark.parametrize("shape", [(3,), (3, 2), (2, 2, 2, 3)])
@pytest.mark.parametrize("weighted", [False, True])
def test_mean_squared_error(shape, weighted):
    rng = np.random.default_rng(0)
    scores, targets = rng.standard_normal(shape), rng.standard_normal(shape)
    weights = rng.random(shape[0]) if weighted else None
    each = ((scores - targets) ** 2).reshape(shape[0], -1).mean(axis=1)

    def function(x):
        value, dscores = ml.MeanSquaredError()(x, targets, weights)
        return np.array(value), lambda dy: dy * dscores

    assert function(scores)[0] == pytest.approx(np.average(each, weights=weights))
    check_gradients(function, scores)


def test_mean_squared_error_by_hand():
    value, dscores = ml.MeanSquaredError()(np.float32([[1, 2], [3, 4]]), [[1, 0], [0, 4]])
    assert value == (4 + 9) / 4
    np.testing.assert_array_equal(dscores, [[0, 1], [1.5, 0]])
    assert dscores.dtype == np.float32


@pytest.mark.parametrize(("loss", "scores", "targets"), CRITERIA.values(), ids=CRITERIA)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_inputs_and_dtype_stay(loss, scores, targets, dtype):
    scores, targets = scores.astype(dtype), targets.copy()
    scores.flags.writeable = targets.flags.writeable = False
    value, dscores = loss(scores, targets, np.array([1.0, 2.0]))
    assert isinstance(value, float)
    assert dscores.dtype == dtype
    assert dscores.shape == scores.shape
    empty, nothing = loss(scores[:0], targets[:0])
    assert empty == 0
    assert nothing.shape == (0, 3)


def test_large_logits_and_impossible_classes():
    value, dlogits = ml.CrossEntropy()(np.float32([[1e30, 0, -np.inf]]), [0])
    assert value == 0
    np.testing.assert_array_equal(dlogits, [[0, 0, 0]])
    assert ml.CrossEntropy()(np.float32([[1e4, 0]]), [1])[0] == 1e4
    value, dscores = ml.CrossEntropy(from_logits=False)(np.float32([[1, 0]]), [1])
    assert value == pytest.approx(-math.log(1e-7))  # Keras's clip, beyond which there's no gradient
    np.testing.assert_array_equal(dscores, [[0, 0]])


@forms
def test_nan_is_not_swallowed(form):
    loss, scores = criterion(form)
    scores = scores.copy()
    scores[0, 1] = np.nan
    value, dscores = loss(scores, [1, 2])
    assert math.isnan(value)
    assert np.isnan(dscores[0, 1])
    assert np.isfinite(dscores[1]).all()


def test_probabilities_given_as_logits_draw_a_warning():
    with pytest.warns(
        UserWarning, match=r"look like probabilities: leave out the Softmax layer, or use CrossEntropy\(fr"
    ):
        ml.CrossEntropy()(PROBABILITIES, [1, 2])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ml.CrossEntropy()(LOGITS, [1, 2])
        ml.CrossEntropy()(np.zeros((0, 3)), np.zeros(0, int))


@pytest.mark.parametrize(
    ("targets", "error", "message"),
    [
        ([0, 3], ValueError, "expected class indices from 0 to 2, got 3"),
        ([-1, 0], ValueError, "expected class indices from 0 to 2, got -1"),
        ([0.0, 1.0], ValueError, "expected class indices as integers, got float64"),
        ([True, False], ValueError, "expected class indices as integers, got bool"),
        ([0, 1, 2], ml.ShapeError, r"targets: expected \(2,\) class indices or \(2, 3\) one-hot rows, got \(3,\)"),
        ([[0], [1]], ml.ShapeError, r"got \(2, 1\)"),
        (1, ml.ShapeError, r"got \(\)"),
        ([[1, 1, 0], [0, 0, 1]], ValueError, "rows that don't sum to 1"),
        ([[2, -1, 0], [0, 0, 1]], ValueError, "rows that don't sum to 1"),
    ],
)
@forms
def test_targets_that_do_not_fit(form, targets, error, message):
    loss, scores = criterion(form)
    with pytest.raises(error, match=message):
        loss(scores, targets)


@pytest.mark.parametrize(
    ("weights", "error", "message"),
    [
        ([1, 2, 3], ml.ShapeError, r"sample_weight: expected \(2,\), got \(3,\)"),
        ([[1, 2]], ml.ShapeError, r"sample_weight: expected \(2,\), got \(1, 2\)"),
        ([0, 0], ValueError, "sample_weight: expected finite numbers of at least 0, not all 0"),
        ([2, -1], ValueError, "sample_weight: expected finite"),
        ([1, np.nan], ValueError, "sample_weight: expected finite"),
        ([1, np.inf], ValueError, "sample_weight: expected finite"),
    ],
)
@pytest.mark.parametrize(("loss", "scores", "targets"), CRITERIA.values(), ids=CRITERIA)
def test_weights_that_do_not_fit(loss, scores, targets, weights, error, message):
    with pytest.raises(error, match=message):
        loss(scores, targets, weights)


def test_scores_that_do_not_fit():
    for kind in (ml.CrossEntropy, ml.FocalLoss):
        for targets in ([0, 0], [[1], [1]], [[1.0], [0.0]]):  # whatever they are, the loss of one class is 0
            with pytest.raises(ml.ShapeError, match=r"at least two classes, got \(2, 1\); for yes or no, use Binary"):
                kind()(np.ones((2, 1)), targets)
    with pytest.raises(ml.ShapeError, match=r"expected scores \(n, classes\), got \(3,\)"):
        ml.CrossEntropy()(np.zeros(3), [0, 1, 2])
    for scores in (LOGITS, PROBABILITIES * 2, [[1.5, -0.5]]):
        with pytest.raises(
            ValueError, match="expected rows of probabilities, which sum to 1; for logits, use from_logi"
        ):
            ml.CrossEntropy(from_logits=False)(np.asarray(scores), [0] * len(scores))
    with pytest.raises(ml.ShapeError, match=r"targets: expected \(2, 3\), got \(2,\)"):
        ml.MeanSquaredError()(LOGITS, [1, 2])


@pytest.mark.parametrize("smoothing", [-0.1, 1.1, float("nan")])
def test_a_smoothing_out_of_range(smoothing):
    with pytest.raises(ValueError, match="label_smoothing: expected a number from 0 to 1"):
        ml.CrossEntropy(label_smoothing=smoothing)


def test_hints_and_what_a_loss_has_to_define():
    with pytest.raises(TypeError, match="unknown argument 'logits'; did you mean from_logits"):
        ml.CrossEntropy(logits=True)
    with pytest.raises(NotImplementedError, match="Loss doesn't define __call__"):
        ml.Loss()(LOGITS, [0, 1])
