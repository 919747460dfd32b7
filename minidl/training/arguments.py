"""What fit and evaluate are given, checked before any work, with hints at what other frameworks call it."""

import inspect
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from minidl import shapes
from minidl.arraylike import array_of, check_numbers
from minidl.errors import ShapeError, did_you_mean
from minidl.errors.warned import warn
from minidl.losses import Huber, Loss, MeanAbsoluteError, MeanSquaredError
from minidl.losses.class_weight import checked_weights, weights_for
from minidl.metrics import Metric
from minidl.module import Module
from minidl.optim import Optimizer
from minidl.training.logged import Logged

LOSSES = {
    "bce": "BinaryCrossEntropy",
    "bcewithlogits": "BinaryCrossEntropy",
    "binarycrossentropy": "BinaryCrossEntropy",
    "binaryfocal": "BinaryFocalLoss",
    "binaryfocalcrossentropy": "BinaryFocalLoss",
    "categoricalcrossentropy": "CrossEntropy",
    "categoricalfocalcrossentropy": "FocalLoss",
    "crossentropy": "CrossEntropy",
    "dice": "DiceLoss",
    "focal": "FocalLoss",
    "huber": "Huber",
    "kld": "KLDivergence",
    "kldiv": "KLDivergence",
    "kldivergence": "KLDivergence",
    "l1": "MeanAbsoluteError",
    "l2": "MeanSquaredError",
    "mae": "MeanAbsoluteError",
    "meanabsoluteerror": "MeanAbsoluteError",
    "meansquarederror": "MeanSquaredError",
    "mse": "MeanSquaredError",
    "nll": "CrossEntropy",
    "smoothl1": "Huber",
    "sparsecategoricalcrossentropy": "CrossEntropy",
}
OPTIMIZERS = {name.lower(): name for name in ("SGD", "Adam", "AdamW", "RMSProp", "Adagrad", "Lion")}
METRICS = {
    "acc": "Accuracy",
    "accuracy": "Accuracy",
    "auc": "ROCAUC",
    "aucpr": "AveragePrecision",
    "aucroc": "ROCAUC",
    "auprc": "AveragePrecision",
    "averageprecision": "AveragePrecision",
    "binaryaccuracy": "BinaryAccuracy",
    "categoricalaccuracy": "Accuracy",
    "confusionmatrix": "ConfusionMatrix",
    "dice": "Dice",
    "f1": "F1",
    "f1score": "F1",
    "mae": "metrics.MeanAbsoluteError",
    "iou": "MeanIoU",
    "jaccard": "MeanIoU",
    "meaniou": "MeanIoU",
    "meanabsoluteerror": "metrics.MeanAbsoluteError",
    "meansquarederror": "metrics.MeanSquaredError",
    "mse": "metrics.MeanSquaredError",
    "prauc": "AveragePrecision",
    "precision": "Precision",
    "r2": "R2Score",
    "r2score": "R2Score",
    "rmse": "RootMeanSquaredError",
    "rootmeansquarederror": "RootMeanSquaredError",
    "recall": "Recall",
    "rocauc": "ROCAUC",
    "sparsecategoricalaccuracy": "Accuracy",
    "topkaccuracy": "TopKAccuracy",
    "topkcategoricalaccuracy": "TopKAccuracy",
}
"""Ours by what others call them, in small letters without "_" and "loss"; the keys of `LOSSES` and `OPTIMIZERS` too."""


def check_loss(loss: Any, *, weighted: bool) -> None:
    """Raise TypeError unless it can be called, with weights if there are any, and ValueError unless it's one number."""
    _check_made(loss, "loss", "CrossEntropy()", LOSSES, "()")
    if isinstance(loss, Metric):
        raise TypeError(f"loss: expected a loss, got the metric {loss!r}{_namesake(loss, LOSSES)}")
    if not callable(loss):
        raise TypeError(f"loss: expected one, such as CrossEntropy(), got {loss!r}")
    if getattr(loss, "reduction", "mean") == "none":
        raise ValueError('loss: expected a single number to train on: use reduction="mean" or "sum"')
    if weighted and not _takes_three(loss):
        raise TypeError(
            "sample_weight, class_weight: this loss takes only (scores, targets); "
            "define it as (scores, targets, sample_weight)"
        )


def check_optimizer(optimizer: Any) -> None:
    """Raise TypeError for the name of one, or its class."""
    _check_made(optimizer, "optimizer", "Adam(model.parameters())", OPTIMIZERS, "(model.parameters(), lr=...)")
    if not hasattr(optimizer, "parameters") or not hasattr(optimizer, "step"):
        raise TypeError(f"optimizer: expected one, such as Adam(model.parameters()), got {optimizer!r}")


def check_metrics(metrics: Sequence[Any], weighted: Sequence[Any] = ()) -> None:
    """Raise TypeError for names and classes in the place of metrics, and ValueError for two of one name.

    Those of `weighted` must take weights.
    """
    for argument, each in (("metrics", metrics), ("weighted_metrics", weighted)):
        _check_each(argument, each)
    for metric in weighted:
        if not _takes_three(metric.update):
            name = type(metric).__name__
            raise TypeError(
                f"weighted_metrics: {name}.update takes only (scores, labels); "
                "define it as (scores, labels, sample_weight=None)"
            )
    _check_names([*metrics, *weighted])


def _check_each(argument: str, metrics: Any) -> None:
    if isinstance(metrics, str) or not isinstance(metrics, Sequence):
        metrics = [metrics]
        if hasattr(metrics[0], "update"):
            raise TypeError(f"{argument}: expected a list, got {metrics[0]!r}: [{type(metrics[0]).__name__}()]")
    for metric in metrics:
        _check_made(metric, argument, "Accuracy()", METRICS, "()")
        if isinstance(metric, Loss):
            hint = _namesake(metric, METRICS) or '; the loss itself is logged as "loss"'
            raise TypeError(f"{argument}: expected a metric, got the loss {metric!r}{hint}")
        if not isinstance(getattr(metric, "name", None), str) or not hasattr(metric, "update"):
            raise TypeError(f"{argument}: expected objects with a name, such as Accuracy(), got {metric!r}")


def _takes_three(function: Any) -> bool:
    """Whether it can be called with scores, targets and weights."""
    try:
        inspect.signature(function).bind(None, None, None)
    except TypeError:
        return False
    return True


def _check_names(metrics: Sequence[Any]) -> None:
    """Raise ValueError unless each metric's result has a place of its own in a History."""
    taken = {"loss", "lr", "epoch"}
    for metric in metrics:
        name, kind = metric.name, type(metric).__name__
        if name in taken or name.startswith("val_"):
            twice = "more than one metric is" if name in taken - {"loss", "lr", "epoch"} else "no metric may be"
            raise ValueError(f"metrics: {twice} called {name!r}; give {kind} another name, as in {kind}(name=...)")
        taken.add(name)


def check_schedule(schedule: Any, optimizer: Any, logged: Logged, steps: int) -> None:
    """Raise unless it is a schedule of this optimizer, whose value is logged, and that lasts for `steps` batches.

    It learns which way the logged values are better.
    """
    if schedule is None:
        return
    from minidl.schedules import Schedule  # loaded where there is one, not with minidl

    if not isinstance(schedule, Schedule):
        hint = "; call it with the optimizer" if isinstance(schedule, type) else ""
        raise TypeError(f"schedule: expected one of minidl.schedules, got {schedule!r}{hint}")
    if schedule.optimizer is not optimizer:
        raise ValueError("schedule: expected one made with this optimizer")
    if schedule.monitor is not None:
        logged.check_watched("schedule", schedule.monitor)
        schedule.watch(logged.better)
    total = getattr(schedule, "total_steps", math.inf)
    if schedule.per == "batch" and schedule.steps + steps > total:
        raise ValueError(f"schedule: it has {total - schedule.steps} steps left, and this training {steps} batches")


def weights_of(y: Any, sample_weight: Any, class_weight: Any, *, of_batch: bool = False) -> Any:
    """The weight of each sample (n,), the product of its own and that of its class; None where all count alike.

    Raises ShapeError and ValueError for what doesn't fit, and where nothing counts, unless it's `of_batch` alone.
    """
    weights = None
    if sample_weight is not None:
        weights = array_of(sample_weight, "sample_weight")
        check_numbers(weights, "sample_weight")
        weights = weights.astype(np.float64)
        if weights.shape != (len(y),):
            raise ShapeError(f"sample_weight: expected {shapes.show((len(y),))}, got {shapes.show(weights.shape)}")
        if len(y) and not (weights.min() >= 0 and (of_batch or weights.any()) and weights.sum() < math.inf):
            raise ValueError("sample_weight: expected finite numbers of at least 0, not all 0")
    if class_weight is not None:
        own = _weights_by_class(y, class_weight)
        weights = own if weights is None else weights * own
        if len(y) and not (of_batch or weights.any()):
            raise ValueError("class_weight: every sample would have weight 0")
    return weights


def _weights_by_class(y: Any, class_weight: Any) -> Any:
    """The weight of each sample's class: of a dict or an array, or "balanced", where each class counts the same."""
    is_balanced = isinstance(class_weight, str) and class_weight == "balanced"
    if isinstance(class_weight, str) and not is_balanced:
        raise ValueError(f'class_weight: expected "balanced", {{class: weight}} or an array, got {class_weight!r}')
    given = None if is_balanced else checked_weights(class_weight)
    labels = class_labels(y)
    if labels is None or (len(labels) and labels.min() < 0):
        hint = ""
        if y.ndim > 2:
            hint = "; of pixels, the loss weights the classes: CrossEntropy(class_weight=...)"
        elif y.ndim == 2 and y.shape[1] > 1:
            hint = "; for several labels per sample, the loss weights each yes: BinaryCrossEntropy(pos_weight=...)"
        raise ValueError(f"class_weight: expected targets of classes, as indices (n,) or one-hot rows{hint}")
    classes = y.shape[1] if y.ndim == 2 and y.shape[1] > 1 else int(labels.max(initial=0)) + 1
    if given is None:
        counts = np.bincount(labels, minlength=classes)
        return (len(labels) / (np.count_nonzero(counts) * np.maximum(counts, 1)))[labels]
    if isinstance(given, dict):
        classes = max([classes, *(index + 1 for index in given)])  # one that isn't among the targets does no harm
    elif len(given) < classes:
        raise ShapeError(f"class_weight: expected a number for each of {classes} classes, got {len(given)}")
    else:
        classes = len(given)
    return weights_for(given, classes)[labels]


def class_labels(y: Any) -> Any:
    """The class of each sample (n,), of whole numbers (n,) or (n, 1) or of one-hot rows; None for other targets."""
    if y.dtype.kind not in "biuf" or y.ndim not in (1, 2):
        return None
    if y.ndim == 2 and y.shape[1] > 1:
        is_one_hot = all(((rows == 0) | (rows == 1)).all() and (rows.sum(axis=1) == 1).all() for rows in (y[:9], y))
        return y.argmax(axis=1) if is_one_hot else None
    labels = y.reshape(-1)
    with np.errstate(invalid="ignore"):
        return labels.astype(np.intp) if (labels == np.floor(labels)).all() else None


def warn_of_sorted_classes(loss: Any, trained: Any, held_out: Any) -> None:
    """Warn where one part has classes that the other hasn't, which is no accident: data that lie by class.

    A class that is absent from the held-out part alone counts only if chance hardly explains it.
    """
    if isinstance(loss, MeanSquaredError | MeanAbsoluteError | Huber):
        return
    parts = [class_labels(part) for part in (trained, held_out)]
    if not all(part is not None and len(part) for part in parts):
        return
    (own, counts), (others, _) = (np.unique(part, return_counts=True) for part in parts)
    unknown, absent = np.setdiff1d(others, own), np.setdiff1d(own, others)
    share = len(held_out) / (len(held_out) + len(trained))
    if len(unknown):
        what = f"the last {share:.0%} of the samples have classes that the rest hasn't, {_listed(unknown)}"
    elif len(absent) and ((1 - share) ** counts).sum() < 1:
        what = f"the last {share:.0%} of the samples lack classes that the rest has, {_listed(absent)}"
    else:
        return
    warn(
        f"validation_split: {what}: the samples seem to be sorted by "
        "class; shuffle them first, or use train_test_split(x, y, stratify=y) and validation_data"
    )


def _listed(classes: Any) -> str:
    return ", ".join(map(str, classes[:5])) + (", ..." if len(classes) > 5 else "")


def _namesake(thing: Any, names: Mapping[str, str]) -> str:
    """A hint at what has the same name on the other side, if there is such a thing."""
    ours = names.get(type(thing).__name__.lower())
    return f"; did you mean ml.{ours}()?" if ours else ""


def _check_made(thing: Any, argument: str, example: str, names: Mapping[str, str], call: str) -> None:
    if isinstance(thing, str):
        word = thing.lower().replace("_", "").replace(" ", "").removesuffix("loss")
        ours = names.get(word)
        hint = f"did you mean ml.{ours}{call}?" if ours else did_you_mean(thing, sorted(set(names.values())))
        raise TypeError(f"{argument}: expected an object, such as {example}, got {thing!r}; {hint}")
    if isinstance(thing, type):
        raise TypeError(f"{argument}: expected an object, such as {example}, got the class: {thing.__name__}{call}")


def check_trained(module: Module, optimizer: Optimizer) -> None:
    """Raise ValueError unless the optimizer changes something in the module."""
    own = {id(parameter) for parameter in module.parameters()}
    found = [parameter for parameter in optimizer.parameters if id(parameter) in own]
    if not found:
        raise ValueError("optimizer: it has none of this model's parameters; make it from model.parameters()")
    if not any(parameter.trainable for parameter in found):
        raise ValueError(
            "model: all that the optimizer has of it is frozen; set trainable = True for the layers to train"
        )
