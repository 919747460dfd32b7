"""Losses: criterion(scores, targets) -> (mean loss, gradient of it by the scores)."""

from minidl.losses.binary import BinaryCrossEntropy, BinaryFocalLoss
from minidl.losses.cross_entropy import CrossEntropy, KLDivergence
from minidl.losses.focal import FocalLoss
from minidl.losses.loss import Loss
from minidl.losses.regression import Huber, MeanAbsoluteError, MeanSquaredError

__all__ = [
    "BinaryCrossEntropy",
    "BinaryFocalLoss",
    "CrossEntropy",
    "FocalLoss",
    "Huber",
    "KLDivergence",
    "Loss",
    "MeanAbsoluteError",
    "MeanSquaredError",
]
