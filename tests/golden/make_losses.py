"""Write losses.npz: the values and gradients of PyTorch's losses, in float64.

Run with PyTorch installed: python tests/golden/make_losses.py
"""

from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as T

rng = np.random.default_rng(0)
SCORES = 2 * rng.standard_normal((6, 4))
INDICES = rng.integers(4, size=6)
ROWS = rng.dirichlet(np.ones(4), size=6)
YES = rng.integers(2, size=(6, 4)).astype(float)
PARTLY = rng.random((6, 4))
NUMBERS = SCORES + rng.standard_normal((6, 4))
CLASS_WEIGHT = np.array([0.5, 1.0, 2.0, 3.0])
POS_WEIGHT = np.array([0.5, 2.0, 1.0, 4.0])
SOME = np.array([-100, 3, 0, -100, 2, 1])
PIXELS = 2 * rng.standard_normal((6, 4, 2, 3))
LABELS = rng.integers(4, size=(6, 2, 3))
LABELS[rng.random(LABELS.shape) < 0.3] = 255
LABELS[2] = 255  # an image without a label
SAMPLE_WEIGHT = np.array([1.0, 0.0, 2.0, 0.5, 3.0, 1.0])


def sigmoid_focal(scores, targets, gamma, alpha):
    """Lin et al., 2017, equation 5, by PyTorch's operators and derivatives."""
    p, costs = torch.sigmoid(scores), T.binary_cross_entropy_with_logits(scores, targets, reduction="none")
    right = p * targets + (1 - p) * (1 - targets)
    losses = (1 - right) ** gamma * costs
    return losses if alpha is None else (alpha * targets + (1 - alpha) * (1 - targets)) * losses


def focal(scores, rows, gamma, alpha):
    log_p = torch.log_softmax(scores, 1)
    weighted = rows if alpha is None else rows * alpha
    return -(weighted * (1 - log_p.exp()) ** gamma * log_p).sum(1)


def dice(scores, labels, smooth, ignored=None):
    """1 - the mean over the classes of 2 |p t| / (|p| + |t|), each with `smooth` added, of each image."""
    p, labels = torch.softmax(scores, 1), tensor(labels)
    counted = torch.ones_like(labels, dtype=torch.bool) if ignored is None else labels != ignored
    t = T.one_hot(torch.where(counted, labels, 0), 4).movedim(-1, 1).double()
    p, t = p * counted[:, None], t * counted[:, None]
    both, all_ = (p * t).sum((2, 3)), (p + t).sum((2, 3))
    return 1 - ((2 * both + smooth) / (all_ + smooth)).mean(1)


tensor = torch.tensor
one_hot = T.one_hot(tensor(INDICES), 4).double()
weight, pos_weight = tensor(CLASS_WEIGHT), tensor(POS_WEIGHT)

