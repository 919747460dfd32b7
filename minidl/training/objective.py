"""What a model is trained for: a loss and metrics for each output, and their sums over the batches so far."""

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from minidl import shapes
from minidl.data.labels import column_hint
from minidl.errors import ShapeError
from minidl.losses.joined import gives_probabilities, joined
from minidl.metrics import Metric
from minidl.module import Module
from minidl.nested import output_names
from minidl.training.arguments import check_metrics
from minidl.training.output_arguments import by_output, check_logs, loss_weights_of, metrics_by_output
from minidl.training.ranks import ALONE, Batch, Ranks
from minidl.typing import Array

Criterion: TypeAlias = Callable[..., tuple[float, Array]]
"""A loss: criterion(scores, targets) -> (mean loss, its gradient by the scores); with weights, they come third."""

Losses: TypeAlias = Criterion | Mapping[str, Criterion] | Sequence[Criterion]
"""A loss for each output, by name or in their order; or one, of the only output or of all alike."""

Metrics: TypeAlias = Sequence[Metric] | Mapping[str, Metric | Sequence[Metric]]
"""Metrics, or those of each output by its name."""


class Output:
    """One output: its loss, the loss's weight in the total, its metrics, and their sums over the batches so far.

    `name` is "" for the only output of a model, whose values are logged without a prefix. `weighted` are the metrics
    that are given the samples' weights, too. `finish` makes of its scores what the metrics are given, and
    `of_probabilities` says whether that is probabilities.
    """

    def __init__(
        self,
        name: str,
        loss: Criterion,
        metrics: Sequence[Metric],
        weighted: Sequence[Metric] = (),
        *,
        weight: float = 1.0,
        finish: Callable[[Array], Array] | None = None,
        of_probabilities: bool = False,
    ) -> None:
        self.name, self.loss, self.weight = name, loss, weight
        self.metrics, self.unweighted = [*metrics, *weighted], len(metrics)
        self.finish, self.of_probabilities = finish, of_probabilities
        self.is_sum = getattr(loss, "reduction", "mean") == "sum"
        self.prefix = f"{name}_" if name else ""

    def reset(self) -> None:
        """Forget every batch."""
        self.total, self.seen = 0.0, 0.0
        for metric in self.metrics:
            metric.reset()
            if isinstance(metric, Metric):
                metric.of_probabilities = self.of_probabilities

    def count(self, scores: Array, targets: Any, weights: Any = None) -> Array:
        """Count a batch; returns the gradient of its own loss by the scores."""
        count = len(scores) if weights is None else float(weights.sum())
        if weights is None:
            loss, dscores = self.loss(scores, targets)
        elif count:
            loss, dscores = self.loss(scores, targets, weights)
        else:  # a batch of which nothing counts
            loss, dscores = 0.0, np.zeros_like(scores)
        if getattr(dscores, "shape", scores.shape) != scores.shape:
            raise ShapeError(
                f"loss: expected a gradient of the shape of the scores, {shapes.show(scores.shape)}, got "
                f"{shapes.show(dscores.shape)}{column_hint(scores.shape, np.shape(targets), 'y')}"
            )
        self.total += loss if self.is_sum else loss * count
        self.seen += count
        if self.metrics:
            outputs = scores if self.finish is None else self.finish(scores)
            for place, metric in enumerate(self.metrics):
                if weights is None or place < self.unweighted:
                    metric.update(outputs, targets)
                else:
                    metric.update(outputs, targets, weights)
        return dscores

    def state_dict(self) -> dict[str, Any]:
        """A copy of the sums so far. Raises TypeError for a metric that keeps anything but numbers and arrays."""
        return {"total": self.total, "seen": self.seen, "metrics": [kept_of(metric) for metric in self.metrics]}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from such sums."""
        self.total, self.seen = float(state["total"]), float(state["seen"])
        for metric, kept in zip(self.metrics, state["metrics"], strict=True):
            for name, value in kept.items():
                setattr(metric, name, type(vars(metric)[name])(value) if isinstance(value, list) else value)

    @property
    def mean(self) -> float:
        """The mean loss per sample, without its weight in the total."""
        return self.total / self.seen if self.seen else math.nan

    def results(self, *, each_batch: bool) -> dict[str, Any]:
        """The metrics by what they are called in the logs."""
        metrics = [metric for metric in self.metrics if not each_batch or getattr(metric, "each_batch", True)]
        return {f"{self.prefix}{metric.name}": metric.result() for metric in metrics}


def kept_of(metric: Any) -> dict[str, Any]:
    """What a metric has counted: its attributes, but for functions. Raises TypeError for what no file holds."""
    kept = {name: value for name, value in vars(metric).items() if not callable(value)}
    for name, value in kept.items():
        if not _is_plain(value):
            raise TypeError(
                f"{type(metric).__name__}.{name}: expected numbers, arrays and lists of them, which can be saved "
                f'within an epoch, got {type(value).__name__}; with save_freq="epoch" it is not saved'
            )
    return copy.deepcopy(kept)


def _is_plain(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, int | float | str | np.ndarray | np.generic)


class Objective:
    """A model with the losses and metrics of its outputs.

    Scores, targets, weights and gradients are each one array where the model has one output, and else a tuple in the
    order of its outputs.
    """

    def __init__(self, module: Module, outputs: Sequence[Output]) -> None:
        self.module, self.outputs = module, outputs
        self.is_single = not outputs[0].name

    @property
    def criteria(self) -> list[Any]:
        """Every loss and every metric."""
        return [each for output in self.outputs for each in (output.loss, *output.metrics)]

    @property
    def losses(self) -> list[str]:
        """What the losses of several outputs are called in the logs."""
        return [] if self.is_single else [f"{output.prefix}loss" for output in self.outputs]

    @property
    def metrics(self) -> dict[str, Any]:
        """The metrics by what they are called in the logs."""
        return {f"{output.prefix}{metric.name}": metric for output in self.outputs for metric in output.metrics}

    @property
    def total(self) -> float:
        """The weighted sum of all losses so far: NaN or infinite from the batch on in which one of them is."""
        return self._sum([output.total for output in self.outputs])

    def reset(self) -> None:
        """Forget every batch."""
        for output in self.outputs:
            output.reset()

    def state_dict(self) -> dict[str, Any]:
        """A copy of what has been counted so far."""
        return {"outputs": [output.state_dict() for output in self.outputs]}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what had been counted."""
        for output, own in zip(self.outputs, state["outputs"], strict=True):
            output.load_state_dict(own)

    def by_output(self, values: Any) -> tuple[Any, ...]:
        """Scores, targets or weights, one for each output."""
        return (values,) if self.is_single else values

    def scores_by_output(self, scores: Any) -> tuple[Array, ...]:
        """What the model gave, one array for each output. Raises TypeError and ShapeError for anything else.

        A dict, such as a `Graph` gives that names its outputs, goes by the names.
        """
        if isinstance(scores, Mapping):
            return self._by_name(scores)
        if self.is_single:
            if isinstance(scores, tuple):
                raise TypeError(
                    f"expected one output, got {len(scores)} of them: a model with several names them in output_names"
                )
            return (scores,)
        names = ", ".join(output.name for output in self.outputs)
        if not isinstance(scores, tuple):
            raise TypeError(f"expected a tuple of the outputs {names}, got {type(scores).__name__}")
        if len(scores) != len(self.outputs):
            raise ShapeError(f"expected a tuple of the outputs {names}, got {len(scores)} arrays")
        return scores

    def _by_name(self, scores: Mapping[str, Array]) -> tuple[Array, ...]:
        if self.is_single and len(scores) == 1:  # whatever it's called
            return tuple(scores.values())
        names = [output.name for output in self.outputs]
        if set(scores) != set(names):
            raise TypeError(f"expected the outputs {', '.join(names)}, got {', '.join(map(str, scores))}")
        return tuple(scores[name] for name in names)

    def count(self, scores: Any, targets: Any, weights: Any = None) -> Any:
        """Count a batch; returns the gradient of the weighted sum of the losses by the scores."""
        if self.is_single:
            (single,) = self.scores_by_output(scores)
            return self.outputs[0].count(single, targets, weights)
        weights = (None,) * len(self.outputs) if weights is None else weights
        gradients = []
        for output, own, answers, counts in zip(
            self.outputs, self.scores_by_output(scores), targets, weights, strict=True
        ):
            dscores = output.count(own, answers, counts)
            gradients.append(dscores if output.weight == 1 else dscores * dscores.dtype.type(output.weight))
        return tuple(gradients)

    def train(self, batch: Batch, optimizer: Any, ranks: Ranks = ALONE) -> None:
        """One step on a batch, which is counted: by each rank the whole, so that losses and metrics know no shares."""
        with ranks.sharing(batch.images):
            own, backward = self.module.forward(batch.inputs, train=True)
            scores, part = ranks.gathered((self.scores_by_output(own), batch.part), batch.images)
            dscores = self.count(scores[0] if self.is_single else scores, *part)
            optimizer.zero_grad()
            backward(ranks.cut(dscores, batch.images), need_dx=False)
        ranks.add_up(optimizer)
        optimizer.step()

    def result(self, *, each_batch: bool = False) -> dict[str, Any]:
        """The mean loss per sample, those of several outputs, and the metrics: what is logged.

        After each batch only the metrics that are quick to tell.
        """
        logs: dict[str, Any] = {"loss": self._sum([output.mean for output in self.outputs])}
        logs |= {name: output.mean for name, output in zip(self.losses, self.outputs, strict=False)}
        for output in self.outputs:
            logs |= output.results(each_batch=each_batch)
        return logs

    def _sum(self, values: list[float]) -> float:
        """The weighted sum of a value of each output, in their order."""
        if self.is_single:
            return values[0]
        total = 0.0
        for output, value in zip(self.outputs, values, strict=True):
            total += output.weight * value
        return total


def objective(
    module: Module, loss: Any, metrics: Any, loss_weights: Any = None, weighted_metrics: Any = ()
) -> Objective:
    """The objective of a model for losses and metrics as `fit` takes them. Raises TypeError and ValueError."""
    names = output_names(module)
    losses = by_output(loss, names)
    groups = metrics_by_output(metrics, names)
    weighted = metrics_by_output(weighted_metrics, names, "weighted_metrics")
    weights = loss_weights_of(loss_weights, names)
    for group, own in zip(groups, weighted, strict=True):
        check_metrics(group, own)
    if len(losses) == 1:
        body, criterion, finish = joined(module, losses[0])
        of_probabilities = gives_probabilities(module)
        output = Output("", criterion, groups[0], weighted[0], finish=finish, of_probabilities=of_probabilities)
        return Objective(body, [output])
    made = [
        Output(name, criterion, group, own, weight=weight)
        for name, criterion, group, own, weight in zip(names, losses, groups, weighted, weights, strict=True)
    ]
    check_logs([(output.name, output.metrics) for output in made])
    return Objective(module, made)
