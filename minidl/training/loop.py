"""The training loop: fit, evaluate and predict as plain functions over any Module."""

import contextlib
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from minidl import shapes
from minidl.callbacks import Callback, ProgressBar
from minidl.callbacks.events import check_listeners
from minidl.callbacks.terminate_on_nan import NaNAlarm
from minidl.data import batches
from minidl.display.progress import Bar, check_verbose, numbers, working
from minidl.errors import ShapeError, keyword_hints
from minidl.functional.origin import is_from_sigmoid, mark_sigmoid
from minidl.losses.joined import gives_probabilities, joined
from minidl.metrics import Metric
from minidl.module import Module
from minidl.numeric import entropy_of
from minidl.optim import Optimizer
from minidl.process.importing import imported
from minidl.training.arguments import (
    check_loss,
    check_metrics,
    check_optimizer,
    check_schedule,
    check_trained,
    warn_of_sorted_classes,
    weights_of,
)
from minidl.training.data import check_classes, held_out, kept, pair_of, part_of, samples_of, with_weights
from minidl.training.history import History
from minidl.training.logged import logged
from minidl.training.rehearsal import check_targets, rehearse
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
    y: Any = None,
    *,
    loss: Criterion,
    optimizer: Optimizer,
    epochs: int = 1,
    initial_epoch: int = 0,
    batch_size: int = 32,
    drop_last: bool = False,
    validation_data: Any = None,
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
    """Train on samples x (n, ...) and targets y (n, ...), or a Dataset alone, and return the History.

    x is an array, what NumPy makes one of, or mapped from a file, which is read a batch at a time. `drop_last` leaves
    out an epoch's last batch where it's smaller. `validation_split` sets the last share of the samples aside, before
    shuffling; `validation_data` (x, y), or (x, y, sample_weight), or a Dataset, takes its place. `sample_weight` (n,)
    and `class_weight` {class: weight}, which multiply, say how much a sample counts in the loss; the validation knows
    no weights of classes. `schedule` changes the learning rate after each batch or epoch, which the History has as "lr"
    then, as each epoch ended. The order of the samples is a function of `seed`. `verbose`: 0 is silent, 2 writes a line
    for each epoch; 1 and "auto" draw a bar, too, as an epoch goes by, on a terminal or in a notebook with tqdm and
    ipywidgets. A model that ends in Softmax and is trained with CrossEntropy, or another loss of classes, is
    differentiated as one, from the logits, and so is one that ends in Sigmoid with BinaryCrossEntropy or
    BinaryFocalLoss. Raises ValueError and its kin before any work: all targets are checked, and a batch of training and
    one of validation pass through a copy of everything, which changes no result. A loss
    that is NaN or infinite draws a warning, once, which names epoch and batch.

    `augment` changes training images, differently in each epoch: an augmentation of `minidl.augment`, a list of them,
    or a function (x, y) -> (x, y) of batches. What augmentations do to a sample is a function of `seed`, the epoch and
    the sample's place in x. `prefetch` is how many batches a background thread may have ready; it changes no result.

    `initial_epoch` is how many of the `epochs` lie behind, in a training that was interrupted: those to come have the
    order of samples and the augmentations that they would have had. `load_training` loads the rest.
    """
    epochs = shapes.count(epochs, "epochs", minimum=0)
    initial_epoch = shapes.count(initial_epoch, "initial_epoch", minimum=0)
    if initial_epoch > epochs:
        raise ValueError(f"initial_epoch: expected at most the {epochs} epochs, which are counted from 0 in all")
    batch_size = shapes.count(batch_size, "batch_size")
    shapes.count(prefetch, "prefetch", minimum=0)
    augmentation = imported("minidl.augment").as_augmentation(augment)  # loaded here, not with minidl
    weighted = sample_weight is not None or class_weight is not None
    check_loss(loss, weighted=weighted)
    check_optimizer(optimizer)
    check_metrics(metrics)
    check_listeners(callbacks, Callback)
    check_classes(x, validation_data)
    x, y = pair_of(x, y, module)
    check_trained(module, optimizer)
    weights = weights_of(y, sample_weight, None)
    validation: tuple[Any, tuple[Any, ...]] | None = None
    if validation_data is not None:
        validation = held_out(validation_data, module)
    elif validation_split:
        n, first = len(x), kept(len(x), validation_split)
        warn_of_sorted_classes(loss, y[:first], y[first:])
        validation = part_of(x, first, n), with_weights(y[first:], None if weights is None else weights[first:])
        x, y, weights = part_of(x, 0, first), y[:first], None if weights is None else weights[:first]
    targets = with_weights(y, weights_of(y, weights, class_weight))
    if not len(x):
        raise ShapeError("expected at least one sample to train on, got none")
    steps = len(x) // batch_size if drop_last else -(-len(x) // batch_size)
    if not steps:
        raise ValueError(f"drop_last: expected at least one batch of {batch_size} samples, got {len(x)} of them")

    job = _Job(module, loss, metrics)
    rehearse(job, (x, targets), validation, batch_size=batch_size, drop_last=drop_last, augment=augmentation)
    random = imported("numpy.random")
    entropy = entropy_of(seed)
    rng = random.default_rng(entropy)
    augment_seed = int(entropy.spawn(1)[0].generate_state(1, np.uint64)[0])
    told = logged(metrics, validates=validation is not None)
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
            "samples": steps * batch_size if drop_last else len(x),
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
                drop_last=drop_last,
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
            if validation is not None:
                values = _evaluate(job, *validation, max(batch_size, 256), Bar(0, "", live=False))
                logs |= {f"val_{name}": value for name, value in values.items()}
                if not math.isfinite(values["loss"]):
                    alarm.validation(values["loss"], epoch)
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
    y: Any = None,
    *,
    loss: Criterion,
    metrics: Sequence[Metric] = (),
    sample_weight: Any = None,
    batch_size: int = 256,
    verbose: int | str = "auto",
) -> dict[str, Any]:
    """{"loss": mean loss, and each metric's name: its value} over samples x (n, ...) and targets y (n, ...).

    A Dataset stands for both; x may be mapped from a file, which is read a batch at a time. `sample_weight` (n,) says
    how much a sample counts in the loss; metrics count each once. `verbose`: "auto" draws a bar on stderr, where that
    is a terminal or a notebook with tqdm and ipywidgets, while it takes more than half a second; 1 also writes a line
    with the results to stdout; 2 writes the line alone; 0 is silent. Raises ShapeError and its kin before any work.
    """
    check_verbose(verbose)
    check_loss(loss, weighted=sample_weight is not None)
    check_metrics(metrics)
    x, y = pair_of(x, y, module)
    if not len(x):
        raise ShapeError("expected at least one sample to evaluate, got none")
    targets = with_weights(y, weights_of(y, sample_weight, None))
    module.ensure_built(x)
    x = samples_of(x, module)  # whose dtype is known by now
    with working("evaluate", len(x), verbose) as bar:
        results = _evaluate(_Job(module, loss, metrics), x, targets, batch_size, bar, checked=False)
        bar.result = numbers(results)
    return results


