"""What docs/coming_from.md says of losses."""

import numpy as np
import pytest

import minidl as ml
from tests.coming_from.page import says
from tests.training.blobs import X, Y, fit, network

RNG = np.random.default_rng(0)
SCORES, LABELS = RNG.standard_normal((4, 3)), np.array([0, 2, 1, 1])
ROWS = np.eye(3)[LABELS]
LOGARITHMS = SCORES - np.log(np.exp(SCORES).sum(1, keepdims=True))
EACH = -LOGARITHMS[np.arange(4), LABELS]


def value(loss, *arguments, **options):
    return loss(*arguments, **options)[0]


@says("`CrossEntropy()`: indices or rows")
def test_cross_entropy_of_indices_and_of_rows():
    for targets in (LABELS, ROWS):
        assert value(ml.CrossEntropy(), SCORES, targets) == pytest.approx(EACH.mean())


@says("`CrossEntropy()` of pixels")
def test_cross_entropy_of_pixels():
    scores, labels = RNG.standard_normal((2, 3, 4, 5)), RNG.integers(3, size=(2, 4, 5))
    flat = value(ml.CrossEntropy(), scores.transpose(0, 2, 3, 1).reshape(-1, 3), labels.ravel())
    assert value(ml.CrossEntropy(), scores, labels) == pytest.approx(flat)


@says("`CrossEntropy(ignore_index=None)`")
def test_nothing_is_ignored_unless_told():
    with pytest.raises(ValueError, match="-100"):
        ml.CrossEntropy()(SCORES, [0, -100, 1, 1])
    some = value(ml.CrossEntropy(ignore_index=-100), SCORES, [0, -100, 1, 1])
    assert some == pytest.approx(EACH[[0, 2, 3]].mean())


@says(
    "`CrossEntropy(class_weight=)`: an array, or a dict", "A mean with weights divides", "The two agree", "In numbers"
)
def test_a_mean_with_weights_divides_by_their_sum():
    weights = np.array([1.0, 3.0, 2.0])
    wanted = (weights[LABELS] * EACH).sum() / weights[LABELS].sum()
    for given in (weights, {0: 1.0, 1: 3.0, 2: 2.0}):
        assert value(ml.CrossEntropy(class_weight=given), SCORES, LABELS) == pytest.approx(wanted)
    by_sample = np.array([1.0, 3.0, 2.0, 2.0])
    weighted = value(ml.CrossEntropy(), SCORES, LABELS, sample_weight=by_sample)
    assert weighted == pytest.approx((by_sample * EACH).sum() / by_sample.sum())
    average_1 = value(ml.CrossEntropy(), SCORES, LABELS, sample_weight=by_sample / by_sample.mean())
    assert average_1 == pytest.approx((by_sample / by_sample.mean() * EACH).sum() / 4)


@says("`CrossEntropy(from_logits=False)`")
def test_cross_entropy_of_probabilities():
    assert value(ml.CrossEntropy(from_logits=False), np.exp(LOGARITHMS), LABELS) == pytest.approx(EACH.mean())


@says("`BinaryCrossEntropy()`")
def test_binary_cross_entropy_takes_logits():
    targets = (SCORES > 0.3).astype(float)
    p = 1 / (1 + np.exp(-SCORES))
    wanted = -(targets * np.log(p) + (1 - targets) * np.log(1 - p)).mean()
    assert value(ml.BinaryCrossEntropy(), SCORES, targets) == pytest.approx(wanted)


@says("`FocalLoss(gamma=2, alpha=None)`")
def test_focal_loss_weighs_what_is_sure_less_and_no_class():
    p = np.exp(-EACH)
    assert value(ml.FocalLoss(), SCORES, LABELS) == pytest.approx(((1 - p) ** 2 * EACH).mean())


@says("`DiceLoss()`: of each class of each image")
def test_dice_loss_is_a_mean_over_classes_and_images():
    scores, labels = RNG.standard_normal((2, 3, 4, 5)), RNG.integers(3, size=(2, 4, 5))
    p = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    rows = np.eye(3)[labels].transpose(0, 3, 1, 2)
    overlap, size = (p * rows).sum((2, 3)), (p + rows).sum((2, 3))
    assert value(ml.DiceLoss(), scores, labels) == pytest.approx((1 - (2 * overlap + 1) / (size + 1)).mean())


@says("`KLDivergence()`")
def test_divergence_from_logits():
    wanted = RNG.dirichlet(np.ones(3), 4)
    divergence = (wanted * (np.log(wanted) - LOGARITHMS)).sum(1).mean()
    assert value(ml.KLDivergence(), SCORES, wanted) == pytest.approx(divergence)


@says("`MeanSquaredError()`, `MeanAbsoluteError()`", "`Huber(delta=1)`")
def test_losses_of_numbers():
    y = np.zeros_like(SCORES)
    assert value(ml.MeanSquaredError(), SCORES, y) == pytest.approx((SCORES**2).mean())
    assert value(ml.MeanAbsoluteError(), SCORES, y) == pytest.approx(abs(SCORES).mean())
    huber = np.where(abs(SCORES) <= 1, SCORES**2 / 2, abs(SCORES) - 0.5)
    assert value(ml.Huber(), SCORES, y) == pytest.approx(huber.mean())


