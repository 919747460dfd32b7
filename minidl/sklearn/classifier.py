"""A network that tells classes, as scikit-learn's classifiers do."""

from dataclasses import KW_ONLY, dataclass
from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets

from minidl.functional import log_softmax
from minidl.losses import CrossEntropy
from minidl.sklearn.estimator import CNNEstimator, keyword_hints
from minidl.sklearn.networks import gives_probabilities
from minidl.sklearn.training import Task
from minidl.typing import Array


@keyword_hints
@dataclass(eq=False, repr=False)
class CNNClassifier(ClassifierMixin, CNNEstimator):
    """A network that tells which of two or more classes a sample is of. Labels are of any kind, and become `classes_`.

    X, the other arguments, and what `fit` leaves are described with `CNNEstimator`.
    """

    _: KW_ONLY
    class_weight: Any = None
    """A dict {label: weight}, or "balanced", by which all classes count the same; they multiply `sample_weight`."""

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """One more epoch, with these samples. The first call needs all the `classes`."""
        if isinstance(self.class_weight, str):
            raise ValueError("class_weight: partial_fit sees a part of the samples at a time; give {label: weight}")
        if classes is None and not hasattr(self, "model_"):
            raise ValueError("classes: expected all the labels, with the first call of partial_fit")
        return self._partial_fit(X, y, sample_weight, classes=classes)

    def predict(self, X: Any) -> Array:
        """The label (n,) of the most probable class of each sample."""
        best = self._log_probabilities(X).argmax(axis=1)
        labels: Array = self.classes_[best]
        return labels

    def predict_proba(self, X: Any) -> Array:
        """The probability (n, classes) of each class, in the order of `classes_`; rows sum to 1."""
        probabilities: Array = np.exp(self._log_probabilities(X))
        return probabilities

    def predict_log_proba(self, X: Any) -> Array:
        """The logarithms (n, classes) of `predict_proba`."""
        return self._log_probabilities(X)

    def _log_probabilities(self, X: Any) -> Array:
        scores = self._scores(X)
        if gives_probabilities(self.model_):
            with np.errstate(divide="ignore"):
                scores = np.log(scores)
        return log_softmax(scores)[0]

    def _task(self, y: Array, weights: Array | None, *, goes_on: bool, classes: Any = None) -> Task:
        check_classification_targets(y)
        known: Any = self.classes_ if goes_on else np.unique(y if classes is None else classes)
        if classes is not None and not np.array_equal(np.unique(classes), known):
            raise ValueError(f"classes: expected those of the first call, {known}, got {classes}")
        unknown = np.setdiff1d(y, known)
        if len(unknown):
            raise ValueError(f"y: expected labels among the classes {known}, got {unknown}")
        found = known if goes_on or classes is not None else np.unique(y if weights is None else y[weights > 0])
        if len(found) < 2:
            raise ValueError(f"y: expected samples of two classes or more, got 1 class: {found[0]!r}")
        if self.class_weight is not None:
            of_classes = compute_sample_weight(self.class_weight, y)
            weights = of_classes if weights is None else weights * of_classes
        indices: Any = np.searchsorted(known, y)
        return Task(indices, weights, len(known), {"classes_": known})

    def _usual_loss(self) -> CrossEntropy:
        return CrossEntropy()
