"""The training loop: fit, evaluate and predict as plain functions over any Module."""

import copy
import sys
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from minidl import functional as F
from minidl import shapes
from minidl.callbacks import Callback, ProgressBar
from minidl.data import batches
from minidl.errors import DTypeError, ShapeError, keyword_hints
from minidl.layers.container import without_softmax
from minidl.losses import CrossEntropy, MeanSquaredError
from minidl.metrics import Metric
from minidl.module import Module
from minidl.optim import SGD, Adam, Optimizer
from minidl.typing import Array, Shape

Criterion: TypeAlias = Callable[[Array, Any], tuple[float, Array]]
"""A loss: criterion(scores, targets) -> (mean loss, its gradient by the scores)."""


class History(dict[str, list[Any]]):
    """What `fit` saw: a list with a value for each epoch, under "loss", each metric's name and both with "val_"."""

    def append(self, logs: dict[str, Any]) -> None:
        """Add an epoch's values."""
        for name, value in logs.items():
            self.setdefault(name, []).append(value)


@keyword_hints
def fit(
    module: Module,
    x: Any,
    y: Any,
    *,
    loss: Criterion,
    optimizer: Optimizer,
    epochs: int = 1,
    batch_size: int = 32,
    validation_data: tuple[Any, Any] | None = None,
    validation_split: float = 0.0,
    shuffle: bool = True,
    metrics: Sequence[Metric] = (),
    callbacks: Sequence[Callback] = (),
    seed: int | None = None,
    verbose: int | str = "auto",
) -> History:
    """Train on samples x (n, ...) and targets y (n, ...) and return the History.

    `validation_split` sets the last share of the samples aside, before shuffling; `validation_data` (x, y) takes its
    place. The order of the samples is a function of `seed`. `verbose`: 0 is silent, 1 draws a live line, 2 writes one
    line for each epoch, "auto" is 1 on a terminal and else 2. A model that ends in Softmax and is trained with
    CrossEntropy is differentiated as one, from the logits. Raises ValueError and its kin before any work.
    """
    shapes.count(epochs, "epochs", minimum=0)
    shapes.count(batch_size, "batch_size")
    x, y = as_input(x, module), np.asarray(y)
    _check_lengths(x, y)
    _check_trained(module, optimizer)
    if validation_data is not None:
        held_out = as_input(validation_data[0], module), np.asarray(validation_data[1])
        _check_lengths(*held_out)
        if not len(held_out[0]):
            raise ShapeError("validation_data: expected at least one sample, got none")
    elif validation_split:
        kept = _kept(len(x), validation_split)
        held_out, x, y = (x[kept:], y[kept:]), x[:kept], y[:kept]
    else:
        held_out = None
    if not len(x):
        raise ShapeError("expected at least one sample to train on, got none")

    job = _Job(module, loss, metrics)
    rng = np.random.default_rng(seed)
    names = ["loss", *(metric.name for metric in metrics)]
    watchers = [*callbacks, *_progress(verbose)]
    for watcher in watchers:
        watcher.model, watcher.optimizer, watcher.stop_training = module, optimizer, False
        watcher.params = {
            "epochs": epochs,
            "steps": -(-len(x) // batch_size),
            "samples": len(x),
            "metrics": names + [f"val_{name}" for name in names if held_out is not None],
        }
    history = History()
    for watcher in watchers:
        watcher.on_train_begin()
    try:
        for epoch in range(epochs):
            for watcher in watchers:
                watcher.on_epoch_begin(epoch)
            job.reset()
            for batch, (inputs, targets) in enumerate(
                batches(x, y, batch_size=batch_size, rng=rng if shuffle else None)
            ):
                job.train(inputs, targets, optimizer)
                if watchers:
                    logs = job.result()
                    for watcher in watchers:
                        watcher.on_train_batch_end(batch, logs)
            logs = job.result()
            if held_out is not None:
                validation = _evaluate(job, *held_out, max(batch_size, 256))
                logs |= {f"val_{name}": value for name, value in validation.items()}
            history.append(logs)
            for watcher in watchers:
                watcher.on_epoch_end(epoch, logs)
            if any(watcher.stop_training for watcher in watchers):
                break
    finally:
        for watcher in watchers:
            watcher.on_train_end()
    return history


@keyword_hints
def evaluate(
    module: Module, x: Any, y: Any, *, loss: Criterion, metrics: Sequence[Metric] = (), batch_size: int = 256
) -> dict[str, Any]:
    """{"loss": mean loss, and each metric's name: its value} over samples x (n, ...) and targets y (n, ...).

    Raises ShapeError and its kin before any work.
    """
    x, y = as_input(x, module), np.asarray(y)
    _check_lengths(x, y)
    if not len(x):
        raise ShapeError("expected at least one sample to evaluate, got none")
    module.ensure_built(x)
    x = as_input(x, module)  # whose dtype is known by now
    return _evaluate(_Job(module, loss, metrics), x, y, batch_size)


@keyword_hints
def predict(module: Module, x: Any, *, batch_size: int = 256) -> Array:
    """What the last layer gives for samples x (n, ...), computed `batch_size` of them at a time."""
    shapes.count(batch_size, "batch_size")
    x = as_input(x, module)
    if len(x) <= batch_size:
        return module(x)
    return np.concatenate([module(x[start : start + batch_size]) for start in range(0, len(x), batch_size)])


def warm_up(module: Module, input_shape: Shape, *, batch_size: int = 64) -> None:
    """Compile every kernel that training and inference on samples of this shape need, or read it from the cache.

    Works on a copy: the module stays as it is.
    """
    shapes.count(batch_size, "batch_size")
    module = copy.deepcopy(module)
    dtypes = {parameter.value.dtype for parameter in module.parameters()}
    dtype = np.dtype(np.int64) if module.takes_integers else dtypes.pop() if dtypes else np.float32
    x: Array = np.zeros((batch_size, *input_shape), dtype)
    for samples in (x, x[:1]):
        predict(module, samples)
    y = module(x)
    targets = np.zeros(batch_size, np.int64) if y.ndim == 2 else y
    loss: Criterion = CrossEntropy() if y.ndim == 2 else MeanSquaredError()
    if module.parameters():
        for optimizer in (Adam(module.parameters()), SGD(module.parameters(), lr=0, momentum=0.9)):
            fit(module, x, targets, loss=loss, optimizer=optimizer, batch_size=batch_size, verbose=0)


class _Job:
    """A model with its loss and metrics, and the sums over the batches so far."""

    def __init__(self, module: Module, loss: Criterion, metrics: Sequence[Metric]) -> None:
        self.module, self.loss, self.metrics = module, loss, metrics
        self.ends_in_softmax = False
        if isinstance(loss, CrossEntropy):
            body = without_softmax(module)
            if body is not None:
                self.module, self.loss, self.ends_in_softmax = body, loss.with_logits(), True

    def reset(self) -> None:
        self.total, self.seen = 0.0, 0
        for metric in self.metrics:
            metric.reset()

    def train(self, inputs: Array, targets: Any, optimizer: Optimizer) -> None:
        scores, backward = self.module.forward(inputs, train=True)
        dscores = self.count(scores, targets)
        optimizer.zero_grad()
        backward(dscores, need_dx=False)
        optimizer.step()

    def count(self, scores: Array, targets: Any) -> Array:
        loss, dscores = self.loss(scores, targets)
        self.total += loss * len(scores)
        self.seen += len(scores)
        if self.metrics:
            outputs = F.softmax(scores)[0] if self.ends_in_softmax else scores
            for metric in self.metrics:
                metric.update(outputs, targets)
        return dscores

    def result(self) -> dict[str, Any]:
        return {"loss": self.total / self.seen} | {metric.name: metric.result() for metric in self.metrics}


def _evaluate(job: _Job, x: Any, y: Any, batch_size: int) -> dict[str, Any]:
    job.reset()
    for inputs, targets in batches(x, y, batch_size=batch_size):
        job.count(job.module(inputs), targets)
    return job.result()


def as_input(x: Any, module: Module) -> Array:
    """The samples in the model's dtype; only floats are converted, since raw bytes are seldom meant.

    Integers stay what they are for a model whose first layer takes them.
    """
    x = np.asarray(x)
    if x.dtype.kind in "iu" and x.ndim and module.takes_integers:
        return x  # type: ignore[no-any-return]
    if x.dtype.kind != "f":
        hint = "; for bytes of images, x.astype(np.float32) / 255" if x.dtype == np.uint8 else ""
        wanted = "integers" if module.takes_integers else "floats"
        raise DTypeError(f"expected samples as {wanted}, got {x.dtype}{hint}")
    if not x.ndim:
        raise ShapeError("expected samples (n, ...), got a single number")
    first = next((parameter for _, parameter in module.named_parameters()), None)  # the others are like it
    return x if first is None or not first.is_built else np.asarray(x, first.value.dtype)


def _check_lengths(x: Any, y: Any) -> None:
    if y.ndim == 0 or len(x) != len(y):
        raise ShapeError(f"expected as many targets as samples, got {len(y) if y.ndim else 'a number'} and {len(x)}")


def _check_trained(module: Module, optimizer: Optimizer) -> None:
    own = {id(parameter) for parameter in module.parameters()}
    if not any(id(parameter) in own for parameter in optimizer.parameters):
        raise ValueError("optimizer: it has none of this model's parameters; make it from model.parameters()")


def _kept(n: int, validation_split: float) -> int:
    if not 0 < validation_split < 1:
        raise ValueError(f"validation_split: expected a number of at least 0 and less than 1, got {validation_split!r}")
    return int(n * (1 - validation_split))


def _progress(verbose: int | str) -> list[Callback]:
    if verbose not in (0, 1, 2, "auto"):
        raise ValueError(f'verbose: expected 0, 1, 2 or "auto", got {verbose!r}')
    if verbose == "auto":
        verbose = 1 if sys.stdout is not None and sys.stdout.isatty() else 2
    return [ProgressBar(live=verbose == 1)] if verbose and sys.stdout is not None else []