@says("A model may end in `Softmax`", "`fit` and `evaluate` notice it")
def test_a_softmax_at_the_end_is_joined_with_the_loss():
    plain, ends = network(), network(softmax=True)
    given = plain.evaluate(X, Y, loss=ml.CrossEntropy())["loss"]
    assert ends.evaluate(X, Y, loss=ml.CrossEntropy(from_logits=False))["loss"] == pytest.approx(given, rel=1e-6)
    fit(plain)
    fit(ends, loss=ml.CrossEntropy(from_logits=False))
    np.testing.assert_array_equal(plain.state_dict()["0.weight"], ends.state_dict()["0.weight"])


@says("The same holds for `Sigmoid`")
@pytest.mark.parametrize("loss", [ml.BinaryCrossEntropy, ml.BinaryFocalLoss])
def test_a_sigmoid_at_the_end_too(loss):
    sure = np.float32([[200.0], [-200.0]])  # whose probabilities round to 1 and 0
    model = ml.Sequential([ml.Sigmoid()], input_shape=(1,), seed=0)
    wrong = np.float32([[0], [1]])
    found = model.evaluate(sure, wrong, loss=loss(from_logits=False))["loss"]
    assert found == pytest.approx(value(loss(), sure, wrong), rel=1e-6)


@says("With `from_logits=False`, probabilities are clipped", "Outside of these limits")
def test_probabilities_are_clipped():
    loss, gradient = ml.CrossEntropy(from_logits=False)(np.array([[0.0, 1.0]]), [0])
    assert loss == pytest.approx(-np.log(1e-7))
    assert not gradient.any()
    assert ml.CrossEntropy(from_logits=False)(np.array([[1.0, 0.0]]), [0])[0] == pytest.approx(-np.log(1 - 1e-7))
    assert value(ml.BinaryCrossEntropy(from_logits=False), np.array([[0.0]]), np.array([[1.0]])) == pytest.approx(
        -np.log(1e-7)
    )


@says("Rows of probabilities must sum to 1")
def test_rows_that_are_no_probabilities_are_refused():
    with pytest.raises(ValueError, match="sum"):
        ml.CrossEntropy(from_logits=False)(np.array([[0.2, 0.2]]), [0])


INFINITE = np.array([[0.0, -np.inf]])


@says("Where a formula has 0 times infinity", "`CrossEntropy`, `KLDivergence` of rows")
def test_no_probability_for_what_is_impossible_costs_nothing():
    for loss in (ml.CrossEntropy(), ml.KLDivergence()):
        assert value(loss, INFINITE, np.array([[1.0, 0.0]])) == 0


@says("`BinaryCrossEntropy`, `BinaryFocalLoss` of an infinite logit")
@pytest.mark.parametrize("loss", [ml.BinaryCrossEntropy(), ml.BinaryFocalLoss()])
def test_an_infinite_logit_with_the_right_sign_costs_nothing(loss):
    found, gradient = loss(np.array([[np.inf], [-np.inf]]), np.array([[1.0], [0.0]]))
    assert found == 0
    assert not gradient.any()


@says("`CrossEntropy(class_weight=)`, `(ignore_index=)`, a batch", "the mean over a batch of no samples")
def test_a_batch_in_which_nothing_counts():
    for loss, labels in (
        (ml.CrossEntropy(class_weight=[0.0, 1, 1]), [0, 0]),
        (ml.CrossEntropy(ignore_index=9), [9, 9]),
    ):
        found, gradient = loss(np.ones((2, 3)), np.array(labels))
        assert found == 0
        assert not gradient.any()
    assert value(ml.CrossEntropy(), np.ones((0, 3)), np.zeros(0, int)) == 0


@says("`SiLU`, `GELU`, `HardSwish`, `Mish` of minus infinity", "the derivative of `SiLU`, `GELU`, `Mish`")
def test_activations_at_infinity():
    for layer in (ml.SiLU(), ml.GELU(), ml.HardSwish(), ml.Mish()):
        assert layer(np.array([[-np.inf]]))[0, 0] == 0
    for layer in (ml.SiLU(), ml.GELU(), ml.Mish()):
        _, backward = layer.forward(np.array([[-np.inf, np.inf]]), train=True)
        assert backward(np.ones((1, 2))).tolist() == [[0, 1]]


@says("Anywhere else an infinite or NaN logit")
def test_other_infinite_logits_show_in_the_loss():
    assert value(ml.CrossEntropy(), INFINITE, [1]) == np.inf
    assert np.isnan(value(ml.CrossEntropy(), np.array([[0.0, np.nan]]), [0]))
    assert value(ml.BinaryCrossEntropy(), np.array([[np.inf]]), np.array([[0.0]])) == np.inf
