"""Metrics of pixels that are yes or no: scores (n, 1, h, w), or (n, labels, h, w) of several questions."""

import numpy as np
import pytest

import minidl as ml

sklearn = pytest.importorskip("sklearn.metrics")
RNG = np.random.default_rng(2)
SCORES = RNG.standard_normal((5, 1, 3, 4)).astype(np.float32)
MASKS = (RNG.random((5, 3, 4)) < 0.3).astype(int)
WEIGHTS = np.array([1.0, 0, 2, 0.5, 3])
PIXELS = np.repeat(WEIGHTS, 12)
SEEN = (SCORES > 0).ravel().astype(int)


@pytest.mark.parametrize(
    ("metric", "name", "options"),
    [
        (ml.BinaryAccuracy(), "accuracy_score", {}),
        (ml.F1("binary"), "f1_score", {}),
        (ml.F1(), "f1_score", {"average": "macro"}),
        (ml.Precision("binary"), "precision_score", {}),
        (ml.Recall("micro"), "recall_score", {"average": "micro"}),
        (ml.MeanIoU(), "jaccard_score", {"average": "macro"}),
        (ml.MeanIoU(2, average="binary"), "jaccard_score", {}),
        (ml.Dice(average="binary"), "f1_score", {}),
    ],
    ids=repr,
)
def test_scikit_learn(metric, name, options):
    oracle = getattr(sklearn, name)
    for masks in (MASKS, MASKS[:, None], MASKS.astype(np.uint8), MASKS.astype(bool)):
        assert metric(SCORES, masks) == pytest.approx(oracle(MASKS.ravel(), SEEN, **options), abs=1e-12)
        wanted = oracle(MASKS.ravel(), SEEN, **options, sample_weight=PIXELS)
        assert metric(SCORES, masks, WEIGHTS) == pytest.approx(wanted, abs=1e-12)
    metric.reset()
    for part in (slice(2), slice(2, 5)):
        metric.update(SCORES[part], MASKS[part])
    assert metric.result() == pytest.approx(oracle(MASKS.ravel(), SEEN, **options), abs=1e-12)


def test_a_threshold_and_what_is_ignored():
    high = (SCORES > 0.7).ravel().astype(int)
    for kind in (ml.MeanIoU, ml.Dice):
        assert kind(threshold=0.7)(SCORES, MASKS) == kind()(np.where(SCORES > 0.7, 1, -1), MASKS)
    assert ml.MeanIoU(threshold=0.7)(SCORES, MASKS) == sklearn.jaccard_score(MASKS.ravel(), high, average="macro")
    marked = np.where(RNG.random(MASKS.shape) < 0.4, 255, MASKS)
    kept = (marked != 255).ravel()
    wanted = sklearn.f1_score(MASKS.ravel()[kept], SEEN[kept])
    assert ml.Dice(average="binary", ignore_index=255)(SCORES, marked) == pytest.approx(wanted)
    assert ml.F1("binary", ignore_index=255)(SCORES, marked) == pytest.approx(wanted)
    with pytest.raises(ValueError, match="labels: expected 0 and 1, got others"):
        ml.F1("binary")(SCORES, marked)


@pytest.mark.parametrize("average", ["macro", "micro", "weighted", "samples", None])
def test_several_questions_of_each_pixel(average):
    scores, labels = RNG.standard_normal((4, 3, 2, 5)), RNG.integers(2, size=(4, 3, 2, 5))
    rows, answers = (np.moveaxis(each, 1, -1).reshape(-1, 3) for each in (scores, labels))
    weights = [1.0, 0, 2, 3]
    wanted = sklearn.f1_score(answers, rows > 0, average=average, sample_weight=np.repeat(weights, 10), zero_division=0)
    np.testing.assert_allclose(ml.F1(average, multilabel=True)(scores, labels, weights), wanted, rtol=1e-12)
    accuracy = ml.BinaryAccuracy(multilabel=True)
    assert accuracy(scores, labels) == pytest.approx(((scores > 0) == labels).mean())
    assert accuracy(scores, labels, weights) == pytest.approx(
        np.average(((scores > 0) == labels).mean(axis=(1, 2, 3)), weights=weights)
    )


def test_what_does_not_fit():
    with pytest.raises(ml.ShapeError, match=r"labels: expected \(5, 1, 3, 4\), got \(5, 4, 3\)"):
        ml.F1()(SCORES, MASKS.transpose(0, 2, 1))
    with pytest.raises(ml.ShapeError, match=r"multi-hot rows \(5, 1, 3, 4\), got \(5, 3, 4\); for class indices"):
        ml.F1(multilabel=True)(SCORES, MASKS)
    with pytest.raises(ml.ShapeError, match=r"ROCAUC: expected scores .*, got \(5, 1, 3, 4\)"):
        ml.ROCAUC()(SCORES, MASKS)
    with pytest.warns(UserWarning, match=r"F1 takes logits, .* come from a Sigmoid: use F1\(threshold=0.5\)"):
        ml.F1("binary", ignore_index=255)(ml.functional.sigmoid(SCORES)[0], MASKS)


@pytest.mark.parametrize("end", [[], [ml.Sigmoid()]])
def test_a_network_that_marks_pixels(end):
    """Targets (n, h, w) of scores (n, 1, h, w)."""
    x = RNG.random((40, 1, 6, 6), dtype=np.float32)
    y = x[:, 0] > 0.6
    values = []
    for targets in (y, y[:, None]):
        layers = [ml.Conv2D(8, 3, padding="same"), ml.ReLU(), ml.Conv2D(1, 1), *end]
        model = ml.Sequential(layers, input_shape=(1, 6, 6), seed=0)
        history = model.fit(
            x, targets, loss=ml.BinaryCrossEntropy(pos_weight=2), optimizer=ml.Adam(model.parameters(), lr=0.05),
            metrics=[ml.BinaryAccuracy(), ml.MeanIoU(average="binary"), ml.F1("binary")], epochs=30, batch_size=8,
            seed=0, verbose=0, validation_split=0.2,
        )  # fmt: skip
        values.append(dict(history))
    assert values[0] == values[1]
    assert values[0]["val_accuracy"][-1] > 0.9
    assert values[0]["val_mean_iou"][-1] > 0.7
