"""ONNX's losses and steps of training by minidl's losses and optimizers."""

import math
from typing import Any

import numpy as np

import minidl as ml
from minidl import functional as F
from minidl.losses.loss import ClassLoss, Each
from tests.onnx.cases import Case, Node

Outputs = tuple[np.ndarray, ...]
"""Of a node, in their order."""


def check(case: Case) -> None:
    """Raise AssertionError unless minidl's outputs are those of the case, which has a single node."""
    (node,) = case.nodes
    inputs = [case.inputs[name] if name else None for name in node.inputs]
    outputs = dict(zip(node.outputs, OPERATORS[node.operator](node, *inputs), strict=False))
    if node.unheeded:
        raise NotImplementedError(f"{node.operator}: nothing heeds {', '.join(sorted(node.unheeded))}")
    for name, expected in case.outputs.items():
        assert (outputs[name].shape, outputs[name].dtype) == (expected.shape, expected.dtype), name
        np.testing.assert_allclose(outputs[name], expected, rtol=case.rtol, atol=case.atol, err_msg=name)


class NegativeLogLikelihood(ClassLoss):
    """Less the right class's score, whatever the scores are: a custom loss, on what minidl brings for all.

    Of rows of log-probabilities `CrossEntropy` is the same, but ONNX's cases have any numbers.
    """

    def __init__(self, *, class_weight: np.ndarray | None, reduction: str) -> None:
        super().__init__(reduction=reduction)
        self.class_weight = class_weight

    def each(self, scores: np.ndarray, targets: np.ndarray) -> Each:
        rows, importance = np.arange(len(scores)), None
        weights = np.ones(len(scores), scores.dtype)
        if self.class_weight is not None:
            weights = importance = self.class_weight[targets]

        def pullback(parts: np.ndarray) -> np.ndarray:
            dscores = np.zeros_like(scores)
            dscores[rows, targets] = -weights * parts
            return dscores

        return Each(-weights * scores[rows, targets], pullback, importance)


def cross_entropy(node: Node, scores: Any, labels: Any, weight: Any = None) -> Outputs:
    loss = ml.CrossEntropy(class_weight=weight, reduction=node.get("reduction", "mean"))
    log_probabilities = F.log_softmax(_rows(scores))[0].reshape(np.moveaxis(scores, 1, -1).shape)
    return _loss(node, loss, scores, labels), np.moveaxis(log_probabilities, -1, 1)


def negative_log_likelihood(node: Node, scores: Any, labels: Any, weight: Any = None) -> Outputs:
    loss = NegativeLogLikelihood(class_weight=weight, reduction=node.get("reduction", "mean"))
    return (_loss(node, loss, scores, labels),)


def _loss(node: Node, loss: ClassLoss, scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Each pixel is a sample, and counts unless its label is the one to ignore, which needn't be a class."""
    targets, ignored = labels.reshape(-1), node.get("ignore_index")
    counts = None
    if ignored is not None:
        counts = targets != ignored
        targets = np.where(counts, targets, 0)
    value = loss(_rows(scores), targets, sample_weight=counts)[0]
    return value.reshape(labels.shape) if loss.reduction == "none" else np.float32(value)


def _rows(scores: np.ndarray) -> np.ndarray:
    """(n, classes, ...) as (samples, classes)."""
    return np.moveaxis(scores, 1, -1).reshape(-1, scores.shape[1])


def momentum(node: Node, rate: Any, step: Any, *arrays: Any) -> Outputs:
    """ONNX's beta is 1 less dampening."""
    values, gradients, velocities = _parts(arrays, 3)
    beta = node.get("beta")
    beta = beta if step > 0 else 1.0
    nesterov = node.get("mode") == "nesterov"
    if nesterov and beta != 1:
        raise NotImplementedError("Momentum: Nesterov's with a beta other than 1")
    parameters = _parameters(values, gradients)
    optimizer = ml.SGD(
        parameters,
        lr=float(rate),
        momentum=node.get("alpha"),
        dampening=1 - beta,
        nesterov=nesterov,
        weight_decay=node.get("norm_coefficient"),
    )
    state = _step(optimizer, step, velocity=velocities)
    return _values(parameters) + tuple(_split(state["velocity"], values))


def adam(node: Node, rate: Any, step: Any, *arrays: Any) -> Outputs:
    """ONNX adds epsilon before the second moment's bias is corrected, and corrects nothing in step 0."""
    values, gradients, first, second = _parts(arrays, 4)
    betas = (node.get("alpha", 0.9), node.get("beta", 0.999))
    count = max(int(step), 1)
    corrections = 1 - betas[0] ** count, math.sqrt(1 - betas[1] ** count)
    parameters = _parameters(values, gradients)
    optimizer = ml.Adam(
        parameters,
        lr=float(rate) * (1 if step > 0 else corrections[0] / corrections[1]),
        betas=betas,
        eps=node.get("epsilon", 1e-6) / corrections[1],
        weight_decay=node.get("norm_coefficient", 0.0),
    )
    state = _step(optimizer, count - 1, first_moment=first, second_moment=second)
    shrink = np.float32(1 - node.get("norm_coefficient_post", 0.0))
    moments = (*_split(state["first_moment"], values), *_split(state["second_moment"], values))
    return tuple(shrink * value for value in _values(parameters)) + moments


def adagrad(node: Node, rate: Any, step: Any, *arrays: Any) -> Outputs:
    """ONNX counts steps from 0, minidl and PyTorch from 1."""
    values, gradients, totals = _parts(arrays, 3)
    parameters = _parameters(values, gradients)
    optimizer = ml.Adagrad(
        parameters,
        lr=float(rate),
        lr_decay=node.get("decay_factor", 0.0),
        eps=node.get("epsilon", 1e-6),
        weight_decay=node.get("norm_coefficient", 0.0),
    )
    return _values(parameters) + tuple(_split(_step(optimizer, step, total=totals)["total"], values))


def _parts(arrays: Outputs, count: int) -> list[Outputs]:
    """Values, gradients and states: as many of each as there are parameters."""
    size = len(arrays) // count
    return [arrays[start : start + size] for start in range(0, len(arrays), size)]


def _parameters(values: Outputs, gradients: Outputs) -> list[ml.Parameter]:
    parameters = [ml.Parameter(value) for value in values]
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient
    return parameters


def _step(optimizer: ml.Optimizer, steps: Any, **state: Any) -> dict[str, Any]:
    """The state after one more step from this one."""
    vectors = {name: np.concatenate([array.reshape(-1) for array in arrays]) for name, arrays in state.items()}
    optimizer.load_state_dict({"steps": int(steps), "lr": optimizer.lr, **vectors})
    optimizer.step()
    return optimizer.state_dict()


def _values(parameters: list[ml.Parameter]) -> Outputs:
    return tuple(parameter.value for parameter in parameters)


def _split(vector: np.ndarray, like: Outputs) -> Outputs:
    ends = np.cumsum([array.size for array in like])[:-1]
    return tuple(part.reshape(array.shape) for part, array in zip(np.split(vector, ends), like, strict=True))


OPERATORS: dict[str, Any] = {
    "Adagrad": adagrad,
    "Adam": adam,
    "Momentum": momentum,
    "NegativeLogLikelihoodLoss": negative_log_likelihood,
    "SoftmaxCrossEntropyLoss": cross_entropy,
}
"""ONNX's operators of training: no network has them, so they're compared with minidl's own by themselves."""
