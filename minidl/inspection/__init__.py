"""Looks into a model: what its layers see, which pixels its scores hang on, how fast it can learn; as arrays."""

from minidl.inspection.attribution import occlusion, saliency
from minidl.inspection.calibration import Calibration, calibration
from minidl.inspection.layers import activations, features
from minidl.inspection.learning_rate import LearningRates, find_learning_rate
from minidl.inspection.projection import principal_components
from minidl.inspection.windows import im2col

__all__ = [
    "Calibration",
    "LearningRates",
    "activations",
    "calibration",
    "features",
    "find_learning_rate",
    "im2col",
    "occlusion",
    "principal_components",
    "saliency",
]
