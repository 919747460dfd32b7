"""The training loop: fit, evaluate and predict as plain functions over any Module."""

import contextlib
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from minidl import functional as F
from minidl import shapes
from minidl.callbacks import Callback, ProgressBar
from minidl.callbacks.events import check_listeners
from minidl.callbacks.terminate_on_nan import NaNAlarm
from minidl.data import batches
from minidl.errors import DTypeError, ShapeError, keyword_hints
from minidl.fit_arguments import check_loss, check_metrics, check_optimizer, check_schedule, check_trained, weights_of
from minidl.history import History
from minidl.layers.container import without_softmax
from minidl.logged import logged
from minidl.losses.loss import ClassLoss
from minidl.metrics import Metric
from minidl.module import Module
from minidl.optim import Optimizer
from minidl.progress import Bar, check_verbose, numbers, working
from minidl.typing import Array

if TYPE_CHECKING:
    from minidl.augment import Augment
    from minidl.schedules import Schedule

Criterion: TypeAlias = Callable[..., tuple[float, Array]]
"""A loss: criterion(scores, targets) -> (mean loss, its gradient by the scores); with weights, they come third."""


@keyword_hints
def fit(
    module: Module,
    x: Any,
    y: Any,
    *,
    loss: Criterion,
    optimizer: Optimizer,
    epochs: int = 1,
    initial_epoch: int = 0,
    batch_size: int = 32,
    validation_data: tuple[Any, Any] | None = None,
    validation_split: float = 0.0,
    shuffle: bool = True,
    sample_weight: Any = None,
    class_weight: Mapping[int, float] | None = None,
    schedule: "Schedule | None" = None,
    metrics: Sequence[Metric] = (),
    callbacks: Sequence[Callback] = (),
    augment: "Augment | None" = None,
    prefetch: int = 0,
    seed: int | None = None,
    verbose: int | str = "auto",
) -> History:
    """Train on samples x (n, ...) and targets y (n, ...) and return the History.

    `validation_split` sets the last share of the samples aside, before shuffling; `validation_data` (x, y), or (x, y,
    sample_weight), takes its place. `sample_weight` (n,) and `class_weight` {class: weight}, which multiply, say how
    much a sample counts in the loss; the validation knows no weights of classes. `schedule` changes the learning rate
    after each batch or epoch, which the History has as "lr" then, as each epoch ended. The order of the samples is a
    function of `seed`. `verbose`: 0 is silent, 2 writes a line for each epoch; 1 and "auto" draw a bar, too, as an
    epoch goes by, on a terminal or in a notebook with tqdm and ipywidgets. A model that ends in Softmax and is trained
    with CrossEntropy, or another loss of classes, is differentiated as one, from the logits. Raises ValueError and its
    kin before any work. A loss that is NaN or infinite draws a warning, once, which names epoch and batch.

    `augment` changes training images, differently in each epoch: an augmentation of `minidl.augment`, a list of them,
    or a function (x, y) -> (x, y) of batches. What augmentations do to a sample is a function of `seed`, the epoch and
    the sample's place in x. `prefetch` is how many batches a background thread may have ready; it changes no result.

    `initial_epoch` is how many of the `epochs` lie behind, in a training that was interrupted: those to come have the
    order of samples and the augmentations that they would have had. `load_training` loads the rest.
    """
    from minidl.augment import as_augmentation  # loaded when something is trained, not with minidl

    shapes.count(epochs, "epochs", minimum=0)
    if shapes.count(initial_epoch, "initial_epoch", minimum=0) > epochs:
        raise ValueError(f"initial_epoch: expected at most the {epochs} epochs, which are counted from 0 in all")
    shapes.count(batch_size, "batch_size")
    shapes.count(prefetch, "prefetch", minimum=0)
    augmentation = as_augmentation(augment)
    weighted = sample_weight is not None or class_weight is not None
    check_loss(loss, weighted=weighted)
    check_optimizer(optimizer)
    check_metrics(metrics)
    check_listeners(callbacks, Callback)
    x, y = as_input(x, module), np.asarray(y)
    _check_lengths(x, y)
    check_trained(module, optimizer)
    weights = weights_of(y, sample_weight, None)
    held_out: tuple[Array, tuple[Any, ...]] | None = None
    if validation_data is not None:
        held_out = _held_out(module, *validation_data)
    elif validation_split:
        kept = _kept(len(x), validation_split)
        held_out = x[kept:], _with_weights(y[kept:], None if weights is None else weights[kept:])
        x, y, weights = x[:kept], y[:kept], None if weights is None else weights[:kept]
    targets = _with_weights(y, weights_of(y, weights, class_weight))
    if not len(x):
        raise ShapeError("expected at least one sample to train on, got none")

    job = _Job(module, loss, metrics)
    entropy = np.random.SeedSequence(seed)
    rng = np.random.default_rng(entropy)
    augment_seed = int(entropy.spawn(1)[0].generate_state(1, np.uint64)[0])
    told = logged(metrics, validates=held_out is not None)
    steps = -(-len(x) // batch_size)
    check_schedule(schedule, optimizer, told, (epochs - initial_epoch) * steps)
    if schedule is not None:
        told = told.with_rate()
    watchers = [*callbacks, *_progress(verbose)]
    for watcher in watchers:
        watcher.model, watcher.optimizer, watcher.stop_training = module, optimizer, False
        watcher.schedule, watcher.callbacks = schedule, callbacks
        watcher.params = {
            "epochs": epochs,
            "initial_epoch": initial_epoch,
            "steps": steps,
            "samples": len(x),
            "metrics": told.names,
        }
        watcher.logged = told
    history = History()
    for watcher in watchers:
        watcher.on_train_begin()
    listeners = [watcher for watcher in watchers if _hears_batches(watcher)]
    if shuffle:
        for _ in range(initial_epoch):
            rng.permutation(len(x))
    alarm = NaNAlarm(watchers)
    with contextlib.ExitStack() as ends:  # each has its end, also where another one's fails
        for watcher in reversed(watchers):
            ends.callback(watcher.on_train_end)
        for epoch in range(initial_epoch, epochs):
            if any(watcher.stop_training for watcher in watchers):
                break
            for watcher in watchers:
                watcher.on_epoch_begin(epoch)
            job.reset()
            parts = batches(
                x,
                targets,
                batch_size=batch_size,
                rng=rng if shuffle else None,
                prefetch=prefetch,
                augment=augmentation,
                seed=augment_seed,
                epoch=epoch,
            )
            with contextlib.closing(parts):  # a thread that prefetches ends here, whatever happens
                for batch, (inputs, part) in enumerate(parts):
                    job.train(inputs, part, optimizer)
                    if schedule is not None and schedule.per == "batch":
                        schedule.step()
                    if listeners:
                        logs = job.result(each_batch=True)
                        for listener in listeners:
                            listener.on_train_batch_end(batch, logs)
                    if not math.isfinite(job.total) and alarm.batch(job.total, epoch, batch):
                        break
            logs = job.result()
            for watcher in watchers:
                watcher.on_train_epoch_end(epoch)
            if held_out is not None:
                validation = _evaluate(job, *held_out, max(batch_size, 256), Bar(0, "", live=False))
                logs |= {f"val_{name}": value for name, value in validation.items()}
                if not math.isfinite(validation["loss"]):
                    alarm.validation(validation["loss"], epoch)
            if schedule is not None:
                logs["lr"] = optimizer.lr
                if schedule.per == "epoch":
                    schedule.step(None if schedule.monitor is None else logs[schedule.monitor])
            history.append(logs)
            for watcher in watchers:
                watcher.on_epoch_end(epoch, logs)
    return history


@keyword_hints
def evaluate(
    module: Module,
    x: Any,
    y: Any,
    *,
    loss: Criterion,
    metrics: Sequence[Metric] = (),
    sample_weight: Any = None,
    batch_size: int = 256,
    verbose: int | str = "auto",
) -> dict[str, Any]:
    """{"loss": mean loss, and each metric's name: its value} over samples x (n, ...) and targets y (n, ...).

    `sample_weight` (n,) says how much a sample counts in the loss; metrics count each once. `verbose`: "auto" draws a
    bar on stderr, where that is a terminal or a notebook with tqdm and ipywidgets, while it takes more than half a
    second; 1 also writes a line with the results to stdout; 2 writes the line alone; 0 is silent. Raises ShapeError and
    its kin before any work.
    """
    check_verbose(verbose)
    check_loss(loss, weighted=sample_weight is not None)
    check_metrics(metrics)
    x, y = as_input(x, module), np.asarray(y)
    _check_lengths(x, y)
    if not len(x):
        raise ShapeError("expected at least one sample to evaluate, got none")
    targets = _with_weights(y, weights_of(y, sample_weight, None))
    module.ensure_built(x)
    x = as_input(x, module)  # whose dtype is known by now
    with working("evaluate", len(x), verbose) as bar:
        results = _evaluate(_Job(module, loss, metrics), x, targets, batch_size, bar)
        bar.result = numbers(results)
    return results


@keyword_hints
def predict(module: Module, x: Any, *, batch_size: int = 256, verbose: int | str = "auto") -> Array:
    """What the last layer gives for samples x (n, ...), computed `batch_size` of them at a time.

    `verbose` is as in `evaluate`.
    """
    shapes.count(batch_size, "batch_size")
    check_verbose(verbose)
    x = as_input(x, module)
    if len(x) <= batch_size and verbose in ("auto", 0):
        return module(x)
    parts = []
    with working("predict", len(x), verbose) as bar:
        for start in range(0, len(x), batch_size) or (0,):
            parts.append(module(x[start : start + batch_size]))
            bar.update(min(start + batch_size, len(x)))
    return np.concatenate(parts) if len(parts) > 1 else parts[0]


class _Job:
    """A model with its loss and metrics, and the sums over the batches so far."""

    def __init__(self, module: Module, loss: Criterion, metrics: Sequence[Metric]) -> None:
        self.module, self.loss, self.metrics = module, loss, metrics
        self.ends_in_softmax, self.is_sum = False, getattr(loss, "reduction", "mean") == "sum"
        if isinstance(loss, ClassLoss):
            body = without_softmax(module)
            if body is not None:
                self.module, self.loss, self.ends_in_softmax = body, loss.with_logits(), True

    def reset(self) -> None:
        self.total, self.seen = 0.0, 0.0
        for metric in self.metrics:
            metric.reset()

    def train(self, inputs: Array, part: tuple[Any, ...], optimizer: Optimizer) -> None:
        scores, backward = self.module.forward(inputs, train=True)
        dscores = self.count(scores, *part)
        optimizer.zero_grad()
        backward(dscores, need_dx=False)
        optimizer.step()

    def count(self, scores: Array, targets: Any, weights: Any = None) -> Array:
        count = len(scores) if weights is None else float(weights.sum())
        if weights is None:
            loss, dscores = self.loss(scores, targets)
        elif count:
            loss, dscores = self.loss(scores, targets, weights)
        else:  # a batch of which nothing counts
            loss, dscores = 0.0, np.zeros_like(scores)
        self.total += loss if self.is_sum else loss * count
        self.seen += count
        if self.metrics:
            outputs = F.softmax(scores)[0] if self.ends_in_softmax else scores
            for metric in self.metrics:
                metric.update(outputs, targets)
        return dscores

    def result(self, *, each_batch: bool = False) -> dict[str, Any]:
        """The mean loss per sample, and the metrics: after each batch only those that are quick to tell."""
        metrics = [metric for metric in self.metrics if not each_batch or getattr(metric, "each_batch", True)]
        mean = self.total / self.seen if self.seen else math.nan
        return {"loss": mean} | {metric.name: metric.result() for metric in metrics}


def _evaluate(job: _Job, x: Any, targets: tuple[Any, ...], batch_size: int, bar: Bar) -> dict[str, Any]:
    job.reset()
    done = 0
    for inputs, part in batches(x, targets, batch_size=batch_size):
        job.count(job.module(inputs), *part)
        done += len(inputs)
        bar.update(done, lambda: numbers(job.result(each_batch=True)))
    return job.result()


def _held_out(module: Module, x: Any, y: Any, sample_weight: Any = None) -> tuple[Array, tuple[Any, ...]]:
    x, y = as_input(x, module), np.asarray(y)
    _check_lengths(x, y)
    if not len(x):
        raise ShapeError("validation_data: expected at least one sample, got none")
    return x, _with_weights(y, weights_of(y, sample_weight, None))


def _with_weights(y: Any, weights: Any) -> tuple[Any, ...]:
    """Targets, and the samples' weights if they don't count alike."""
    return (y,) if weights is None else (y, weights)


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


def _kept(n: int, validation_split: float) -> int:
    if not 0 < validation_split < 1:
        raise ValueError(f"validation_split: expected a number of at least 0 and less than 1, got {validation_split!r}")
    return int(n * (1 - validation_split))


def _hears_batches(watcher: Callback) -> bool:
    """Whether it does anything after a batch: if nobody does, there are no logs to make."""
    return getattr(watcher.on_train_batch_end, "__func__", None) is not Callback.on_train_batch_end


def _progress(verbose: int | str) -> list[Callback]:
    check_verbose(verbose)
    return [ProgressBar(live=False if verbose == 2 else None)] if verbose and sys.stdout is not None else []
