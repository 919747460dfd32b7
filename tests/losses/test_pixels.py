"""Losses of classes for the pixels of images: scores (n, classes, h, w), targets (n, h, w)."""

import numpy as np
import pytest

import minidl as ml
from minidl.testing import check_gradients

RNG = np.random.default_rng(3)
SCORES = RNG.standard_normal((3, 4, 2, 5))
LABELS = RNG.integers(0, 4, (3, 2, 5))
WEIGHTS = np.array([0.5, 2.0, 1.0, 3.0])

LOSSES = [
    ml.CrossEntropy(),
    ml.CrossEntropy(label_smoothing=0.2),
    ml.CrossEntropy(class_weight=WEIGHTS),
    ml.FocalLoss(),
    ml.FocalLoss(gamma=1.5, alpha=WEIGHTS),
]
SOME = [ml.CrossEntropy(ignore_index=2), ml.FocalLoss(ignore_index=2, alpha={1: 3.0}), ml.DiceLoss(ignore_index=2)]


def by_rows(loss, targets):
    """The loss and its gradient, where each pixel is a row of its own."""
    rows = np.array([SCORES[i, :, r, q] for i in range(3) for r in range(2) for q in range(5)])
    labels = np.array([targets[i, ..., r, q] for i in range(3) for r in range(2) for q in range(5)])
    value, gradient = loss(rows, labels)
    dscores = np.empty_like(SCORES)
    for row, (i, r, q) in zip(gradient, np.ndindex(3, 2, 5), strict=True):
        dscores[i, :, r, q] = row
    return value, dscores


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_each_pixel_is_a_row(loss):
    value, dscores = loss(SCORES, LABELS)
    wanted, gradient = by_rows(loss, LABELS)
    assert value == pytest.approx(wanted, rel=1e-12)
    np.testing.assert_allclose(dscores, gradient, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("loss", [ml.CrossEntropy(), ml.FocalLoss(), ml.KLDivergence()], ids=repr)
def test_targets_of_the_scores_shape(loss):
    soft = RNG.random(SCORES.shape)
    soft /= soft.sum(axis=1, keepdims=True)
    value, dscores = loss(SCORES, soft)
    wanted, gradient = by_rows(loss, soft)
    assert value == pytest.approx(wanted, rel=1e-12)
    np.testing.assert_allclose(dscores, gradient, rtol=1e-12, atol=1e-15)


def test_cross_entropy_in_plain_loops():
    losses = []
    for i, r, q in np.ndindex(3, 2, 5):
        logits = SCORES[i, :, r, q]
        losses.append(np.log(np.exp(logits).sum()) - logits[LABELS[i, r, q]])
    assert ml.CrossEntropy()(SCORES, LABELS)[0] == pytest.approx(np.mean(losses), rel=1e-12)
    of_samples = np.reshape(losses, (3, 10)).mean(axis=1)
    np.testing.assert_allclose(ml.CrossEntropy(reduction="none")(SCORES, LABELS)[0], of_samples, rtol=1e-12)
    assert ml.CrossEntropy(reduction="sum")(SCORES, LABELS)[0] == pytest.approx(of_samples.sum(), rel=1e-12)
    value, dscores = ml.CrossEntropy()(SCORES, LABELS, [1, 0, 3])
    assert value == pytest.approx((of_samples[0] + 3 * of_samples[2]) / 4, rel=1e-12)
    assert not dscores[1].any()


def test_memory_order_and_type():
    for scores in (SCORES, np.ascontiguousarray(SCORES.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)):
        scores = scores.astype(np.float32)
        value, dscores = ml.CrossEntropy()(scores, LABELS.astype(np.uint8))
        assert value == pytest.approx(ml.CrossEntropy()(SCORES, LABELS)[0], rel=1e-5)
        assert dscores.dtype == np.float32
        assert dscores.shape == SCORES.shape
        assert dscores.transpose(0, 2, 3, 1).flags.c_contiguous


@pytest.mark.parametrize("loss", [*LOSSES[:4], *SOME, ml.DiceLoss(smooth=0.1)], ids=repr)
def test_gradient_by_differences(loss):
    def f(scores):
        value, gradient = loss(scores, LABELS)
        return np.array(value), lambda dy: gradient * dy

    check_gradients(f, SCORES)


def test_sequences():
    value, _ = ml.CrossEntropy()(SCORES.reshape(3, 4, 10), LABELS.reshape(3, 10))
    assert value == pytest.approx(ml.CrossEntropy()(SCORES, LABELS)[0], rel=1e-14)


def test_errors():
    with pytest.raises(
        ml.ShapeError, match=r"targets: expected \(3, 2, 5\) class indices .* got \(3,\); for a class a"
    ):
        ml.CrossEntropy()(SCORES, LABELS[:, 0, 0])
    with pytest.raises(ml.ShapeError, match=r"expected \(3, 2, 5\) class indices .* got \(3, 5, 2\)"):
        ml.CrossEntropy()(SCORES, LABELS.transpose(0, 2, 1))
    with pytest.raises(ValueError, match="expected class indices from 0 to 3, got 4"):
        ml.CrossEntropy()(SCORES, LABELS + 1)
    with pytest.raises(ValueError, match="expected class indices as integers, got float64; of whole numbers"):
        ml.CrossEntropy()(SCORES, LABELS * 1.0)
    with pytest.raises(ValueError, match="rows that don't sum to 1"):
        ml.CrossEntropy()(SCORES, SCORES)
    with pytest.raises(ValueError, match="for class indices use CrossEntropy"):
        ml.KLDivergence()(SCORES, LABELS)
    of_sigmoid = ml.functional.sigmoid(SCORES)[0]
    channels_last = ml.functional.sigmoid(SCORES.transpose(0, 2, 3, 1).copy())[0]
    for scores in (of_sigmoid, channels_last.transpose(0, 3, 1, 2)):
        for loss in (ml.CrossEntropy(), ml.DiceLoss()):  # one after the other: it isn't forgotten
            with pytest.warns(UserWarning, match="takes logits, but these scores come from a Sigmoid"):
                loss(scores, LABELS)


def test_a_network_that_labels_pixels():
    rng = np.random.default_rng(0)
    x = rng.random((40, 1, 6, 6), dtype=np.float32)
    y = (x[:, 0] > 0.4).astype(np.int64) + (x[:, 0] > 0.7)
    layers = [ml.Conv2D(8, 3, padding="same"), ml.ReLU(), ml.Conv2D(3, 1)]
    model = ml.Sequential(layers, input_shape=(1, 6, 6), seed=0)
    optimizer = ml.Adam(model.parameters(), lr=0.05)
    metrics = [ml.Accuracy(), ml.MeanIoU(), ml.ConfusionMatrix(), ml.F1()]
    history = model.fit(
        x, y, loss=ml.CrossEntropy(), optimizer=optimizer, epochs=60, batch_size=4, metrics=metrics, seed=0,
        validation_split=0.2, verbose=0,
    )  # fmt: skip
    assert history["loss"][-1] < history["loss"][0] / 3
    assert history["val_accuracy"][-1] > 0.9
    assert history["val_confusion_matrix"][-1].sum() == 8 * 36
    scores = model.predict(x[32:])
    assert scores.shape == (8, 3, 6, 6)
    assert history["val_accuracy"][-1] == (scores.argmax(axis=1) == y[32:]).mean()
    with pytest.raises(ml.ShapeError, match="targets: expected"):
        model.fit(x, y[:, 0, 0], loss=ml.CrossEntropy(), optimizer=optimizer, verbose=0)
    with pytest.raises(ValueError, match=r"class_weight: .* of pixels, the loss weights the classes: CrossEntropy\("):
        model.fit(x, y, loss=ml.CrossEntropy(), optimizer=optimizer, class_weight={0: 2.0}, verbose=0)


@pytest.mark.parametrize("loss", SOME, ids=repr)
def test_what_is_ignored_has_no_part(loss):
    ignored = np.broadcast_to((LABELS == 2)[:, None], SCORES.shape)
    value, dscores = loss(SCORES, LABELS)
    for other in (7.0, np.inf, np.nan):
        again = loss(np.where(ignored, other, SCORES), LABELS)
        np.testing.assert_array_equal(again[0], value)
        np.testing.assert_array_equal(again[1], dscores)
    assert not dscores[ignored].any()
    assert dscores[~ignored].all()


@pytest.mark.parametrize("loss", SOME[:2], ids=repr)
def test_the_mean_is_over_what_is_not_ignored(loss):
    counted = LABELS != 2
    rows, labels = np.moveaxis(SCORES, 1, -1)[counted], LABELS[counted]
    plain = type(loss)() if isinstance(loss, ml.CrossEntropy) else ml.FocalLoss(alpha=loss.alpha)
    assert loss(SCORES, LABELS)[0] == pytest.approx(plain(rows, labels)[0], rel=1e-12)
    each = loss(np.moveaxis(SCORES, 1, -1).reshape(-1, 4), LABELS.reshape(-1))
    assert each[0] == pytest.approx(plain(rows, labels)[0], rel=1e-12)


@pytest.mark.parametrize("loss", [*SOME, ml.CrossEntropy(ignore_index=2, class_weight=WEIGHTS)], ids=repr)
def test_a_batch_in_which_all_is_ignored(loss):
    value, dscores = loss(SCORES, np.full(LABELS.shape, 2))
    assert value == 0
    np.testing.assert_array_equal(dscores, np.zeros(SCORES.shape))


def test_dice_in_plain_loops():
    p = np.exp(SCORES) / np.exp(SCORES).sum(axis=1, keepdims=True)
    losses = []
    for i in range(3):
        shares = []
        for k in range(4):
            both = sum(p[i, k, r, q] for r, q in np.ndindex(2, 5) if LABELS[i, r, q] == k)
            shares.append((2 * both + 1) / (p[i, k].sum() + (LABELS[i] == k).sum() + 1))
        losses.append(1 - np.mean(shares))
    np.testing.assert_allclose(ml.DiceLoss(reduction="none")(SCORES, LABELS)[0], losses, rtol=1e-12)
    assert ml.DiceLoss(from_logits=False)(p, LABELS)[0] == pytest.approx(np.mean(losses), rel=1e-12)
    one_hot = np.moveaxis(np.eye(4)[LABELS], -1, 1)
    assert ml.DiceLoss()(SCORES, one_hot)[0] == pytest.approx(np.mean(losses), rel=1e-12)
    exact = np.moveaxis(np.eye(4)[LABELS], -1, 1) * 200
    assert ml.DiceLoss()(exact, LABELS)[0] == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: ml.CrossEntropy()(SCORES, LABELS - 1), ValueError, "got -1; what shall not .* by ignore_index=-1$"),
        (lambda: ml.CrossEntropy(ignore_index=255)(SCORES, LABELS + 1), ValueError, "from 0 to 3, or 255, got 4$"),
        (
            lambda: ml.CrossEntropy(ignore_index=0)(SCORES, np.full(SCORES.shape, 0.25)),
            ValueError,
            "ignore_index: only for targets that are class indices, and these are rows",
        ),
        (lambda: ml.FocalLoss(ignore_index=1.5), TypeError, "ignore_index: expected an integer, or None, got 1.5"),
        (lambda: ml.DiceLoss(smooth=0), ValueError, "smooth: expected a finite number above 0, got 0"),
        (lambda: ml.DiceLoss()(SCORES[:, :, 0, 0], LABELS[:, 0, 0]), ml.ShapeError, r"DiceLoss: .* got \(3, 4\)"),
        (lambda: ml.DiceLoss(from_logits=False)(SCORES, LABELS), ValueError, "expected rows of probabilities"),
        (lambda: ml.CrossEntropy(class_weight={4: 1})(SCORES, LABELS), ValueError, "classes from 0 to 3, got 4"),
        (lambda: ml.CrossEntropy(class_weight={"a": 1}), ValueError, "classes as integers from 0 on, got 'a'"),
        (lambda: ml.CrossEntropy(class_weight={1: -1}), ValueError, "numbers of at least 0, got -1 for 1"),
        (
            lambda: ml.CrossEntropy(class_weight="balanced"),
            ValueError,
            r"a loss doesn't see all labels: give class_weights\(labels\), or fit\(class_weight=\"balanced\"\)",
        ),
    ],
)
def test_errors_of_options(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_dice_trains_a_network():
    x = RNG.random((8, 1, 5, 5), dtype=np.float32)
    y = (x[:, 0] > 0.5).astype(int)
    y[:, 0] = 255
    layers = [ml.Conv2D(8, 3, padding="same"), ml.ReLU(), ml.Conv2D(2, 1)]
    model = ml.Sequential(layers, input_shape=(1, 5, 5), seed=0)
    optimizer = ml.Adam(model.parameters(), lr=0.05)
    history = model.fit(x, y, loss=ml.DiceLoss(ignore_index=255), optimizer=optimizer, epochs=30, seed=0, verbose=0)
    assert history["loss"][-1] < 0.2 < history["loss"][0]


@pytest.mark.parametrize("loss", [ml.BinaryCrossEntropy(pos_weight=3), ml.BinaryFocalLoss(), ml.MeanSquaredError()])
def test_a_channel_that_targets_need_not_have(loss):
    scores, targets = SCORES[:, :1], LABELS > 1
    value, dscores = loss(scores, targets)
    wanted, gradient = loss(scores, targets[:, None])
    assert value == wanted
    np.testing.assert_array_equal(dscores, gradient)
    with pytest.raises(ml.ShapeError, match=r"targets: expected \(3, 1, 2, 5\), got \(3, 5, 2\)"):
        loss(scores, targets.transpose(0, 2, 1))
