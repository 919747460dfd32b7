"""Losses: criterion(scores, targets) -> (mean loss, gradient of it by the scores)."""

from typing import TYPE_CHECKING

from minidl.errors import missing_name
from minidl.losses.binary import BinaryCrossEntropy, BinaryFocalLoss
from minidl.losses.cross_entropy import CrossEntropy, KLDivergence
from minidl.losses.dice import DiceLoss
from minidl.losses.focal import FocalLoss
from minidl.losses.loss import Loss
from minidl.losses.regression import Huber, MeanAbsoluteError, MeanSquaredError

__all__ = [
    "BinaryCrossEntropy",
    "BinaryFocalLoss",
    "CrossEntropy",
    "DiceLoss",
    "FocalLoss",
    "Huber",
    "KLDivergence",
    "Loss",
    "MeanAbsoluteError",
    "MeanSquaredError",
]


if not TYPE_CHECKING:

    def __getattr__(name):
        raise missing_name(__name__, name, __all__)
