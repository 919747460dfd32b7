"""Metrics: what people want to know of a model, counted batch by batch."""

from minidl.metrics.accuracy import Accuracy, BinaryAccuracy, ConfusionMatrix, TopKAccuracy
from minidl.metrics.metric import Metric
from minidl.metrics.precision import F1, Precision, Recall
from minidl.metrics.regression import MeanAbsoluteError, MeanSquaredError
from minidl.metrics.roc import ROCAUC

__all__ = [
    "F1",
    "ROCAUC",
    "Accuracy",
    "BinaryAccuracy",
    "ConfusionMatrix",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "Metric",
    "Precision",
    "Recall",
    "TopKAccuracy",
]