# name: (loss of one element or sample each, whether PyTorch's own reductions apply)
CASES = {
    "cross_entropy": lambda s, **how: T.cross_entropy(s, tensor(INDICES), **how),
    "cross_entropy_smooth": lambda s, **how: T.cross_entropy(s, tensor(INDICES), label_smoothing=0.1, **how),
    "cross_entropy_weight": lambda s, **how: T.cross_entropy(s, tensor(INDICES), weight=weight, **how),
    "cross_entropy_weight_smooth": lambda s, **how: T.cross_entropy(
        s, tensor(INDICES), weight=weight, label_smoothing=0.1, **how
    ),
    "cross_entropy_rows": lambda s, **how: T.cross_entropy(s, tensor(ROWS), **how),
    "cross_entropy_rows_weight": lambda s, **how: T.cross_entropy(s, tensor(ROWS), weight=weight, **how),
    "cross_entropy_some": lambda s, **how: T.cross_entropy(s, tensor(SOME), ignore_index=-100, **how),
    "cross_entropy_some_weight_smooth": lambda s, **how: T.cross_entropy(
        s, tensor(SOME), ignore_index=-100, weight=weight, label_smoothing=0.1, **how
    ),
    "pixels": lambda s, **how: T.cross_entropy(s, tensor(LABELS % 4), **how),
    "pixels_weight": lambda s, **how: T.cross_entropy(s, tensor(LABELS % 4), weight=weight, **how),
    "pixels_some": lambda s, **how: T.cross_entropy(s, tensor(LABELS), ignore_index=255, **how),
    "pixels_some_weight": lambda s, **how: T.cross_entropy(s, tensor(LABELS), ignore_index=255, weight=weight, **how),
    "pixels_dice": lambda s, **how: dice(s, LABELS % 4, 1.0),
    "pixels_dice_some": lambda s, **how: dice(s, LABELS, 0.01, 255),
    "binary": lambda s, **how: T.binary_cross_entropy_with_logits(s, tensor(YES), **how),
    "binary_partly": lambda s, **how: T.binary_cross_entropy_with_logits(s, tensor(PARTLY), **how),
    "binary_pos_weight": lambda s, **how: T.binary_cross_entropy_with_logits(
        s, tensor(YES), pos_weight=pos_weight, **how
    ),
    "binary_probabilities": lambda s, **how: T.binary_cross_entropy(s, tensor(YES), **how),
    "huber": lambda s, **how: T.huber_loss(s, tensor(NUMBERS), **how),
    "huber_half": lambda s, **how: T.huber_loss(s, tensor(NUMBERS), delta=0.5, **how),
    "absolute": lambda s, **how: T.l1_loss(s, tensor(NUMBERS), **how),
    "squares": lambda s, **how: T.mse_loss(s, tensor(NUMBERS), **how),
    "divergence": lambda s, **how: T.kl_div(torch.log_softmax(s, 1), tensor(ROWS), **how),
    "binary_focal": lambda s, **how: sigmoid_focal(s, tensor(YES), 2.0, 0.25),
    "binary_focal_plain": lambda s, **how: sigmoid_focal(s, tensor(PARTLY), 0.5, None),
    "focal": lambda s, **how: focal(s, one_hot, 2.0, None),
    "focal_alpha": lambda s, **how: focal(s, tensor(ROWS), 1.5, weight),
}


def main():
    arrays = {
        "scores": SCORES,
        "indices": INDICES,
        "rows": ROWS,
        "yes": YES,
        "partly": PARTLY,
        "numbers": NUMBERS,
        "class_weight": CLASS_WEIGHT,
        "pos_weight": POS_WEIGHT,
        "some": SOME,
        "pixels": PIXELS,
        "labels": LABELS,
        "sample_weight": SAMPLE_WEIGHT,
        "versions": np.array(f"torch {torch.__version__}, numpy {np.__version__}"),
    }
    for name, function in CASES.items():
        start = PIXELS if name.startswith("pixels") else SCORES
        if name == "binary_probabilities":
            start = 1 / (1 + np.exp(-SCORES))
        for reduction in ("mean", "sum", "none", "weighted"):
            scores = tensor(start, requires_grad=True)
            losses = function(scores, reduction="none")
            if losses.ndim > 1:  # minidl's sample is the mean over its elements, but of a divergence their sum
                losses = losses.sum(1) if name == "divergence" else losses.flatten(1).mean(1)
            if reduction == "weighted":
                loss = (losses * tensor(SAMPLE_WEIGHT)).sum() / SAMPLE_WEIGHT.sum()
            elif reduction == "mean" and not ("focal" in name or "dice" in name):
                loss = function(scores, reduction="batchmean" if name == "divergence" else "mean")
            else:
                loss = losses.mean() if reduction == "mean" else losses.sum()
            loss.backward()
            arrays[f"{name}/{reduction}"] = (losses if reduction == "none" else loss).detach().numpy()
            arrays[f"{name}/{reduction}/gradient"] = scores.grad.numpy()
    np.savez_compressed(Path(__file__).with_name("losses.npz"), **arrays)


if __name__ == "__main__":
    main()
