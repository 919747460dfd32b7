"""A training with scikit-learn's arguments: weights of samples, a validation share of its own, early stopping."""

import copy
from typing import Any, NamedTuple

import numpy as np
from sklearn.model_selection import train_test_split

from minidl import optim, shapes
from minidl.callbacks import EarlyStopping
from minidl.errors import ShapeError, did_you_mean
from minidl.losses import Loss
from minidl.methods import Model
from minidl.numeric import is_real
from minidl.optim import Optimizer
from minidl.training.history import History
from minidl.typing import Array


class Task(NamedTuple):
    """What a network is to learn."""

    y: Array
    """A target for each sample, as its loss takes them."""
    weights: Array | None
    """How much each sample counts, (n,)."""
    outputs: int
    """How many numbers the network gives a sample."""
    known: dict[str, Any]
    """What the estimator has to remember of the targets, as attributes."""


OPTIMIZERS = {name.lower(): getattr(optim, name) for name in ("Adam", "AdamW", "SGD", "RMSProp", "Adagrad", "Lion")}


def optimizer_of(model: Model, optimizer: Any, learning_rate: float) -> Optimizer:
    """The optimizer of this name, or what a function of the model's parameters makes.

    Raises ValueError for another name, and TypeError for what can't be called.
    """
    if isinstance(optimizer, str):
        if optimizer not in OPTIMIZERS:
            hint = did_you_mean(optimizer, list(OPTIMIZERS))
            raise ValueError(f"optimizer: expected the name of one, got {optimizer!r}; {hint}")
        made: Optimizer = OPTIMIZERS[optimizer](model.parameters(), lr=learning_rate)
        return made
    if not callable(optimizer):
        raise TypeError(
            f"optimizer: expected a name, or a function such as functools.partial(ml.SGD, lr=0.1), got {optimizer!r}"
        )
    made = optimizer(model.parameters())
    return made


def sample_weights(sample_weight: Any, samples: int) -> Array | None:
    """Weights (n,) in float64, or None. Raises ShapeError and ValueError for what are none."""
    if sample_weight is None:
        return None
    weights = np.asarray(sample_weight, np.float64)
    if weights.shape != (samples,):
        raise ShapeError(f"sample_weight: expected {shapes.show((samples,))}, got {shapes.show(weights.shape)}")
    if not (np.isfinite(weights).all() and weights.min() >= 0 and weights.any()):
        raise ValueError("sample_weight: expected finite weights of at least zero, not all of them zero")
    return weights


def as_input(x: Array, model: Model) -> Array:
    """Samples as numbers of the model's type."""
    return np.ascontiguousarray(x, getattr(model, "dtype", "float32"))


def train(
    estimator: Any,
    model: Model,
    x: Array,
    task: Task,
    *,
    loss: Any,
    optimizer: Optimizer,
    epochs: int,
    random: Any,
) -> History:
    """Train the model with the estimator's arguments; a sample that weighs nothing counts as if it weren't there.

    With its `early_stopping` a share of the samples is set aside, in which classes, integers, have their parts, and the
    weights of the best epoch stay.
    """
    y, weights = task.y, task.weights
    if weights is not None and not weights.all():
        counts = weights > 0
        x, y, weights = x[counts], y[counts], weights[counts]
    options: dict[str, Any] = {}
    if estimator.early_stopping:
        trained, held = _shares(estimator.validation_fraction, y, random)
        of_held = () if weights is None else (weights[held],)
        options["validation_data"] = (x[held], y[held], *of_held)
        options["callbacks"] = [EarlyStopping(patience=estimator.n_iter_no_change, restore_best_weights=True)]
        x, y, weights = x[trained], y[trained], None if weights is None else weights[trained]
    if weights is not None:
        loss, weights = _summed(loss, weights, min(shapes.count(estimator.batch_size, "batch_size"), len(x)))
    return model.fit(
        x,
        y,
        loss=loss,
        optimizer=optimizer,
        epochs=epochs,
        batch_size=estimator.batch_size,
        sample_weight=weights,
        augment=estimator.augment,
        seed=int(random.randint(2**31 - 1)),
        verbose=estimator.verbose,
        **options,
    )


def _summed(loss: Any, weights: Array, batch_size: int) -> tuple[Any, Array]:
    """A loss and weights by which a sample counts the same in whatever batch it is: their sum, not their mean.

    A mean by weights would make as much of a batch in which all weigh little as of one in which all weigh much.
    """
    if not isinstance(loss, Loss) or loss.reduction != "mean":
        return loss, weights
    summed = copy.copy(loss)
    summed.reduction = "sum"
    return summed, weights / (weights.mean() * batch_size)


def _shares(fraction: Any, y: Array, random: Any) -> tuple[Array, Array]:
    """The numbers of the samples to train on, and of those to validate with."""
    if not (is_real(fraction) and 0 < fraction < 1):
        raise ValueError(f"validation_fraction: expected a number between 0 and 1, got {fraction!r}")
    classes, seed = y if y.dtype.kind == "i" else None, int(random.randint(2**31 - 1))
    parts: list[Array] = train_test_split(np.arange(len(y)), test_size=fraction, stratify=classes, random_state=seed)
    return parts[0], parts[1]
