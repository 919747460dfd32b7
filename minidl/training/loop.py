"""The training loop: fit, evaluate and predict as plain functions over any Module."""

import contextlib
import math
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from minidl import backends, shapes
from minidl.callbacks import Callback, ProgressBar
from minidl.callbacks.events import check_listeners
from minidl.callbacks.terminate_on_nan import NaNAlarm
from minidl.data import batches
from minidl.display.progress import DELAY_SECONDS, Bar, check_verbose, numbers, working
from minidl.engine.frozen import Frozen
from minidl.errors import ShapeError, keyword_hints
from minidl.functional.origin import is_from_sigmoid, mark_sigmoid
from minidl.module import Module
from minidl.nested import input_names, length, map_arrays, output_names
from minidl.numeric import entropy_of
from minidl.optim import Optimizer
from minidl.process.importing import imported
from minidl.training.arguments import check_optimizer, check_schedule, check_trained, warn_of_sorted_classes
from minidl.training.data import check_classes, held_out, kept, pair_of, part_of, with_weights
from minidl.training.history import History
from minidl.training.logged import logged
from minidl.training.objective import Losses, Metrics, Objective, objective
from minidl.training.output_arguments import check_losses, weights_by_output
from minidl.training.rehearsal import check_outputs, rehearse
from minidl.training.samples import samples_of
from minidl.typing import Array

if TYPE_CHECKING:
    from minidl.augment import Augment
    from minidl.schedules import Schedule


@keyword_hints
def fit(
    module: Module,
    x: Any,
    y: Any = None,
    *,
    loss: Losses,
    optimizer: Optimizer,
    epochs: int = 1,
    initial_epoch: int = 0,
    batch_size: int = 32,
    drop_last: bool = False,
    validation_data: Any = None,
    validation_split: float = 0.0,
    shuffle: bool = True,
    sample_weight: Any = None,
    class_weight: Mapping[Any, Any] | Sequence[float] | Array | str | None = None,
    loss_weights: Mapping[str, float] | Sequence[float] | None = None,
    schedule: "Schedule | None" = None,
    metrics: Metrics = (),
    weighted_metrics: Metrics = (),
    callbacks: Sequence[Callback] = (),
    augment: "Augment | None" = None,
    prefetch: int | None = None,
    seed: int | None = None,
    verbose: int | str = "auto",
) -> History:
    """Train on samples x (n, ...) and targets y (n, ...), or a Dataset alone, and return the History.

    A model with several inputs or outputs takes them as a tuple in the order of its `input_names` and `output_names`,
    or as a dict by name. Each output has a loss, from a dict or tuple of losses, or one for all; the total is the sum
    of `loss_weights` (1 unless given) times these, in the order of the outputs. `metrics` and `class_weight` are dicts
    by output, `sample_weight` may be one. What is logged is "loss", "<output>_loss" and "<output>_<metric>".

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

    `class_weight` may also be an array (classes,), or "balanced", by which all classes count the same; a class that a
    dict doesn't name counts 1. `metrics` count each sample once, `weighted_metrics` by its weight, that of its class
    included; both are dicts by output for a model with several.

    `augment` changes training images, differently in each epoch: an augmentation of `minidl.augment`, a list of them,
    or a function (x, y) -> (x, y) of batches. What augmentations do to a sample is a function of `seed`, the epoch and
    the sample's place in x. `prefetch` is how many batches a background thread may have ready, by default 2 of pictures
    that are read lazily and none of arrays; it changes no result.

    `initial_epoch` is how many of the `epochs` lie behind, in a training that was interrupted: those to come have the
    order of samples and the augmentations that they would have had. `load_training` loads the rest.
    """
    epochs = shapes.count(epochs, "epochs", minimum=0)
    initial_epoch = shapes.count(initial_epoch, "initial_epoch", minimum=0)
    if initial_epoch > epochs:
        raise ValueError(f"initial_epoch: expected at most the {epochs} epochs, which are counted from 0 in all")
    batch_size = shapes.count(batch_size, "batch_size")
    if prefetch is not None:
        shapes.count(prefetch, "prefetch", minimum=0)
    augmentation = imported("minidl.augment").as_augmentation(augment)  # loaded here, not with minidl
    names = output_names(module)
    check_losses(loss, names, sample_weight=sample_weight, class_weight=class_weight)
    check_optimizer(optimizer)
    job = objective(module, loss, metrics, loss_weights, weighted_metrics)
    check_listeners(callbacks, Callback)
    check_classes(x, validation_data)
    x, y = pair_of(x, y, module)
    if augmentation is not None and isinstance(x, tuple):
        listed = ", ".join(map(repr, input_names(module)))
        raise ValueError(f"augment: expected a model whose only input is images, got one with {listed}")
    check_trained(module, optimizer)
    weights = weights_by_output(y, sample_weight, None, names)
    validation: tuple[Any, tuple[Any, ...]] | None = None
    if validation_data is not None:
        validation = held_out(validation_data, module)
    elif validation_split:
        n, first = length(x), kept(length(x), validation_split)
        x, others = part_of(x, 0, first), part_of(x, first, n)
        y, held = part_of(y, 0, first), part_of(y, first, n)
        for each, own, other in zip(job.outputs, job.by_output(y), job.by_output(held), strict=True):
            warn_of_sorted_classes(each.loss, own, other)
        weights, held_weights = part_of(weights, 0, first), part_of(weights, first, n)
        validation = others, with_weights(held, held_weights)
    if len(names) > 1 and weights is not None:
        weights = {name: each for name, each in zip(names, weights, strict=True) if each is not None}
    targets = with_weights(y, weights_by_output(y, weights, class_weight, names))
    n = length(x)
    if not n:
        raise ShapeError("expected at least one sample to train on, got none")
    steps = n // batch_size if drop_last else -(-n // batch_size)
    if not steps:
        raise ValueError(f"drop_last: expected at least one batch of {batch_size} samples, got {n} of them")

    live = None if verbose in (1, "auto") else False
    with (
        Bar(1, "preparing", stream=sys.stdout, live=live, delay=DELAY_SECONDS, unit=None) as bar,
        backends.compiling(bar.compiling),
    ):
        rehearse(job, (x, targets), validation, batch_size=batch_size, drop_last=drop_last, augment=augmentation)
    random = imported("numpy.random")
    entropy = entropy_of(seed)
    rng = random.default_rng(entropy)
    augment_seed = int(entropy.spawn(1)[0].generate_state(1, np.uint64)[0])
    told = logged(job.metrics, validates=validation is not None, losses=job.losses)
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
            "samples": steps * batch_size if drop_last else n,
            "metrics": told.names,
        }
        watcher.logged = told
    history = History()
    for watcher in watchers:
        watcher.on_train_begin()
    listeners = [watcher for watcher in watchers if _hears_batches(watcher)]
    if shuffle:
        for _ in range(initial_epoch):
            rng.permutation(n)
    alarm, frozen = NaNAlarm(watchers), Frozen()
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
                with frozen:
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
    loss: Losses,
    loss_weights: Mapping[str, float] | Sequence[float] | None = None,
    metrics: Metrics = (),
    weighted_metrics: Metrics = (),
    sample_weight: Any = None,
    batch_size: int = 256,
    verbose: int | str = "auto",
) -> dict[str, Any]:
    """{"loss": mean loss, and each metric's name: its value} over samples x (n, ...) and targets y (n, ...).

    A Dataset stands for both; x may be mapped from a file, which is read a batch at a time. `sample_weight` (n,) says
    how much a sample counts in the loss and in `weighted_metrics`. A model with several inputs or outputs takes and
    gives them as in `fit`. `verbose`: "auto" draws a bar on stderr, where that is a terminal or a notebook with tqdm
    and ipywidgets, while it takes more than half a second; 1 also writes a line with the results to stdout; 2 writes
    the line alone; 0 is silent. Raises ShapeError and its kin before any work.
    """
    check_verbose(verbose)
    names = output_names(module)
    check_losses(loss, names, sample_weight=sample_weight)
    job = objective(module, loss, metrics, loss_weights, weighted_metrics)
    x, y = pair_of(x, y, module)
    if not length(x):
        raise ShapeError("expected at least one sample to evaluate, got none")
    targets = with_weights(y, weights_by_output(y, sample_weight, None, names))
    module.ensure_built(x)
    x = samples_of(x, module)  # whose dtype is known by now
    with working("evaluate", length(x), verbose) as bar:
        with Frozen() if length(x) > batch_size else contextlib.nullcontext():
            results = _evaluate(job, x, targets, batch_size, bar, checked=False)
        bar.result = numbers(results)
    return results


