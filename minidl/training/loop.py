"""The training loop: fit as a plain function over any Module."""

import contextlib
import math
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from minidl import backends, shapes
from minidl.callbacks import Callback, LearningRateScheduler, ProgressBar
from minidl.callbacks.events import check_listeners
from minidl.display.progress import DELAY_SECONDS, Bar, check_verbose
from minidl.engine.frozen import Frozen
from minidl.errors import keyword_hints
from minidl.errors.warned import warn
from minidl.module import Module
from minidl.nested import input_names, output_names
from minidl.optim import Optimizer
from minidl.process.importing import imported
from minidl.training.arguments import check_optimizer, check_schedule, check_trained
from minidl.training.data import check_classes, pair_of
from minidl.training.evaluation import BATCH_SIZE, check_source, validated
from minidl.training.evaluation import evaluate as evaluate
from minidl.training.evaluation import predict as predict
from minidl.training.feed import Arrays, Draws, Feed, Stream, array_parts, to_validate
from minidl.training.history import History, keep_history
from minidl.training.logged import logged
from minidl.training.objective import Losses, Metrics, objective
from minidl.training.output_arguments import check_losses
from minidl.training.ranks import ALONE, Ranks, ending_together
from minidl.training.rehearsal import rehearse
from minidl.training.source import Source, is_source, refuse
from minidl.training.watchers import Watchers
from minidl.typing import Array

if TYPE_CHECKING:
    from minidl.augment import Augment
    from minidl.distributed.communicator import Communicator
    from minidl.schedules import Schedule


