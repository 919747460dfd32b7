"""A network that predicts numbers, as scikit-learn's regressors do."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils.validation import column_or_1d

from minidl.losses import MeanSquaredError
from minidl.sklearn.estimator import CNNEstimator, keyword_hints
from minidl.sklearn.training import Task
from minidl.typing import Array


@keyword_hints
@dataclass(eq=False, repr=False)
class CNNRegressor(RegressorMixin, CNNEstimator):
    """A network that predicts a number for each sample (n,), or several (n, outputs).

    X, the arguments, and what `fit` leaves are described with `CNNEstimator`. The targets aren't scaled:
    `sklearn.compose.TransformedTargetRegressor` can do that.
    """

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """One more epoch, with these samples."""
        return self._partial_fit(X, y, sample_weight)

    def predict(self, X: Any) -> Array:
        """The numbers (n,), or (n, outputs) where the targets had several, in float64."""
        found = self._scores(X)
        return found[:, 0] if self._is_vector else found

    def _validation(self) -> dict[str, Any]:
        return {"multi_output": True, "y_numeric": True}

    def _task(self, y: Array, weights: Array | None, *, goes_on: bool) -> Task:
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        outputs = 1 if y.ndim == 1 else y.shape[1]
        if goes_on and (outputs,) != self.model_.output_shape(self.input_shape_):
            raise ValueError(f"y: expected as many numbers a sample as in the training before, got {outputs}")
        return Task(y.astype(np.float64), weights, outputs, {"_is_vector": y.ndim == 1})

    def _usual_loss(self) -> MeanSquaredError:
        return MeanSquaredError()

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