@keyword_hints
def predict(module: Module, x: Any, *, batch_size: int = 256, verbose: int | str = "auto") -> Any:
    """What the last layer gives for samples x (n, ...), computed `batch_size` of them at a time.

    It's an array, or for a model with several outputs a tuple of arrays in their order; of a Graph whose outputs are a
    dict, a dict. Several inputs are a tuple or a dict, as in `fit`. A Dataset stands for its images; x may be mapped
    from a file, of which no more than a batch is read at a time. `verbose` is as in `evaluate`.
    """
    batch_size = shapes.count(batch_size, "batch_size")
    check_verbose(verbose)
    x = samples_of(x, module)
    n = length(x)
    if n <= batch_size and verbose in ("auto", 0):
        return module(_read(x, 0, n))
    parts: list[Any] = []
    with working("predict", n, verbose) as bar, Frozen():
        for start in range(0, n, batch_size) or (0,):
            parts.append(module(_read(x, start, start + batch_size)))
            bar.update(min(start + batch_size, n))
    if isinstance(parts[0], tuple):
        return tuple(_joined(own) for own in zip(*parts, strict=True))
    if isinstance(parts[0], dict):
        return {name: _joined([part[name] for part in parts]) for name in parts[0]}
    return _joined(parts)


def _read(x: Any, start: int, stop: int) -> Any:
    """Samples `start` to `stop`, in memory."""
    return map_arrays(lambda array: array[start:stop], x)


def _joined(parts: Sequence[Array]) -> Array:
    """The batches of an output as one array."""
    whole = np.concatenate(parts) if len(parts) > 1 else parts[0]
    return mark_sigmoid(whole) if is_from_sigmoid(parts[0]) else whole


def _evaluate(
    job: Objective, x: Any, targets: tuple[Any, ...], batch_size: int, bar: Bar, *, checked: bool = True
) -> dict[str, Any]:
    job.reset()
    done = 0
    with contextlib.closing(batches(x, targets, batch_size=batch_size)) as parts:
        for inputs, part in parts:
            scores = job.module(inputs)
            if not (checked or done):  # the first scores tell what all targets must be
                check_outputs(job, scores, targets[0])
            job.count(scores, *part)
            done += length(inputs)
            bar.update(done, lambda: numbers(job.result(each_batch=True)))
    return job.result()


def _hears_batches(watcher: Callback) -> bool:
    """Whether it does anything after a batch: if nobody does, there are no logs to make."""
    return getattr(watcher.on_train_batch_end, "__func__", None) is not Callback.on_train_batch_end


def _progress(verbose: int | str) -> list[Callback]:
    check_verbose(verbose)
    return [ProgressBar(live=False if verbose == 2 else None)] if verbose and sys.stdout is not None else []
