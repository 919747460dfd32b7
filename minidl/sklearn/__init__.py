"""Estimators of scikit-learn's kind: a network for its pipelines, searches and scores.

They need scikit-learn: `pip install "minidl[sklearn]"`.
"""

import importlib.util
from typing import TYPE_CHECKING

from minidl.errors import missing_name

if importlib.util.find_spec("sklearn") is None:
    raise ImportError('minidl.sklearn needs scikit-learn: pip install "minidl[sklearn]"')

from minidl.sklearn.classifier import CNNClassifier
from minidl.sklearn.regressor import CNNRegressor

__all__ = ["CNNClassifier", "CNNRegressor"]


if not TYPE_CHECKING:

    def __getattr__(name):
        raise missing_name(__name__, name, __all__)