@keyword_hints
def predict(module: Module, x: Any, *, batch_size: int = 256, verbose: int | str = "auto") -> Array:
    """What the last layer gives for samples x (n, ...), computed `batch_size` of them at a time.

    A Dataset stands for its images; x may be mapped from a file, of which no more than a batch is read at a time.
    `verbose` is as in `evaluate`.
    """
    batch_size = shapes.count(batch_size, "batch_size")
    check_verbose(verbose)
    x = samples_of(x, module)
    if len(x) <= batch_size and verbose in ("auto", 0):
        y: Array = module(x[:])
        return y
    parts = []
    with working("predict", len(x), verbose) as bar:
        for start in range(0, len(x), batch_size) or (0,):
            parts.append(module(x[start : start + batch_size]))
            bar.update(min(start + batch_size, len(x)))
    whole = np.concatenate(parts) if len(parts) > 1 else parts[0]
    return mark_sigmoid(whole) if is_from_sigmoid(parts[0]) else whole


class _Job:
    """A model with its loss and metrics, and the sums over the batches so far."""

    def __init__(self, module: Module, loss: Criterion, metrics: Sequence[Metric]) -> None:
        self.metrics, self.is_sum = metrics, getattr(loss, "reduction", "mean") == "sum"
        self.of_probabilities = gives_probabilities(module)
        self.loss: Criterion
        self.module, self.loss, self.finish = joined(module, loss)

    def reset(self) -> None:
        self.total, self.seen = 0.0, 0.0
        for metric in self.metrics:
            metric.reset()
            if isinstance(metric, Metric):
                metric.of_probabilities = self.of_probabilities

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
            outputs = scores if self.finish is None else self.finish(scores)
            for metric in self.metrics:
                metric.update(outputs, targets)
        return dscores

    def result(self, *, each_batch: bool = False) -> dict[str, Any]:
        """The mean loss per sample, and the metrics: after each batch only those that are quick to tell."""
        metrics = [metric for metric in self.metrics if not each_batch or getattr(metric, "each_batch", True)]
        mean = self.total / self.seen if self.seen else math.nan
        return {"loss": mean} | {metric.name: metric.result() for metric in metrics}


def _evaluate(
    job: _Job, x: Any, targets: tuple[Any, ...], batch_size: int, bar: Bar, *, checked: bool = True
) -> dict[str, Any]:
    job.reset()
    done = 0
    for inputs, part in batches(x, targets, batch_size=batch_size):
        scores = job.module(inputs)
        if not (checked or done):  # the first scores tell what all targets must be
            check_targets([job.loss, *job.metrics], scores.shape, targets[0])
        job.count(scores, *part)
        done += len(inputs)
        bar.update(done, lambda: numbers(job.result(each_batch=True)))
    return job.result()


def _hears_batches(watcher: Callback) -> bool:
    """Whether it does anything after a batch: if nobody does, there are no logs to make."""
    return getattr(watcher.on_train_batch_end, "__func__", None) is not Callback.on_train_batch_end


def _progress(verbose: int | str) -> list[Callback]:
    check_verbose(verbose)
    return [ProgressBar(live=False if verbose == 2 else None)] if verbose and sys.stdout is not None else []
