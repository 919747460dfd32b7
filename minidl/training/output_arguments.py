"""What fit and evaluate are given for each output of a model, by name or in order, checked before any work."""

from collections.abc import Mapping, Sequence
from typing import Any

from minidl.nested import check_names, in_order, naming
from minidl.numeric import in_range
from minidl.training.arguments import check_loss, weights_of


def by_output(loss: Any, names: Sequence[str]) -> tuple[Any, ...]:
    """The loss of each output, in their order. Raises TypeError and ValueError for others than there are."""
    if len(names) < 2:
        if isinstance(loss, Mapping):
            if not names:
                raise TypeError("loss: expected one loss, got a dict; this model has one output")
            return in_order(loss, names, "loss", "losses")
        return (loss,)
    if isinstance(loss, Mapping | tuple | list):
        return in_order(loss, names, "loss", "losses")
    return (loss,) * len(names)  # one for all, as in Keras


def check_losses(loss: Any, names: Sequence[str], *, sample_weight: Any, class_weight: Any = None) -> None:
    """Raise TypeError and ValueError unless there is a loss for each output, with weights where there are any."""

    def is_given(weights: Any, name: str) -> bool:
        return weights is not None and (len(names) < 2 or not isinstance(weights, Mapping) or name in weights)

    for name, each in zip(names if len(names) > 1 else [""], by_output(loss, names), strict=True):
        with naming("loss", name):
            check_loss(each, weighted=is_given(sample_weight, name) or is_given(class_weight, name))


def metrics_by_output(metrics: Any, names: Sequence[str], argument: str = "metrics") -> list[Sequence[Any]]:
    """The metrics of each output, in their order. Raises TypeError and ValueError for names that there aren't."""
    if isinstance(metrics, Mapping):
        if not names:
            raise TypeError(f"{argument}: expected a list, got a dict; this model has one output")
        check_names(metrics, names, argument)
        return [_listed_metrics(metrics.get(name, ())) for name in names]
    if len(names) < 2:
        return [metrics]
    if not isinstance(metrics, Sequence) or len(metrics):
        known = ", ".join(f"{name!r}: [...]" for name in names)
        raise TypeError(f"{argument}: expected those of each output, {{{known}}}, got {metrics!r}")
    return [()] * len(names)


def _listed_metrics(metrics: Any) -> Any:
    is_one = hasattr(metrics, "update") and not isinstance(metrics, Sequence | type)
    return [metrics] if is_one else metrics


def loss_weights_of(loss_weights: Any, names: Sequence[str]) -> list[float]:
    """What each output's loss counts in the total: 1 unless given. Raises TypeError and ValueError."""
    if loss_weights is None:
        return [1.0] * max(len(names), 1)
    if len(names) < 2:
        raise ValueError("loss_weights: expected none for a model with one output, whose loss is the total")
    if isinstance(loss_weights, Mapping):
        check_names(loss_weights, names, "loss_weights")
        weights = [loss_weights.get(name, 1.0) for name in names]
    else:
        weights = list(in_order(loss_weights, names, "loss_weights", "numbers"))
    for weight in weights:
        if not in_range(weight):
            raise ValueError(f"loss_weights: expected finite numbers of at least 0, got {weight!r}")
    if not any(weights):
        raise ValueError("loss_weights: expected numbers that aren't all 0")
    return [float(weight) for weight in weights]


def check_logs(outputs: Sequence[tuple[str, Sequence[Any]]]) -> None:
    """Raise ValueError unless each loss and metric of (output, metrics) is another one, with a name of its own."""
    taken, seen = {"loss", "lr", "epoch"}, set[int]()
    for name in [f"{name}_loss" for name, _ in outputs] + [
        f"{name}_{each.name}" for name, own in outputs for each in own
    ]:
        if name in taken or name.startswith("val_"):
            twice = "more than one value is" if name in taken - {"loss", "lr", "epoch"} else "no value may be"
            raise ValueError(f"metrics: {twice} called {name!r}; give the output or the metric another name")
        taken.add(name)
    for output, metrics in outputs:
        for metric in metrics:
            if id(metric) in seen:
                raise ValueError(f"metrics: {output!r} has the {metric!r} of another output; it needs one of its own")
            seen.add(id(metric))


def weights_by_output(y: Any, sample_weight: Any, class_weight: Any, names: Sequence[str]) -> Any:
    """The weights of the samples, of several outputs a tuple of them; None where all count alike.

    For several outputs `sample_weight` is one array for all of them, or a dict by their names, and `class_weight` such
    a dict. Raises ShapeError, TypeError and ValueError for what doesn't fit.
    """
    if len(names) < 2:
        if names and isinstance(sample_weight, Mapping):
            (sample_weight,) = in_order(sample_weight, names, "sample_weight")
        return weights_of(y, sample_weight, class_weight)
    if class_weight is not None and (
        not isinstance(class_weight, Mapping) or any(not isinstance(key, str) for key in class_weight)
    ):
        raise TypeError(f"class_weight: expected {{output: {{class: weight}}}}, got {class_weight!r}")
    own = _by_name(sample_weight, names, "sample_weight")
    of_classes = _by_name(class_weight, names, "class_weight")
    weights = []
    for name, targets in zip(names, y, strict=True):
        with naming("", name):
            weights.append(weights_of(targets, own.get(name), of_classes.get(name)))
    return None if all(each is None for each in weights) else tuple(weights)


def _by_name(weights: Any, names: Sequence[str], argument: str) -> Mapping[str, Any]:
    if isinstance(weights, Mapping):
        check_names(weights, names, argument)
        return weights
    return {} if weights is None else dict.fromkeys(names, weights)
