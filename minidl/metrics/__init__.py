"""Metrics: what people want to know of a model, counted batch by batch."""

from typing import TYPE_CHECKING

from minidl.errors import missing_name
from minidl.metrics.accuracy import Accuracy, BinaryAccuracy, ConfusionMatrix, TopKAccuracy
from minidl.metrics.average_precision import AveragePrecision
from minidl.metrics.classification_report import classification_report
from minidl.metrics.iou import Dice, MeanIoU
from minidl.metrics.metric import Metric
from minidl.metrics.precision import F1, Precision, Recall
from minidl.metrics.r2 import R2Score
from minidl.metrics.regression import MeanAbsoluteError, MeanSquaredError, RootMeanSquaredError
from minidl.metrics.roc import ROCAUC

__all__ = [
    "F1",
    "ROCAUC",
    "Accuracy",
    "AveragePrecision",
    "BinaryAccuracy",
    "ConfusionMatrix",
    "Dice",
    "MeanAbsoluteError",
    "MeanIoU",
    "MeanSquaredError",
    "Metric",
    "Precision",
    "R2Score",
    "Recall",
    "RootMeanSquaredError",
    "TopKAccuracy",
    "classification_report",
]


if not TYPE_CHECKING:

    def __getattr__(name):
        raise missing_name(__name__, name, __all__)
