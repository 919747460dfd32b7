"""What the estimators have in common: their arguments, and how `fit` and `partial_fit` go about it."""

import functools
import math
from dataclasses import KW_ONLY, dataclass
from typing import Any, Self, TypeVar

import numpy as np
from sklearn.base import BaseEstimator, is_classifier
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from minidl import shapes
from minidl.errors import check_keywords
from minidl.methods import Model
from minidl.optim import Optimizer
from minidl.sklearn import samples
from minidl.sklearn.networks import network
from minidl.sklearn.training import Task, as_input, optimizer_of, sample_weights, train
from minidl.typing import Array, Shape

E = TypeVar("E")


def keyword_hints(kind: type[E]) -> type[E]:
    """Decorate an estimator so that an unknown keyword argument draws a hint."""
    constructor: Any = kind.__init__

    @functools.wraps(constructor)
    def hinting(self: E, *args: Any, **kwargs: Any) -> None:
        check_keywords(kind.__name__, constructor, kwargs)
        constructor(self, *args, **kwargs)

    kind.__init__ = hinting  # type: ignore[assignment, method-assign]
    return kind


@dataclass(eq=False, repr=False)
class CNNEstimator(BaseEstimator):
    """A network with scikit-learn's methods: the base class of the classifier and the regressor.

    X is rows (n, features), which are images where `image_shape` says so, or images (n, h, w) or (n, c, h, w). They
    are converted to the network's floats and not scaled. After `fit` there are `model_`, the trained network, an
    ordinary model of minidl; `history_`, what the last training saw; `n_iter_`, the epochs so far; `input_shape_`, the
    shape of a sample; `n_features_in_`, how many numbers that is; and, of a data frame, `feature_names_in_`.
    """

    model: Any = "auto"
    """The network: a name, "auto", "mlp" or one of `minidl.models.MODELS`; a `Sequential` or `Graph`, which is copied,
    so that one with weights is trained further; or a function (input_shape, outputs) that makes one, and that may take
    a `seed`, too. "auto" is "cnn" of images, and of rows "mlp", a dense network with a hidden layer of 100 units."""
    _: KW_ONLY
    image_shape: Any = None
    """(h, w) or (c, h, w), where rows are images."""
    epochs: int = 50
    """Passes through the samples."""
    batch_size: int = 32
    """Samples at a time."""
    optimizer: Any = "adam"
    """"adam", "adamw", "sgd", "rmsprop", "adagrad" or "lion"; or a function of the parameters, such as
    `functools.partial(ml.SGD, lr=0.1, momentum=0.9)`."""
    learning_rate: float = 1e-3
    """That of an optimizer by name."""
    loss: Any = None
    """A loss of minidl's; by default `CrossEntropy` for classes and `MeanSquaredError` for numbers."""
    augment: Any = None
    """What changes images in training, as in `minidl.fit`."""
    early_stopping: bool = False
    """Whether to set a share of the samples aside, to end when the loss on them gets no better, and to go back to the
    best epoch's weights."""
    validation_fraction: float = 0.1
    """The share that `early_stopping` sets aside; of classes, each gives its part."""
    n_iter_no_change: int = 5
    """For how many epochs the loss may fail to get better before `early_stopping` ends the training."""
    warm_start: bool = False
    """Whether `fit` goes on from the weights of the last."""
    random_state: Any = None
    """What decides on first weights, the order of samples, and the share that is set aside: a seed or a RandomState."""
    verbose: int = 0
    """As in `minidl.fit`: 0 is silent."""

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train on samples X and targets y; a weight, of `sample_weight` (n,), counts as that many copies of a sample.

        Arguments are checked here, before any work: raises ValueError and TypeError.
        """
        return self._fit(X, y, sample_weight, goes_on=bool(self.warm_start) and hasattr(self, "model_"))

    def _partial_fit(self, X: Any, y: Any, sample_weight: Any, **of_targets: Any) -> Self:
        if self.early_stopping:
            raise ValueError("early_stopping: partial_fit sees a part of the samples at a time; use fit")
        return self._fit(X, y, sample_weight, goes_on=hasattr(self, "model_"), is_partial=True, **of_targets)

    def _fit(
        self, X: Any, y: Any, sample_weight: Any, *, goes_on: bool, is_partial: bool = False, **of_targets: Any
    ) -> Self:
        """Make a network, unless training `goes_on` with the one there is, and train it, one epoch if it `is_partial`.

        A part is trained on with the optimizer and in the random order of those before. Where anything fails, the
        estimator stays what it was.
        """
        x, targets = samples.validated(self, X, y, reset=not goes_on, **self._validation())
        weights = sample_weights(sample_weight, len(x))
        task = self._task(targets, weights, goes_on=goes_on, **of_targets)
        is_continued = goes_on and is_partial
        random = self._random if is_continued else check_random_state(self.random_state)
        if goes_on:
            model, input_shape, before = self.model_, self.input_shape_, self.n_iter_
            x = samples.fitted(self, x)
        else:
            input_shape, before = samples.input_shape_of(x, self._image_shape(is_rows=x.ndim == 2)), 0
            seed = int(random.randint(2**31 - 1))
            model = network(self.model, input_shape, task.outputs, seed, of_classes=is_classifier(self))
            x = x.reshape(len(x), *input_shape)
        optimizer = self._optimizer if is_continued else optimizer_of(model, self.optimizer, self.learning_rate)
        history = train(
            self,
            model,
            as_input(x, model),
            task,
            loss=self._usual_loss() if self.loss is None else self.loss,
            optimizer=optimizer,
            epochs=1 if is_partial else shapes.count(self.epochs, "epochs"),
            random=random,
        )
        for name, value in task.known.items():
            setattr(self, name, value)
        self.model_: Model = model
        self.history_ = history
        self.n_iter_: int = before + len(history.get("loss", []))
        self.input_shape_: Shape = input_shape
        self.n_features_in_ = math.prod(input_shape)
        self._random: Any = random
        self._optimizer: Optimizer = optimizer
        return self

    def _scores(self, X: Any) -> Array:
        """What the network gives for X, in float64. Raises NotFittedError before a training."""
        check_is_fitted(self, "model_")
        x = samples.validated_samples(self, X)
        scores: Array = self.model_.predict(as_input(x, self.model_), verbose=0)
        return scores.astype(np.float64)

    def _image_shape(self, *, is_rows: bool) -> Any:
        """The shape of images that is given, or, for rows, that the given model has."""
        own = getattr(self.model, "input_shape", None) or ()
        return own if is_rows and self.image_shape is None and len(own) == 3 else self.image_shape

    def _validation(self) -> dict[str, Any]:
        """How scikit-learn checks the targets."""
        return {}

    def _task(self, y: Array, weights: Array | None, *, goes_on: bool) -> Task:
        """What the network is to learn of these targets."""
        raise NotImplementedError

    def _usual_loss(self) -> Any:
        raise NotImplementedError

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags
