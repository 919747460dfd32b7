"""A single step of training, for loops of one's own that choose their batches."""

import contextlib
import copy
import weakref
from collections.abc import Mapping, Sequence
from typing import Any

from minidl.errors import ShapeError, keyword_hints
from minidl.module import Module
from minidl.nested import length, output_names
from minidl.optim import Optimizer
from minidl.training.arguments import check_optimizer, check_trained
from minidl.training.data import pair_of, with_weights
from minidl.training.objective import Losses, Metrics, Objective, objective
from minidl.training.output_arguments import check_losses
from minidl.training.ranks import Batch
from minidl.training.samples import as_input
from minidl.training.source import weights_of_batch


@keyword_hints
def train_on_batch(
    module: Module,
    x: Any,
    y: Any = None,
    *,
    loss: Losses,
    optimizer: Optimizer,
    sample_weight: Any = None,
    class_weight: Any = None,
    loss_weights: Mapping[str, float] | Sequence[float] | None = None,
    metrics: Metrics = (),
) -> dict[str, Any]:
    """One step on the samples x (n, ...) and targets y (n, ...), and {"loss": ..., each metric's name: its value}.

    The values are those of this batch, before its step. All arguments are as in `fit`. What else `fit` does, such as
    schedules, callbacks and checks beforehand, is left to the caller. Raises ShapeError and the like before the step.
    """
    names = output_names(module)
    check_losses(loss, names, sample_weight=sample_weight, class_weight=class_weight)
    check_optimizer(optimizer)
    job = _objective(optimizer, module, loss, metrics, loss_weights)
    x, y = pair_of(x, y, module)
    if not length(x):
        raise ShapeError("expected at least one sample to train on, got none")
    check_trained(module, optimizer)
    targets = with_weights(y, weights_of_batch(y, sample_weight, class_weight, names))
    job.reset()
    job.train(Batch(length(x), as_input(x, module), targets), optimizer)
    return job.result()


_objectives: "weakref.WeakKeyDictionary[Optimizer, tuple[Any, Objective]]" = weakref.WeakKeyDictionary()
"""The last objective that each optimizer had steps for, and what it was made of."""


def _objective(optimizer: Optimizer, *made_of: Any) -> Objective:
    """The objective of these, kept: a model that ends in Softmax is trained by a network without, made once."""
    module, *others = made_of
    key = [module, *module.children(), *others]
    with contextlib.suppress(TypeError):  # an optimizer of one's own that can't be a key
        kept = _objectives.get(optimizer)
        if kept is not None and kept[0] == key:
            return kept[1]
    job = objective(*made_of)
    with contextlib.suppress(TypeError):
        _objectives[optimizer] = [copy.copy(each) if isinstance(each, list | dict) else each for each in key], job
    return job
