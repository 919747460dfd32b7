"""Values and gradients of every loss against PyTorch's, and its gradients against differences, on every backend."""

from pathlib import Path

import numpy as np
import pytest

import minidl as ml
from minidl.testing import check_gradients

GOLDEN = dict(np.load(Path(__file__).parent.parent / "golden" / "losses.npz"))
WEIGHT = GOLDEN["class_weight"]
GOLDEN["all_labels"] = GOLDEN["labels"] % 4

# name in the file: (loss, name of the targets)
CASES = {
    "cross_entropy": (ml.CrossEntropy, {}, "indices"),
    "cross_entropy_smooth": (ml.CrossEntropy, {"label_smoothing": 0.1}, "indices"),
    "cross_entropy_weight": (ml.CrossEntropy, {"class_weight": WEIGHT}, "indices"),
    "cross_entropy_weight_smooth": (ml.CrossEntropy, {"class_weight": WEIGHT, "label_smoothing": 0.1}, "indices"),
    "cross_entropy_rows": (ml.CrossEntropy, {}, "rows"),
    "cross_entropy_rows_weight": (ml.CrossEntropy, {"class_weight": list(WEIGHT)}, "rows"),
    "cross_entropy_some": (ml.CrossEntropy, {"ignore_index": -100}, "some"),
    "cross_entropy_some_weight_smooth": (
        ml.CrossEntropy,
        {"ignore_index": -100, "class_weight": dict(enumerate(WEIGHT)), "label_smoothing": 0.1},
        "some",
    ),
    "pixels": (ml.CrossEntropy, {}, "all_labels"),
    "pixels_weight": (ml.CrossEntropy, {"class_weight": WEIGHT}, "all_labels"),
    "pixels_some": (ml.CrossEntropy, {"ignore_index": 255}, "labels"),
    "pixels_some_weight": (ml.CrossEntropy, {"ignore_index": 255, "class_weight": {3: 3, 0: 0.5, 2: 2}}, "labels"),
    "pixels_dice": (ml.DiceLoss, {}, "all_labels"),
    "pixels_dice_some": (ml.DiceLoss, {"ignore_index": 255, "smooth": 0.01}, "labels"),
    "binary": (ml.BinaryCrossEntropy, {}, "yes"),
    "binary_partly": (ml.BinaryCrossEntropy, {}, "partly"),
    "binary_pos_weight": (ml.BinaryCrossEntropy, {"pos_weight": GOLDEN["pos_weight"]}, "yes"),
    "binary_probabilities": (ml.BinaryCrossEntropy, {"from_logits": False}, "yes"),
    "huber": (ml.Huber, {}, "numbers"),
    "huber_half": (ml.Huber, {"delta": 0.5}, "numbers"),
    "absolute": (ml.MeanAbsoluteError, {}, "numbers"),
    "squares": (ml.MeanSquaredError, {}, "numbers"),
    "divergence": (ml.KLDivergence, {}, "rows"),
    "binary_focal": (ml.BinaryFocalLoss, {}, "yes"),
    "binary_focal_plain": (ml.BinaryFocalLoss, {"gamma": 0.5, "alpha": None}, "partly"),
    "focal": (ml.FocalLoss, {}, "indices"),
    "focal_alpha": (ml.FocalLoss, {"gamma": 1.5, "alpha": WEIGHT}, "rows"),
}
names = pytest.mark.parametrize("name", CASES)


def case(name, **options):
    kind, own, targets = CASES[name]
    scores = GOLDEN["pixels" if name.startswith("pixels") else "scores"]
    if name == "binary_probabilities":
        scores = 1 / (1 + np.exp(-scores))
    return kind(**own, **options), scores, GOLDEN[targets]


def test_each_of_pytorch_s_cases_is_compared():
    assert {name.split("/")[0] for name in GOLDEN if "/" in name} == set(CASES)
    assert "torch" in str(GOLDEN["versions"])