@keyword_hints
@ending_together
def fit(
    module: Module,
    x: Any,
    y: Any = None,
    *,
    loss: Losses,
    optimizer: Optimizer,
    epochs: int = 1,
    initial_epoch: int = 0,
    batch_size: int | None = None,
    steps_per_epoch: int | None = None,
    drop_last: bool = False,
    validation_data: Any = None,
    validation_split: float = 0.0,
    validation_freq: int = 1,
    validation_steps: int | None = None,
    shuffle: bool | None = None,
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
    distributed: "Communicator | None" = None,
) -> History:
    """Train on samples x (n, ...) and targets y (n, ...), or a Dataset alone, and return the History.

    A model with several inputs or outputs takes them as a tuple in the order of its `input_names` and `output_names`,
    or as a dict by name. Each output has a loss, from a dict or tuple of losses, or one for all; the total is the sum
    of `loss_weights` (1 unless given) times these, in the order of the outputs. `metrics` and `class_weight` are dicts
    by output, `sample_weight` may be one. What is logged is "loss", "<output>_loss" and "<output>_<metric>".

    x is an array, anything that NumPy can convert, or mapped from a file, which is read a batch at a time: `batch_size`
    samples, 32 by default, shuffled unless `shuffle` is False. `drop_last` leaves out a smaller last batch.
    `validation_split` holds out the last share of the samples, before shuffling. `validation_data`, (x, y), (x, y,
    sample_weight) or a Dataset, replaces it; it's evaluated after each epoch, or every `validation_freq` epochs.
    `sample_weight` (n,) and `class_weight` {class: weight} are multiplied and say how much a sample counts in the loss;
    class weights don't apply to validation. `schedule` changes the learning rate after each batch or epoch; the History
    then has the rate at each epoch's end as "lr". `seed` determines the order of the samples. `verbose`: 0 is silent, 2
    writes a line per epoch; 1 and "auto" also draw a progress bar, on a terminal or in a notebook with tqdm and
    ipywidgets. A model that ends in Softmax and is trained with CrossEntropy, or another loss of classes, is
    differentiated from its logits, and so is one that ends in Sigmoid with BinaryCrossEntropy or BinaryFocalLoss.
    Raises ValueError and the like before any work: all targets are checked, and a batch of training and one of
    validation pass through a copy of everything, which doesn't change the result. A NaN or infinite loss causes one
    warning, which names epoch and batch.

    Instead of arrays, x may be an iterable of batches (x, y) or (x, y, sample_weight), such as a loader, or a function
    without arguments that makes one. An epoch is one pass through it, or `steps_per_epoch` batches; the iterable is
    then restarted when it ends. A generator, or another iterator, can't be restarted: with several epochs it needs
    `steps_per_epoch`, and if it runs out before the last of them, there's a warning, and training ends. The same goes
    for `validation_data` and `validation_steps`, except that each validation starts with the first batch. Each batch is
    checked when it comes, and the first one before any work.

    `class_weight` may also be an array (classes,), or "balanced", which makes all classes count the same; a class
    missing from a dict has weight 1. `metrics` count each sample once, `weighted_metrics` by its weight, including that
    of its class; both are dicts by output for a model with several.

    `augment` changes training images, differently in each epoch: an augmentation of `minidl.augment`, a list of them,
    or a function (x, y) -> (x, y) of batches. What augmentations do to a sample depends on `seed`, the epoch and the
    sample's index in x. `prefetch` is how many batches a background thread may read ahead, by default 2 for lazily read
    pictures and none for arrays; it doesn't change the result.

    `initial_epoch` is how many of the `epochs` an interrupted training has done; the remaining ones have the same order
    of samples and augmentations as without the interruption. `load_training` restores everything else. A callback that
    sets `stop_training` after a batch or an epoch ends training there, after the validation. If training is
    interrupted, the model keeps what it has learned, and a `Model` has the completed epochs as `model.history`.

    With `distributed`, such as `ml.distributed.MPI()`, several processes share each batch; all of them call `fit` with
    the same arguments. The result is bit-identical for 1, 2, 4 and 8 of them. Only rank 0 runs callbacks; the others
    adopt their changes to the model, the optimizer's options and `stop_training` after each epoch, the last two also
    after each batch. Every rank returns the History. Raises ValueError on every rank if data, weights, seed, versions
    and the like differ.
    """
    ranks = ALONE if distributed is None else Ranks(distributed)
    epochs = shapes.count(epochs, "epochs", minimum=0)
    batches_behind: int = getattr(initial_epoch, "batch", 0)
    counted: Any = getattr(initial_epoch, "counted", None)
    initial_epoch = shapes.count(initial_epoch, "initial_epoch", minimum=0)
    if initial_epoch > epochs:
        raise ValueError(f"initial_epoch: expected at most the {epochs} epochs, which are counted from 0 in all")
    size = 32 if batch_size is None else shapes.count(batch_size, "batch_size")
    validation_freq = shapes.count(validation_freq, "validation_freq")
    if prefetch is not None:
        shapes.count(prefetch, "prefetch", minimum=0)
    augmentation = imported("minidl.augment").as_augmentation(augment)  # loaded here, not with minidl
    check_losses(loss, output_names(module), sample_weight=sample_weight, class_weight=class_weight)
    check_optimizer(optimizer)
    job = objective(module, loss, metrics, loss_weights, weighted_metrics)
    check_listeners(callbacks, Callback)
    check_classes(x, validation_data)
    preprocessing = getattr(x, "preprocessing", None)  # of a data set
    feed: Feed
    if is_stream := is_source(x):
        options = {"batch_size": batch_size, "drop_last": drop_last, "validation_split": validation_split}
        check_source(x, y=y, **options, shuffle=shuffle, sample_weight=sample_weight)
        source = Source(x, module, steps=steps_per_epoch, class_weight=class_weight)
        source.check_passes(epochs - initial_epoch)
    else:
        refuse({"steps_per_epoch": steps_per_epoch}, "only an iterable of batches takes it; of arrays, give a part")
        x, y = pair_of(x, y, module)
    if augmentation is not None and len(input_names(module)) > 1:
        listed = ", ".join(map(repr, input_names(module)))
        raise ValueError(f"augment: expected a model whose only input is images, got one with {listed}")
    check_trained(module, optimizer)
    times = epochs // validation_freq - initial_epoch // validation_freq
    held_size = max(size, BATCH_SIZE)
    validation = to_validate(validation_data, module, steps=validation_steps, times=times, batch_size=held_size)
    if is_stream:
        feed = Stream(source)
    else:
        part, held = array_parts(
            module,
            job,
            x,
            y,
            sample_weight=sample_weight,
            class_weight=class_weight,
            validation_split=0.0 if validation_data is not None else validation_split,
        )
        feed = Arrays(part, batch_size=size, drop_last=drop_last)
        if held is not None:
            validation = Arrays(held, batch_size=held_size)
    if ranks.are_several:
        imported("minidl.training.agreement").check_agreement(
            ranks.communicator,
            job,
            optimizer,
            {"training": feed, "validation": validation},
            epochs=(initial_epoch, epochs),
            shuffle=shuffle,
            seed=seed,
            augment=augmentation,
            schedule=schedule,
        )
    if feed.steps == 0:
        raise ValueError(
            f"drop_last: expected at least one batch of {size} samples, got {len(feed.part[1][0])} of them"
        )

    live = None if verbose in (1, "auto") else False
    with (
        Bar(1, "preparing", stream=sys.stdout, live=live, delay=DELAY_SECONDS, unit=None) as bar,
        backends.compiling(bar.compiling),
    ):
        to_check = None if validation is None else validation.part
        rehearse(job, feed.part, to_check, batch_size=feed.batch_size, drop_last=feed.drop_last, augment=augmentation)
    if preprocessing is not None and hasattr(module, "preprocessing"):
        module.preprocessing = preprocessing
    draws = Draws(ranks.seed(seed), shuffle=shuffle is None or bool(shuffle), augment=augmentation, prefetch=prefetch)
    told = logged(job.metrics, validates=validation is not None, losses=job.losses)
    check_schedule(schedule, optimizer, told, max((epochs - initial_epoch) * (feed.steps or 0) - batches_behind, 0))
    changes_rate = any(isinstance(callback, LearningRateScheduler) for callback in callbacks)
    if schedule is not None or changes_rate:
        told = told.with_rate()
    watchers = [*callbacks, *_progress(verbose)]
    for watcher in watchers:
        watcher.model, watcher.optimizer, watcher.stop_training = module, optimizer, False
        watcher.schedule, watcher.callbacks = schedule, callbacks
        watcher.params = {
            "epochs": epochs,
            "initial_epoch": initial_epoch,
            "initial_batch": batches_behind,
            "steps": feed.steps,
            "samples": feed.samples,
            "metrics": told.names,
            "validation_freq": validation_freq,
        }
        watcher.logged, watcher.objective = told, job
    history = keep_history(module, History())
    everybody = Watchers(watchers, ranks, module, optimizer)
    everybody.begin()
    feed.skip(initial_epoch, draws)
    frozen, own = Frozen(), ranks.own if ranks.are_several else None
    with contextlib.ExitStack() as ends:  # each has its end, also where another one's fails
        for watcher in reversed(everybody.all):
            ends.callback(watcher.on_train_end)
        for epoch in range(initial_epoch, epochs):
            if everybody.stop:
                break
            if feed.is_short or not feed.begin():
                _warn_of_end(feed, f"training ends with {epoch} of {epochs} epochs")
                break
            everybody.tell("on_epoch_begin", epoch)
            job.reset()
            first = batches_behind if epoch == initial_epoch else 0
            if first:
                job.load_state_dict(counted)
            batches = feed.epoch(epoch, draws, own, first)
            with contextlib.closing(batches):  # a thread that prefetches ends here, whatever happens
                for place, batch in enumerate(batches, first):
                    job.train(batch, optimizer, ranks)
                    if schedule is not None and schedule.per == "batch":
                        schedule.step()
                    if everybody.batch_ends(epoch, place, job):
                        break
            logs = job.result()
            everybody.tell("on_train_epoch_end", epoch)
            if validation is not None and (epoch + 1) % validation_freq == 0:
                if validation.begin():
                    with frozen:
                        values = validated(job, validation.batches(own), ranks)
                    logs |= {f"val_{name}": value for name, value in values.items()}
                    if not math.isfinite(values["loss"]):
                        everybody.alarm.validation(values["loss"], epoch)
                else:
                    _warn_of_end(validation, f"there is no validation from epoch {epoch + 1} on")
                    validation = None
            if schedule is not None or changes_rate:
                logs["lr"] = optimizer.lr
            if schedule is not None and schedule.per == "epoch":
                if schedule.monitor is None:
                    schedule.step()
                elif schedule.monitor in logs:  # as it isn't after an epoch without a validation
                    schedule.step(logs[schedule.monitor])
            history.append(logs)
            everybody.tell("on_epoch_end", epoch, logs)
        else:
            if feed.is_short:
                _warn_of_end(feed, "the last epoch has fewer batches than steps_per_epoch")
    everybody.settle()
    return history


def _warn_of_end(feed: Feed, what: str) -> None:
    if isinstance(feed, Stream):
        warn(f"{feed.over()}: {what}", RuntimeWarning)


def _progress(verbose: int | str) -> list[Callback]:
    check_verbose(verbose)
    return [ProgressBar(live=False if verbose == 2 else None)] if verbose and sys.stdout is not None else []