@pytest.mark.parametrize("backend", ["reference", "vectorized", "compiled"])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@names
def test_reductions(name, reduction, backend):
    loss, scores, targets = case(name, reduction=reduction)
    with ml.use_backend(backend):
        value, dscores = loss(scores, targets)
    assert isinstance(value, np.ndarray if reduction == "none" else float)
    np.testing.assert_allclose(value, GOLDEN[f"{name}/{reduction}"], rtol=1e-11)
    np.testing.assert_allclose(dscores, GOLDEN[f"{name}/{reduction}/gradient"], rtol=1e-9, atol=1e-14)


UNEVEN = [
    "cross_entropy_weight", "cross_entropy_weight_smooth", "cross_entropy_some", "cross_entropy_some_weight_smooth",
    "pixels_weight", "pixels_some", "pixels_some_weight",
]  # fmt: skip
"""Those whose mean isn't over the count of the samples."""


@pytest.mark.parametrize("name", [name for name in CASES if name not in UNEVEN])
def test_sample_weights(name):
    loss, scores, targets = case(name)
    value, dscores = loss(scores, targets, GOLDEN["sample_weight"])
    np.testing.assert_allclose(value, GOLDEN[f"{name}/weighted"], rtol=1e-11)
    np.testing.assert_allclose(dscores, GOLDEN[f"{name}/weighted/gradient"], rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("name", UNEVEN)
def test_weights_of_samples_and_classes_multiply(name):
    """PyTorch has no weights of samples: a weight of 2 is the sample twice, and one of 0 none of it."""
    loss, scores, labels = case(name)
    value, dscores = loss(scores, labels, [2, 0, 1, 1, 3, 1])
    rows = [0, 0, 2, 3, 4, 4, 4, 5]
    wanted, gradients = loss(scores[rows], labels[rows])
    assert value == pytest.approx(wanted, rel=1e-12)
    summed = np.zeros_like(scores)
    np.add.at(summed, rows, gradients)
    np.testing.assert_allclose(dscores, summed, rtol=1e-11, atol=1e-15)


@names
def test_in_single_precision(name):
    loss, scores, targets = case(name)
    value, dscores = loss(scores.astype(np.float32), targets)
    assert dscores.dtype == np.float32
    np.testing.assert_allclose(value, GOLDEN[f"{name}/mean"], rtol=1e-5)
    np.testing.assert_allclose(dscores, GOLDEN[f"{name}/mean/gradient"], rtol=2e-4, atol=1e-7)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("weighted", [False, True])
@names
def test_gradients_agree_with_differences(name, reduction, weighted):
    loss, scores, targets = case(name, reduction=reduction)
    weights = GOLDEN["sample_weight"] if weighted else None

    def function(x):
        value, dscores = loss(x, targets, weights)
        if reduction == "none":
            return value, lambda dy: dy.reshape(-1, *[1] * (x.ndim - 1)) * dscores
        return np.array(value), lambda dy: dy * dscores

    check_gradients(function, scores)


@names
def test_inputs_stay_and_nothing_is_zero(name):
    loss, scores, targets = case(name)
    scores, targets = scores.copy(), targets.copy()
    scores.flags.writeable = targets.flags.writeable = False
    assert loss(scores, targets)[1].shape == scores.shape
    empty, nothing = loss(scores[:0], targets[:0])
    assert empty == 0
    assert nothing.shape == (0, *scores.shape[1:])


@names
def test_nan_is_not_swallowed(name):
    loss, scores, targets = case(name)
    scores = scores.copy()
    scores[4, 1] = np.nan
    value, dscores = loss(scores, targets)
    assert np.isnan(value)
    assert np.isnan(dscores[4, 1]).any()
    assert np.isfinite(dscores[[0, 1, 2, 3, 5]]).all()


@names
def test_an_unknown_reduction(name):
    with pytest.raises(ValueError, match=r"reduction: expected .*, got 'summ'; did you mean sum\?"):
        case(name, reduction="summ")
